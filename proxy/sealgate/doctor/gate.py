"""Which host the gate is, and whether what a client's configuration names is that host."""

import re
from dataclasses import dataclass
from typing import Final, Self

from sealgate.errors import Malformed

_PLACE: Final = re.compile(
    r"(?:(https?)://)?([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/[^?#\\]*)?",
    re.ASCII,
)
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.ASCII)


def place_of(text: str) -> str:
    """The host and port of a URL, or of the beginning of an image's name; "" for what is neither.

    `:443` is left out and `:80` written, since clients speak HTTPS to a host without a scheme.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        return ""
    port = found[3] or ("80" if found[1] == "http" else "443")
    return found[2].lower() + ("" if port == "443" else f":{port}")


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate, by its place."""

    place: str

    @classmethod
    def at(cls, text: str) -> Self:
        """The gate at a host, `gate.example`, `gate.example:8443`, or at a URL.

        Raises:
            Malformed: the text is neither.
        """
        if not (place := place_of(text)):
            raise Malformed(f"{text} is no host; as in gate.example or https://gate.example:8443")
        return cls(place)

    def is_at(self, text: str) -> bool:
        """Whether a URL or the beginning of an image's name leads to the gate."""
        return place_of(text) == self.place

    @property
    def url(self) -> str:
        """What to write where a URL is wanted."""
        return f"http://{self.place}" if self._is_local else f"https://{self.place}"

    def in_the_clear(self, text: str) -> bool:
        """Whether this leads to the gate by plain HTTP, over a network."""
        return self.is_at(text) and text.startswith("http://") and not self._is_local

    @property
    def _is_local(self) -> bool:
        return _LOOPBACK.fullmatch(self.place.rpartition(":")[0] or self.place) is not None
