"""JSON with one meaning: what Go reads and what Python reads is the same, or it is refused.

Go's `encoding/json` matches field names without regard to case and keeps the last of two; Python's `json` keeps the
last byte-equal one, accepts `NaN`, and recurses without bound. A document on which two readers can differ is how a
gate is made to judge something else than what is run (attacks A33, B7, and the JSON row of 1C).
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from sealgate.errors import JsonMalformed
from sealgate.limits import JSON_DEPTH

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_INTEGER_BOUND: Final = 2**63  # Go's int64
_INTEGER_DIGITS: Final = 20  # of an int64, with its sign
# A string, or one that never ends: possessive, so that no input makes it look at a byte twice.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"{}[]")))


def loads(raw: bytes, *, depth: int = JSON_DEPTH) -> Json:
    """Read one JSON document.

    Args:
        raw: UTF-8, without a byte order mark.
        depth: how many levels of objects and arrays may nest.

    Raises:
        JsonMalformed: not JSON; or two keys of one object that are equal but for case; `NaN` or an infinity; an
            integer past 64 bits; deeper than `depth`; half a surrogate pair.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonMalformed("not UTF-8") from error
    if text.startswith("\ufeff"):
        raise JsonMalformed("begins with a byte order mark")
    _check_depth(raw, depth)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_real,
        )
        # A lone surrogate escape becomes a string that no encoder accepts; refuse it here rather than there.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise JsonMalformed(f"not JSON: {str(error)[:200]}") from error
    return value


def members(value: Json, known: frozenset[str], where: str) -> dict[str, Json]:
    """The members of an object whose fields are `known`; others are allowed, look-alikes of the known are not.

    Args:
        value: what should be an object.
        known: the names this reader looks at.
        where: what to call it in the message.

    Raises:
        JsonMalformed: not an object, or a key that equals a known one but for its case (Go would read it).
    """
    if not isinstance(value, dict):
        raise JsonMalformed(f"{where} is not an object")
    folded = {name.casefold(): name for name in known}
    for key in value:
        if key not in known and key.casefold() in folded:
            raise JsonMalformed(f"{where} has {key!r}, which some readers take for {folded[key.casefold()]!r}")
    return value


def text_of(value: Mapping[str, Json], key: str, where: str) -> str:
    """The string at `key`; absent is "".

    Raises:
        JsonMalformed: it is there and not a string.
    """
    found = value.get(key, "")
    if not isinstance(found, str):
        raise JsonMalformed(f"{where}.{key} is not a string")
    return found


def _check_depth(raw: bytes, limit: int) -> None:
    """Count brackets outside strings before the recursive parser sees them."""
    level = 0
    for byte in _STRING.sub(b"", raw).translate(None, _NOT_BRACKETS):
        level += 1 if byte in b"{[" else -1
        if level > limit:
            raise JsonMalformed(f"nested more than {limit} levels deep")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len({key.casefold() for key in made}) != len(pairs):
        raise JsonMalformed("an object has two keys that are equal, or equal but for case")
    return made


def _no_constant(name: str) -> NoReturn:
    raise JsonMalformed(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS or not -_INTEGER_BOUND <= (value := int(digits)) < _INTEGER_BOUND:
        raise JsonMalformed("an integer is past 64 bits")
    return value


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise JsonMalformed("a number is past 64 bits")
    return value
