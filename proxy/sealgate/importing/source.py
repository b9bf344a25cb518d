"""Reading what another gate is configured with: every field is taken by somebody, or it is a loss."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.importing.made import Imported, Loss
from sealgate.limits import IMPORT_DOCUMENTS, POLICY_BYTES, PROBLEM_CHARACTERS
from sealgate.oci import strict_json
from sealgate.oci.wire import printable
from sealgate.policy import strict_yaml
from sealgate.policy.problems import Path
from sealgate.policy.strict_yaml import Document

# YAML 1.2.2 section 9.1.2: `---` at the beginning of a line is a document's, wherever it stands.
_START: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE | re.ASCII)
_NOTHING: Final = re.compile(r"(?:\s|---(?=\s|\Z)|#[^\n]*(?:\n|\Z))*+", re.ASCII)


def documents(file: str, raw: bytes) -> Iterator[Document]:
    """The documents of a YAML file, or the one of a JSON file, each read as strictly as policies are.

    Raises:
        ConfigurationInvalid: there is none, or more than `limits.IMPORT_DOCUMENTS`, or one is not strict YAML or JSON.
    """
    if len(raw) > POLICY_BYTES:
        raise ConfigurationInvalid(f"{file}: the file has more than {POLICY_BYTES} bytes")
    if raw.lstrip().startswith(b"{"):
        yield Document(file, data=_plain(strict_json.loads(raw)))
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationInvalid(f"{file}: the file is not UTF-8") from error
    starts = [0, *(found.start() for found in _START.finditer(text)), len(text)]
    pieces = [(at, text[at:end]) for at, end in pairwise(starts)]
    pieces = [(at, piece) for at, piece in pieces if not _NOTHING.fullmatch(piece)]
    if not pieces or len(pieces) > IMPORT_DOCUMENTS:
        told = f"has more than {IMPORT_DOCUMENTS} documents" if pieces else "is empty"
        raise ConfigurationInvalid(f"{file}: the file {told}")
    for at, piece in pieces:
        document = strict_yaml.read(file, piece.encode())
        before = text.count("\n", 0, at)
        if document.problems:
            moved = (replace(problem, line=problem.line + before) for problem in document.problems)
            raise ConfigurationInvalid(*map(str, moved))
        document.marks = {path: (line + before, column) for path, (line, column) in document.marks.items()}
        yield document


def _plain(value: strict_json.Json) -> strict_yaml.Plain:
    """JSON as the YAML reader gives it, which has no fractions: nothing that is imported has one."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) else value


class Node:
    """A mapping of the source, whose fields are taken one by one.

    Args:
        document: what it stands in.
        into: where losses go.
        path: where it stands.
    """

    def __init__(self, document: Document, into: Imported, path: Path = ()) -> None:
        found = document.at(path)
        self.path = path
        self._document = document
        self._into = into
        if found is not None and not isinstance(found, dict):
            raise self.wrong("is no mapping")
        self._fields = found or {}
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def names(self) -> list[str]:
        """Its fields, in order."""
        return list(self._fields)

    def text(self, name: str) -> str:
        """A text; "" where there is none."""
        found = self._take(name)
        if found is not None and not isinstance(found, str | int):
            raise self.wrong("is no text", name)
        return "" if found is None else str(found)

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean."""
        found = self._take(name)
        if found is not None and not isinstance(found, bool):
            raise self.wrong("is neither true nor false", name)
        return default if found is None else found

    def number(self, name: str) -> int | None:
        """A number from 1; None where there is none."""
        found = self._take(name)
        if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 1):
            raise self.wrong("is no number from 1", name)
        return found

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        found = self._list(name)
        if not all(isinstance(each, str) for each in found):
            raise self.wrong("is no list of texts", name)
        return [str(each) for each in found]

    def node(self, name: str) -> "Node":
        """A mapping; an empty one where there is none."""
        self._take(name)
        return Node(self._document, self._into, (*self.path, name))

    def nodes(self, name: str) -> list["Node"]:
        """A list of mappings."""
        return [Node(self._document, self._into, (*self.path, name, at)) for at in range(len(self._list(name)))]

    def lose(self, text: str, *names: str, weaker: bool) -> None:
        """Say that fields, those of them that are there, or the whole, are not carried over."""
        present = [name for name in names if name in self]
        self._taken.update(names)
        for path in [(*self.path, name) for name in present] if names else [self.path]:
            found = self._document.problem(path, text)
            place = ":".join(str(part) for part in (found.file, found.line) if part)
            place += f": {found.path}" if found.path else ""
            self._into.losses.append(Loss(place=printable(place, PROBLEM_CHARACTERS), text=found.text, weaker=weaker))

    def skip(self, *names: str) -> None:
        """Fields that say nothing about what is admitted."""
        self._taken.update(names)

    def rest(self) -> None:
        """What nobody took is lost, and may have restricted something."""
        for name in self._fields:
            if name not in self._taken:
                self.lose("has no counterpart", name, weaker=True)

    def wrong(self, text: str, name: str = "") -> ConfigurationInvalid:
        """The source does not have the form that its own program asks for."""
        return ConfigurationInvalid(str(self._document.problem((*self.path, name) if name else self.path, text)))

    def _list(self, name: str) -> list[strict_yaml.Plain]:
        found = self._take(name)
        if found is not None and not isinstance(found, list):
            raise self.wrong("is no list", name)
        return found or []

    def _take(self, name: str) -> strict_yaml.Plain:
        self._taken.add(name)
        return self._fields.get(name)
