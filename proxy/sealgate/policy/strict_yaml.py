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

from sealgate.limits import POLICY_BYTES, POLICY_DEPTH, POLICY_VALUES, PROBLEM_CHARACTERS, PROBLEMS
from sealgate.oci.wire import printable
from sealgate.policy.problems import NAMELESS, Path, Problem, written

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | bool | None"

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}

# Characters by which a person and this reader could see different files: line breaks that only YAML 1.1 knows (a
# comment would end there), and those that reorder what stands around them ("Trojan Source", CVE-2021-42574).
_DECEPTIVE: Final = re.compile("\r(?!\n)|[\x85\u2028-\u202e\u2066-\u2069\ufeff]")

_ALIAS_HINT: Final = "write it out, or put text that begins with * into quotes"
# What people mean by the commonest errors of YAML.
_HINTS: Final = (
    ("mapping values are not allowed", "put text that has a colon and a space in it into quotes"),
    ("while scanning an alias", "put text that begins with * into quotes"),
    ("found character '\\t'", "indent with spaces, not with tabs"),
    ("that cannot start any token", "put text that begins with such a character into quotes"),
    ("while parsing a flow", "put text that has brackets or braces in it into quotes"),
    ("while scanning a quoted scalar", "close the quotes"),
    ("did not find expected", "look at the indentation"),
    ("but found '<block", "look at the indentation"),
)


@dataclass(slots=True)
class Document:
    """A file, as it was read, and all that is wrong with it.

    Args:
        file: its name, for problems.
        data: what it says; None when it could not be read at all.
        lines: its text.
        marks: line and column, from 1, of each place in it: of the key, or of the list's item.
        problems: what was found wrong, `limits.PROBLEMS` at most.
        refused: every place that an error was found at.
        unfit: those, and every place above them; what is there cannot be relied upon.
    """

    file: str
    data: Plain = None
    lines: list[str] = field(default_factory=list)
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)
    unfit: set[Path] = field(default_factory=set)

    def problem(self, path: Path, text: str, hint: str = "", *, error: bool = True, of: Path | None = None) -> Problem:
        """A problem at a place in this document, or at the nearest place above it that has a mark.

        Args:
            path: the place.
            text: what is wrong.
            hint: what to do about it.
            error: False for a warning.
            of: what to call the place, when that is not its path.
        """
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (0, 0))
        return Problem(
            file=self.file,
            line=line,
            column=column,
            path=printable(written(path if of is None else of), PROBLEM_CHARACTERS),
            text=printable(text, PROBLEM_CHARACTERS),
            hint=hint,
            error=error,
            source=self._source(line),
        )

    def _source(self, line: int) -> str:
        """What stands in a line; what a terminal would obey is left out."""
        said = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return "".join(char if char.isprintable() else " " for char in said)

    def refuse(self, path: Path, text: str, hint: str = "", *, of: Path | None = None) -> None:
        """Note an error at a place; the arguments are those of `problem`."""
        self.refused.add(path)
        self.unfit.update(path[:depth] for depth in range(len(path) + 1))
        if len(self.problems) < PROBLEMS:
            self.problems.append(self.problem(path, text, hint, of=of))

    def fits(self, path: Path) -> bool:
        """Whether nothing is wrong at this place or below it."""
        return path not in self.unfit

    def all_fit(self, path: Path) -> bool:
        """Whether nothing is wrong with any field of a mapping (one that is missing may be among those, misspelt)."""
        places: list[Path] = [(*path, NAMELESS), *((*path, key) for key in self._fields(path))]
        return isinstance(self.at(path), dict) and all(self.fits(place) for place in places)

    def fitting(self, path: Path) -> dict[str, Any]:
        """The fields of a mapping that nothing is wrong with; none when it is no mapping."""
        return {key: value for key, value in self._fields(path).items() if self.fits((*path, key))}

    def items(self, path: Path) -> list[Plain]:
        """The items of a list; none when it is no list."""
        found = self.at(path)
        return found if isinstance(found, list) else []

    def at(self, path: Path) -> Plain:
        """What stands at a place; None when there is nothing."""
        found = self.data
        for part in path:
            if isinstance(found, dict) and part in found:
                found = found[str(part)]
            elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
                found = found[part]
            else:
                return None
        return found

    def _fields(self, path: Path) -> dict[str, Plain]:
        found = self.at(path)
        return found if isinstance(found, dict) else {}


