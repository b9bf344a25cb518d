"""YAML with one meaning.

PyYAML's own loaders keep the last of two equal keys, expand aliases without bound, and turn `no` into False and
`12:30:45` into 45045 (attacks 1C). This reader takes PyYAML's events, which know nothing of meaning, and gives them
one: mappings with text keys, lists, text, `true`, `false`, `null` and plain decimal integers. It collects every problem
it finds instead of stopping at the first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

from sealgate.limits import POLICY_BYTES, POLICY_DEPTH
from sealgate.policy.problems import Path, Problem, written

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | bool | None"

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Document:
    """A file, read.

    Args:
        data: what it says; None when it could not be read at all.
        marks: line and column, from 1, of each place in it: of the key, or of the list's item.
        problems: what is wrong with it as YAML.
    """

    file: str
    data: Plain = None
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, text: str, hint: str = "", *, error: bool = True) -> Problem:
        """A problem at a place in this document, or at the nearest place above it that has a mark."""
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (1, 1))
        return Problem(
            file=self.file,
            line=line,
            column=column,
            path=written(path[:-1] if path[-1:] == ("?",) else path),
            text=text,
            hint=hint,
            error=error,
        )


def read(file: str, raw: bytes) -> Document:
    """Read one YAML document.

    Args:
        file: its name, for problems.
        raw: UTF-8.
    """
    document = Document(file)
    if len(raw) > POLICY_BYTES:
        document.problems.append(document.problem((), f"the file has more than {POLICY_BYTES} bytes"))
        return document
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        document.problems.append(document.problem((), "the file is not UTF-8"))
        return document
    try:
        _Reader(document, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ", ".join(part for part in (error.context, error.problem) if part)
        document.marks[()] = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.problems.append(document.problem((), f"not YAML: {told}"))
        document.data = None
    except (yaml.YAMLError, _TooDeep) as error:
        document.problems.append(document.problem((), f"not YAML: {error}"))
        document.data = None
    return document


class _TooDeep(Exception):
    pass


class _Reader:
    """Gives events their meaning."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self._document = document
        self._events = events

    def document(self) -> None:
        """The one document of the stream."""
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            self._problem((), "the file is empty")
            return
        self._document.data = self._node(next(self._events), (), 1)
        next(self._events)  # the document's end
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            self._problem((), "the file has more than one document")

    def _node(self, event: Any, path: Path, depth: int) -> Plain:
        if depth > POLICY_DEPTH:
            raise _TooDeep(f"nested more than {POLICY_DEPTH} levels deep")
        self._document.marks.setdefault(path, (event.start_mark.line + 1, event.start_mark.column + 1))
        if isinstance(event, yaml.AliasEvent):
            self._problem(path, "aliases are not allowed", "write it out")
            return None
        if event.anchor is not None:
            self._problem(path, "anchors are not allowed", "write it out where it is needed")
        if event.tag is not None and event.tag != "!":
            self._problem(path, f"the tag {event.tag} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event.value) if event.style is None else str(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: Path, depth: int) -> Plain:
        items: list[Plain] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> Plain:
        made: dict[str, Plain] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            here = (event.start_mark.line + 1, event.start_mark.column + 1)
            key = self._key(event, path, depth)
            duplicate = key is not None and key in made
            place = (*path, f"{key}") if key is not None and not duplicate else (*path, "?")
            self._document.marks[place] = here
            value = self._node(next(self._events), place, depth + 1)
            if duplicate:
                self._problem(place, f"{key} stands here a second time")
            elif key is not None:
                made[key] = value
        return made

    def _key(self, event: Any, path: Path, depth: int) -> str | None:
        self._document.marks[*path, "?"] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag in (None, "!"):
            value = _scalar(event.value) if event.style is None else str(event.value)
            if isinstance(value, str) and value != "<<":
                return value
            told = "merge keys are not allowed" if value == "<<" else f"the key {event.value} is not text"
            self._problem((*path, "?"), told, "" if value == "<<" else "put it into quotes")
            return None
        self._node(event, (*path, "?"), depth + 1)
        self._problem((*path, "?"), "a key is plain text")
        return None

    def _problem(self, path: Path, text: str, hint: str = "") -> None:
        self._document.problems.append(self._document.problem(path, text, hint))


def _scalar(text: str) -> Plain:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _INTEGER.fullmatch(text) else text
