"""The query of a request target, read into what its route knows and nothing else (attacks B17, B18, B19)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from sealgate.http.problem import RequestRejected
from sealgate.oci.wire import ErrorCode

# RFC 3986 section 3.4 without `;`, which some readers take for a second separator, and without `&`, which is one.
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9._~!$'()*+,:@/?=-]|%[0-7][0-9A-Fa-f])*", re.ASCII)


def read_query(raw: str, known: frozenset[str]) -> Mapping[str, str]:
    """The parameters that are known, decoded once; every other is dropped.

    `+` is itself and no space: none of the values has a space, and media types have a `+`.

    Raises:
        RequestRejected: a known parameter is there twice, or is not printable ASCII when decoded (400).
    """
    found: dict[str, str] = {}
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        if name not in known:
            continue
        if name in found:
            raise RequestRejected(400, ErrorCode.UNSUPPORTED, f"the query has {name} more than once")
        if not _VALUE.fullmatch(value) or not (decoded := unquote(value)).isprintable():
            raise RequestRejected(400, ErrorCode.UNSUPPORTED, f"the query's {name} is not printable ASCII")
        found[name] = decoded
    return found