def read(file: str, raw: bytes) -> Document:
    """Read one YAML document.

    Args:
        file: its name, for problems.
        raw: UTF-8.
    """
    document = Document(file)
    if len(raw) > POLICY_BYTES:
        document.refuse((), f"the file has more than {POLICY_BYTES} bytes")
        return document
    document.lines = raw.decode("utf-8", errors="replace").split("\n")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_after(document, raw[: error.start].decode("utf-8"), "the file is not UTF-8")
        return document
    if (found := next(_DECEPTIVE.finditer(text), None)) is not None:
        told = f"the character U+{ord(found[0]):04X} is not allowed"
        _refuse_after(document, text[: found.start()], told, "remove it: it hides what the file says")
        return document
    try:
        _Reader(document, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except (yaml.YAMLError, _TooMuch) as error:
        document.data = None
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            told = ", ".join(part for part in (error.context, error.problem) if part)
            hint = next((hint for part, hint in _HINTS if part in told), "")
            _refuse_after(document, text[: mark.index] if mark else "", f"not YAML: {told}", hint)
        elif isinstance(error, yaml.reader.ReaderError):  # a character that YAML has no place for
            told = f"the character U+{ord(text[error.position]):04X} is not allowed"
            _refuse_after(document, text[: error.position], told)
        else:
            document.refuse((), str(error))
    return document


def _refuse_after(document: Document, before: str, text: str, hint: str = "") -> None:
    """Refuse the whole for what stands right after `before`."""
    document.marks[()] = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    document.refuse((), text, hint)


class _TooMuch(Exception):
    pass


class _Reader:
    """Gives events their meaning. Its recursion is bounded by `POLICY_DEPTH`."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self._document = document
        self._events = events
        self._values = 0

    def document(self) -> None:
        """The one document of the stream."""
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            self._document.refuse((), "the file is empty")
            return
        self._document.data = self._node(next(self._events), (), 1)
        next(self._events)  # the document's end
        if not isinstance(event := next(self._events), yaml.StreamEndEvent):
            self._mark((NAMELESS,), event)
            self._document.refuse((NAMELESS,), "the file has more than one document", "make it a file of its own")

    def _node(self, event: Any, path: Path, depth: int) -> Plain:
        self._values += 1
        if depth > POLICY_DEPTH:
            raise _TooMuch(f"nested more than {POLICY_DEPTH} levels deep")
        if self._values > POLICY_VALUES:
            raise _TooMuch(f"the file has more than {POLICY_VALUES} values")
        if path not in self._document.marks:
            self._mark(path, event)
        if isinstance(event, yaml.AliasEvent):
            self._document.refuse(path, f"the alias *{event.anchor} is not allowed", _ALIAS_HINT)
            return None
        if event.anchor is not None:
            self._document.refuse(path, f"the anchor &{event.anchor} is not allowed", "write it out where it is needed")
        if event.tag is not None:
            self._document.refuse(path, f"the tag {event.tag} is not allowed")
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
            key = self._key(event, path, depth)
            if key is None:
                self._node(next(self._events), (*path, NAMELESS), depth + 1)
                continue
            place = (*path, key)
            if key in made:
                first = self._document.marks[place][0]
                self._mark(place, event)
                self._document.refuse(place, f"{key} stands here a second time", f"the first is in line {first}")
            self._mark(place, event)
            made[key] = self._node(next(self._events), place, depth + 1)
        return made

    def _key(self, event: Any, path: Path, depth: int) -> str | None:
        """The key as text; None when it is none, which is then told."""
        place = (*path, NAMELESS)
        self._mark(place, event)
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, place, depth + 1)
            if not isinstance(event, yaml.AliasEvent):  # which is told
                self._document.refuse(place, "a key is plain text")
            return None
        if event.anchor is not None or event.tag is not None:
            self._document.refuse(place, "a key has no anchor and no tag")
        value = _scalar(event.value) if event.style is None else str(event.value)
        if value == "<<":
            self._document.refuse(place, "merge keys are not allowed", "write it out")
        elif not isinstance(value, str):
            self._document.refuse(place, f"the key {event.value or 'without a name'} is not text")
        else:
            return value
        return None

    def _mark(self, path: Path, event: Any) -> None:
        self._document.marks[path] = (event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str) -> Plain:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _INTEGER.fullmatch(text) else text
