"""Patterns over canonical repository names: globs in which whole segments may be `{captures}` (design section 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import GLOB_CHARACTERS
from sealgate.policy import glob

CAPTURE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)
"""A capture in a repository pattern, and its use in a requirement."""

_SEGMENT: Final = re.compile(
    r"[a-z0-9._*?-]+", re.ASCII
)  # what a name's components are made of (oci.reference), and *?


@dataclass(frozen=True, slots=True)
class RepositoryGlob:
    """A glob over canonical repository names in which whole segments may be `{captures}`.

    Made by `repository_glob`, which checks it.
    """

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its captures, in order."""
        return tuple(CAPTURE.findall(self.text))

    def capture(self, name: str) -> Mapping[str, str] | None:
        """What each capture stands for in this name; None when the pattern does not match it."""
        if "{" not in self.text:
            return {} if glob.matches(self.text, name) else None
        wanted, given = self.text.split("/"), name.split("/")
        if "**" in wanted:  # stands for one segment or more: the others are counted from both ends
            at = wanted.index("**")
            crossed = len(given) - len(wanted) + 1
            if crossed < 1:
                return None
            wanted[at : at + 1] = ["*"] * crossed
        if len(wanted) != len(given):
            return None
        found: dict[str, str] = {}
        for pattern, segment in zip(wanted, given, strict=True):
            if not segment:
                return None
            if (held := CAPTURE.fullmatch(pattern)) is not None:
                found[held[1]] = segment
            elif not glob.matches(pattern, segment):
                return None
        return found


def repository_glob(text: str) -> RepositoryGlob:
    """Check a repository pattern.

    Raises:
        ConfigurationInvalid: something that no repository's name can match; a capture that is not a whole segment or
            is named twice; captures beside more than one `**`, or beside a `**` that is only part of a segment, for
            then one name could be read in two ways.
    """
    if len(text) > GLOB_CHARACTERS:
        raise ConfigurationInvalid(f"a pattern has at most {GLOB_CHARACTERS} characters")
    if "://" in text:
        raise ConfigurationInvalid("a pattern is matched with a repository's name, which has no https:// before it")
    segments = text.split("/")
    for segment in segments:
        if ("{" in segment or "}" in segment) and not CAPTURE.fullmatch(segment):
            raise ConfigurationInvalid(
                f"{segment} is no capture: it is a whole segment, {{name}} between slashes, in lower case"
            )
        if "{" not in segment and not _SEGMENT.fullmatch(segment):
            raise ConfigurationInvalid(f"{text} can match no repository: {_why(segment)}")
    names = CAPTURE.findall(text)
    if len(set(names)) != len(names):
        raise ConfigurationInvalid("a capture is named twice")
    if names and (segments.count("**") > 1 or any("**" in segment and segment != "**" for segment in segments)):
        raise ConfigurationInvalid(
            "beside captures ** may stand once, as a segment of its own; else a name could be read in two ways"
        )
    return RepositoryGlob(text)


def _why(segment: str) -> str:
    if not segment:
        return "names have no empty segment, so no / at either end and no //"
    if ":" in segment or "@" in segment:
        return "names hold no port, no tag and no digest"
    if segment != segment.lower():
        return "names are in lower case"
    return "names are made of lower-case letters, digits and . _ -"
