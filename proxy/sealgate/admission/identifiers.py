"""Names for decisions: ULIDs (github.com/ulid/spec), which sort by time and are easy to read out and to search for."""

import os
from datetime import UTC, datetime
from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U
_CHARACTERS: Final = 26  # of five bits each: 48 of time, 80 of chance, and two before them that are zero
_RANDOM_BYTES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ulid(at: datetime, randomness: bytes | None = None) -> str:
    """A ULID: 26 characters, milliseconds of time first.

    Args:
        at: the moment it names, aware.
        randomness: its 10 bytes of chance; None takes them from the operating system.
    """
    chance = os.urandom(_RANDOM_BYTES) if randomness is None else randomness
    if len(chance) != _RANDOM_BYTES:
        raise ValueError("a ULID has 10 random bytes")
    since = at - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    value = int.from_bytes(milliseconds.to_bytes(6, "big") + chance, "big")
    return "".join(_CROCKFORD[value >> 5 * place & 31] for place in reversed(range(_CHARACTERS)))
