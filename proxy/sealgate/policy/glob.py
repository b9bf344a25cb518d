"""Globs (design section 3): `*` is any run of characters but `/`, `**` crosses `/`, `?` is one character but `/`.

Nothing else is special, nothing is folded or normalised, and the whole text must match. The matcher is our own:
`fnmatch` lets `*` cross `/` (attacks B15), and a regular expression made from a glob can backtrack (attacks B16). This
one keeps the set of reachable positions as the bits of one integer: time is the length of the text, for any pattern.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sealgate.errors import ConfigurationInvalid

CAPTURE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)
"""A capture in a repository pattern, and its use in a requirement."""

_TOKEN: Final = re.compile(r"\*{2,}|\*|\?|[^*?]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Machine:
    """A glob as bit masks over its positions: bit i is set where i tokens are matched."""

    advance: Mapping[str, int]  # by character: positions whose next token is that character
    any_one: int  # positions whose next token is `?`
    stay: int  # positions whose next token is `*`
    cross: int  # positions whose next token is `**`
    end: int

    def accepts(self, text: str) -> bool:
        skip = self.stay | self.cross
        states = 1 | ((1 & skip) << 1)
        for character in text:
            stepping = self.advance.get(character, 0)
            staying = self.cross
            if character != "/":
                stepping |= self.any_one
                staying |= self.stay
            states = ((states & stepping) << 1) | (states & staying)
            states |= (states & skip) << 1
            if not states:
                return False
        return bool(states & self.end)


@lru_cache(4096)
def _machine(glob: str) -> _Machine:
    tokens: list[str] = []
    for token in _TOKEN.findall(glob):
        kind = "**" if len(token) > 1 else token
        if kind in ("*", "**") and tokens and tokens[-1] in ("*", "**"):
            tokens[-1] = "**"
        else:
            tokens.append(kind)
    advance: dict[str, int] = {}
    masks = {"?": 0, "*": 0, "**": 0}
    for position, token in enumerate(tokens):
        if token in masks:
            masks[token] |= 1 << position
        else:
            advance[token] = advance.get(token, 0) | 1 << position
    return _Machine(advance, masks["?"], masks["*"], masks["**"], 1 << len(tokens))


def matches(glob: str, text: str) -> bool:
    """Whether the whole text is matched by the glob."""
    return _machine(glob).accepts(text)


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
            return {} if matches(self.text, name) else None
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
            if (held := CAPTURE.fullmatch(pattern)) is not None:
                found[held[1]] = segment
            elif not matches(pattern, segment):
                return None
        return found


def repository_glob(text: str) -> RepositoryGlob:
    """Check a repository pattern.

    Raises:
        ConfigurationInvalid: a capture that is not a whole segment or is named twice; captures beside more than one
            `**`, or beside a `**` that is only part of a segment, for then one name could be read in two ways.
    """
    names = CAPTURE.findall(text)
    segments = text.split("/")
    if not text or text != text.strip():
        raise ConfigurationInvalid("a pattern is not empty and has no space around it")
    for segment in segments:
        if ("{" in segment or "}" in segment) and not CAPTURE.fullmatch(segment):
            raise ConfigurationInvalid("a capture is a whole segment: {name} between slashes, in lower case")
    if len(set(names)) != len(names):
        raise ConfigurationInvalid("a capture is named twice")
    if names and (segments.count("**") > 1 or any("**" in segment and segment != "**" for segment in segments)):
        raise ConfigurationInvalid("beside captures ** may stand once, as a segment of its own")
    return RepositoryGlob(text)
