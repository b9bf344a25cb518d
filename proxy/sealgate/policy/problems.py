"""What is wrong with a file that a person wrote: where, what, and what to do about it."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One error or warning.

    Args:
        file: its name.
        line: from 1; 0 where there is no line.
        column: from 1.
        path: where in the document, as `rules[0].name`; "" for the whole.
        text: what is wrong.
        hint: what to do; "" when there is nothing more to say.
        error: False for a warning.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    text: str
    hint: str = ""
    error: bool = True

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part)
        told = f"{where}: " + (f"{self.path}: " if self.path else "") + self.text
        return told + (f"; {self.hint}" if self.hint else "")


def written(path: Path) -> str:
    """A path as people write it."""
    told = ""
    for part in path:
        told += f"[{part}]" if isinstance(part, int) else f".{part}" if told else part
    return told


def did_you_mean(word: str, known: list[str]) -> str:
    """A suggestion, where one is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""
