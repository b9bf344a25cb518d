"""Repository names, tags and references (distribution-spec 1.1, "Pulling manifests")."""

import re
from dataclasses import dataclass
from typing import Self

from sealgate.errors import ReferenceMalformed
from sealgate.limits import REPOSITORY_CHARACTERS, TAG_CHARACTERS
from sealgate.oci.digest import Digest

# The distribution-spec's own grammar of one component. Python's possessive quantifiers would be faster still, but
# this form has one way to match each character, so it cannot backtrack badly (attacks B16).
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """The canonical name of a repository."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a repository name.

        Raises:
            ReferenceMalformed: it is not one of the spec's grammar, or is longer than `REPOSITORY_CHARACTERS`.
        """
        if len(text) > REPOSITORY_CHARACTERS:
            raise ReferenceMalformed(f"a repository name has at most {REPOSITORY_CHARACTERS} characters")
        if not all(_COMPONENT.fullmatch(component) for component in text.split("/")):
            raise ReferenceMalformed(
                "a repository name is made of lower-case letters, digits and single separators (. _ __ -), "
                "in components divided by /"
            )
        return cls(text)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A tag."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a tag.

        Raises:
            ReferenceMalformed: it is not one of the spec's grammar.
        """
        if len(text) > TAG_CHARACTERS or not _TAG.fullmatch(text):
            raise ReferenceMalformed(
                f"a tag is at most {TAG_CHARACTERS} letters, digits, _ . and -, and begins with a letter, digit or _"
            )
        return cls(text)

    def __str__(self) -> str:
        return self.name


Reference = Tag | Digest


def parse_reference(text: str) -> Reference:
    """Read what may stand after `/manifests/`: a digest if it has a colon, else a tag.

    Raises:
        ReferenceMalformed: it is neither.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)


def named(repository: Repository, reference: Reference) -> str:
    """The two as people write them: `repo:tag` or `repo@digest`."""
    return f"{repository}{':' if isinstance(reference, Tag) else '@'}{reference}"
