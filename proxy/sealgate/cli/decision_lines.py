"""The lines of a decision log."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from sealgate.errors import ConfigurationInvalid, JsonMalformed
from sealgate.limits import DECISION_LINE_BYTES
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

STDIN = Path("-")


def lines(log: Path, holding: bytes = b"") -> Iterator[Json]:
    """Each line of a log, read; null for one that cannot be: a full disk cuts lines short.

    Args:
        log: the file; - is the standard input.
        holding: only lines that hold this.

    Raises:
        ConfigurationInvalid: it cannot be read.
    """
    try:
        with ExitStack() as stack:
            opened: BinaryIO = sys.stdin.buffer if log == STDIN else stack.enter_context(log.open("rb"))
            while line := opened.readline(DECISION_LINE_BYTES):
                if line.strip() and holding in line:
                    yield _read(line)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigurationInvalid(f"{log}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read(line: bytes) -> Json:
    try:
        return strict_json.loads(line)
    except JsonMalformed:
        return None
