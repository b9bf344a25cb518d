"""TOML as the clients' own readers take it, and the few types that are asked of it."""

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from sealgate.errors import Malformed

_LONGEST: Final = 200  # characters of the reader's own message


def read(raw: bytes) -> dict[str, Any]:
    """Read a file.

    Raises:
        Malformed: it is not TOML.
    """
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not TOML: {str(error)[:_LONGEST]}") from error


def text(value: Mapping[str, Any], key: str) -> str:
    """The text at a key; "" where there is none.

    Raises:
        Malformed: something else is there.
    """
    found = value.get(key, "")
    if not isinstance(found, str):
        raise Malformed(f"{key} is not text")
    return found


def flag(value: Mapping[str, Any], key: str) -> bool:
    """The truth value at a key; False where there is none.

    Raises:
        Malformed: something else is there.
    """
    found = value.get(key, False)
    if not isinstance(found, bool):
        raise Malformed(f"{key} is neither true nor false")
    return found


def tables(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The array of tables at a key; none where there is none.

    Raises:
        Malformed: something else is there.
    """
    found = value.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Malformed(f"{key} is not written [[{key}]]")
    return found
