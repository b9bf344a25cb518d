"""What is wrong with a file that a person wrote: where, what, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, TypeAlias

from sealgate.limits import SHOWN_CHARACTERS, SUGGESTED_CHARACTERS

Path: TypeAlias = tuple[str | int, ...]
"""Where in a document: keys and positions, from the outside in."""

NAMELESS: Final = -1
"""The last part of the path to something that has no name: a key that is none, a second document."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One error or warning.

    Args:
        file: its name; or the flag or variable that a person gave.
        line: from 1; 0 where there is no line.
        column: from 1.
        path: where in the document, as `rules[0].name`; "" for the whole.
        text: what is wrong.
        hint: what to do; "" when there is nothing more to say.
        error: False for a warning.
        source: what stands in that line, printable; "" where there is no line.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    text: str
    hint: str = ""
    error: bool = True
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part)
        told = f"{where}: " + (f"{self.path}: " if self.path else "") + self.text
        return told + (f"; {self.hint}" if self.hint else "")

    def shown(self) -> str:
        """The problem, with the line that it is in and a caret under its place."""
        if not self.source.strip():
            return str(self)
        begin = max(0, self.column - SHOWN_CHARACTERS // 2)
        part, before = self.source[begin : begin + SHOWN_CHARACTERS], " " * (self.column - 1 - begin)
        return f"{self}\n  {self.line:>4} | {part}\n       | {before}^"


def written(path: Path) -> str:
    """A path as people write it."""
    told = ""
    for part in path:
        if part == NAMELESS:
            continue
        told += f"[{part}]" if isinstance(part, int) else f".{part}" if told else part
    return told


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A suggestion, where one is near: `cutoff` is difflib's ratio, from 0 to 1."""
    if len(word) > SUGGESTED_CHARACTERS:
        return ""
    near = get_close_matches(word, sorted(known), n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""
