"""A file that people change while the gate runs: read again when it looks different."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CREDENTIAL_FILE_SECONDS
from sealgate.ports import Clock

_T = TypeVar("_T")
_log: Final = logging.getLogger(__name__)


class Watched(Generic[_T]):
    """What a file says now, at most `limits.CREDENTIAL_FILE_SECONDS` ago (attacks B36).

    A file that cannot be read, or not be understood, says nothing: what it said before may be what was just revoked.

    Args:
        path: the file.
        read: what to make of its content; raises `ConfigurationInvalid`.
        clock: when it was looked at.

    Raises:
        ConfigurationInvalid: it cannot be used from the start.
    """

    def __init__(self, path: Path, read: Callable[[str, bytes], _T], clock: Clock) -> None:
        self._path = path
        self._read = read
        self._clock = clock
        self._looked = clock.monotonic()
        self._seen = self._look()
        self._value: _T | None = read(str(path), files.read(path))

    def now(self) -> _T | None:
        """What it says; None when that cannot be read."""
        if self._clock.monotonic() - self._looked >= CREDENTIAL_FILE_SECONDS:
            self._looked = self._clock.monotonic()
            if (seen := self._look()) != self._seen:
                self._seen, self._value = seen, None  # whatever reading it ends in, what it said before is over
                self._value = self._reread()
        return self._value

    def _reread(self) -> _T | None:
        try:
            value = self._read(str(self._path), files.read(self._path))
        except ConfigurationInvalid as error:
            _log.error("what this file says is not used until it is mended: %s", error)
            return None
        _log.info("%s has changed and is in use", self._path)
        return value

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except (OSError, ValueError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
