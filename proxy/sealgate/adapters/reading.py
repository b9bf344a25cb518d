"""What was read to build something, so that it can be told whether it would be read otherwise now."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from sealgate.adapters import files

_T = TypeVar("_T")
_Place: TypeAlias = tuple[Path, int, int]


class Reading:
    """Reads as `files` does, and remembers what it was answered.

    By content: time stamps miss a link that is swapped two folders up (Kubernetes' `..data`), and a file that is put
    back.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, ...], tuple[Callable[[], object], bytes]] = {}
        self._paths: dict[Path, None] = {}

    def read(self, path: Path) -> bytes:
        """See `files.read`."""
        self._paths[path] = None
        return self._ask(("read", str(path)), partial(files.read, path))

    def policy_files(self, paths: Sequence[Path]) -> list[tuple[str, bytes]]:
        """See `files.policy_files`."""
        self._paths |= dict.fromkeys(paths)
        found = self._ask(("policies", *map(str, paths)), partial(files.policy_files, paths))
        self._paths |= dict.fromkeys(Path(name) for name, _ in found)
        return found

    def beside(self, file: str, name: str) -> bytes:
        """See `files.beside`."""
        self._paths[Path(file).parent / name] = None
        return self._ask(("beside", file, name), partial(files.beside, file, name))

    def stale(self) -> bool:
        """Whether anything would be read otherwise now, what could not be read before among it."""
        return any(_outcome(ask)[0] != seen for ask, seen in self._answers.values())

    def places(self) -> frozenset[_Place]:
        """The folders in which changes are to be noticed: each with what tells it from another one of its name."""
        return frozenset(place for path in self._paths for folder in _folders(path) if (place := _place(folder)))

    def _ask(self, name: tuple[str, ...], ask: Callable[[], _T]) -> _T:
        seen, answer = _outcome(ask)
        self._answers[name] = (ask, seen)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _outcome(ask: Callable[[], _T]) -> tuple[bytes, _T | Exception]:
    try:
        answer: _T | Exception = ask()
    except Exception as error:  # noqa: BLE001 - why something cannot be read is an answer like any other
        answer = error
    return hashlib.sha256(repr(answer).encode("utf-8", "surrogatepass")).digest(), answer


def _folders(path: Path) -> Iterator[Path]:
    """The folder that a file is in; of a folder also itself, and those in it, where a policy may come to be."""
    yield path.parent
    try:
        if path.is_dir():
            yield path
            yield from (each for each in path.iterdir() if not each.name.startswith(".") and each.is_dir())
    except OSError:
        return


def _place(folder: Path) -> _Place | None:
    try:
        found = folder.stat()
    except (OSError, ValueError):
        return None
    return folder, found.st_dev, found.st_ino
