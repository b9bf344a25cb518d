"""Content digests (image-spec, descriptor.md, "Digests")."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from sealgate.errors import ReferenceMalformed

_HEX_CHARACTERS = {"sha256": 64, "sha512": 128}
_GRAMMAR = re.compile(r"(sha256|sha512):([0-9a-f]+)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest of one of the registered algorithms, always in canonical form.

    Only `sha256` and `sha512` are accepted: the two that the image-spec registers.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:hex`.

        Raises:
            ReferenceMalformed: another algorithm, length, case or character.
        """
        found = _GRAMMAR.fullmatch(text) if len(text) <= len("sha512:") + 128 else None
        if found is None or len(found[2]) != _HEX_CHARACTERS[found[1]]:
            raise ReferenceMalformed("a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits")
        return cls(found[1], found[2])

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Self:
        """The digest of these bytes."""
        return cls(algorithm, hashlib.new(algorithm, content, usedforsecurity=True).hexdigest())

    def matches(self, content: bytes) -> bool:
        """Whether these bytes have this digest."""
        return Digest.of(content, self.algorithm) == self

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


NO_CONTENT = Digest.of(b"")
"""The digest of nothing: what a decision is about that was made before any content came."""
