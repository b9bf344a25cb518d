"""Fields of JSON that was at rest where others may write: each of its type, or nothing at all.

Every reader here raises `PayloadMalformed`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sealgate.errors import PayloadMalformed, ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.strict_json import Json

_T = TypeVar("_T")


def fields(value: Json, names: frozenset[str]) -> dict[str, Json]:
    """An object with exactly these fields."""
    if not isinstance(value, dict) or value.keys() != names:
        raise PayloadMalformed(f"not an object of exactly {', '.join(sorted(names))}")
    return value


def text(value: Json) -> str:
    """A string."""
    if not isinstance(value, str):
        raise PayloadMalformed("not a string")
    return value


def flag(value: Json) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise PayloadMalformed("not true or false")
    return value


def member(kind: Callable[[str], _T], value: Json) -> _T:
    """A string that is one of a kind."""
    try:
        return kind(text(value))
    except ValueError as error:
        raise PayloadMalformed(str(error)) from error


def digest(value: Json) -> Digest:
    """A digest."""
    try:
        return Digest.parse(text(value))
    except ReferenceMalformed as error:
        raise PayloadMalformed(str(error)) from error


def moment_text(when: datetime) -> str:
    """A point of time in UTC, to the microsecond."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def moment(value: Json) -> datetime:
    """A point of time as `moment_text` writes it."""
    said = text(value)
    try:
        found = datetime.fromisoformat(said).replace(tzinfo=UTC)
    except ValueError as error:
        raise PayloadMalformed(f"not a time: {error}") from error
    if moment_text(found) != said:
        raise PayloadMalformed("not a time in UTC, to the microsecond")
    return found


def optional(read: Callable[[Json], _T], value: Json) -> _T | None:
    """What `read` makes of it, or nothing."""
    return None if value is None else read(value)


def several(read: Callable[[Json], _T], value: Json) -> tuple[_T, ...]:
    """What `read` makes of each entry of a list."""
    if not isinstance(value, list):
        raise PayloadMalformed("not a list")
    return tuple(read(entry) for entry in value)
