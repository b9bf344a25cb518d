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

from sealgate.limits import GLOBS_IN_MEMORY, MATCHED_CHARACTERS

_TOKEN: Final = re.compile(r"\*+|\?|[^*?]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Machine:
    """A glob as bit masks over its positions: bit i is set where i tokens are matched."""

    advance: Mapping[str, int]  # by character: positions whose next token is that character
    any_one: int  # positions whose next token is `?`
    stay: int  # positions whose next token is `*`
    cross: int  # positions whose next token is `**`
    end: int
    head: str  # what every text begins with: most globs of a large set are told from a text by it alone

    def accepts(self, text: str) -> bool:
        if not text.startswith(self.head):
            return False
        skip = self.stay | self.cross  # a run may be empty; two runs never stand side by side, so one step is enough
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


@lru_cache(GLOBS_IN_MEMORY)
def _machine(glob: str) -> _Machine:
    advance: dict[str, int] = {}
    masks = {"?": 0, "*": 0, "**": 0}
    tokens = _TOKEN.findall(glob)
    for position, token in enumerate(tokens):
        kind = token[:2] if token[0] == "*" else token  # three stars and more are two
        if kind in masks:
            masks[kind] |= 1 << position
        else:
            advance[kind] = advance.get(kind, 0) | 1 << position
    return _Machine(
        advance, masks["?"], masks["*"], masks["**"], 1 << len(tokens), re.split(r"[*?]", glob, maxsplit=1)[0]
    )


def matches(glob: str, text: str) -> bool:
    """Whether the whole text is matched by the glob; never a text of more than `MATCHED_CHARACTERS`."""
    return len(text) <= MATCHED_CHARACTERS and _machine(glob).accepts(text)


def is_glob(text: str) -> bool:
    """Whether anything in it is special."""
    return "*" in text or "?" in text
