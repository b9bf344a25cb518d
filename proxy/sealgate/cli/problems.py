"""What is wrong with a file, shown at its place: the line, and a caret under the spot."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid
from sealgate.policy.problems import Problem

_SHOWN: Final = 100  # characters of a line in which something is wrong


def shown(problem: Problem) -> str:
    """The problem, with the line that it is in and a caret under its place. Printable."""
    line = _source_line(problem)
    if line is None:
        return str(problem)
    begin = max(0, problem.column - _SHOWN // 2)
    place = f"{' ' * (problem.column - 1 - begin)}^"
    return f"{problem}\n  {problem.line:>4} | {line[begin : begin + _SHOWN]}\n       | {place}"


def refusal(problems: Iterable[Problem]) -> ConfigurationInvalid:
    """An exception that shows each of these problems."""
    return ConfigurationInvalid(*(shown(problem) for problem in problems))


def _source_line(problem: Problem) -> str | None:
    if not problem.line:
        return None
    try:
        lines = files.read(Path(problem.file)).decode("utf-8", errors="replace").split("\n")
    except ConfigurationInvalid:  # gone since it was read, or a name that is no file's
        return None
    if problem.line > len(lines):
        return None
    return "".join(char if char.isprintable() else " " for char in lines[problem.line - 1])
