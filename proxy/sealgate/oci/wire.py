"""The registry's own error body (distribution-spec 1.1, "Error Codes")."""

import json
from collections.abc import Mapping
from enum import StrEnum

from sealgate.errors import JsonMalformed, RegistryProblem
from sealgate.limits import UPSTREAM_ERRORS
from sealgate.oci import strict_json


class ErrorCode(StrEnum):
    """The codes the specification names, and Distribution's `TOOMANYREQUESTS` and `UNAVAILABLE`."""

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    BLOB_UPLOAD_INVALID = "BLOB_UPLOAD_INVALID"
    BLOB_UPLOAD_UNKNOWN = "BLOB_UPLOAD_UNKNOWN"
    DENIED = "DENIED"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_BLOB_UNKNOWN = "MANIFEST_BLOB_UNKNOWN"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_INVALID = "NAME_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    SIZE_INVALID = "SIZE_INVALID"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    UNAUTHORIZED = "UNAUTHORIZED"
    UNAVAILABLE = "UNAVAILABLE"
    UNSUPPORTED = "UNSUPPORTED"


def error_body(code: str, message: str, detail: Mapping[str, str] | None = None) -> bytes:
    """One OCI error, as the body of an answer."""
    error: dict[str, object] = {"code": code, "message": message}
    if detail:
        error["detail"] = dict(detail)
    told = json.dumps({"errors": [error]}, ensure_ascii=False, separators=(",", ":"))
    return told.encode(errors="replace")  # half a surrogate pair, which YAML can write, must not cost the answer


def read_errors(raw: bytes) -> tuple[RegistryProblem, ...]:
    """The first errors of an upstream's body, cleaned; () when it has none that can be read."""
    try:
        document = strict_json.loads(raw)
    except JsonMalformed:
        return ()
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return ()
    return tuple(
        RegistryProblem(_clean(entry.get("code")), _clean(entry.get("message")))
        for entry in errors[:UPSTREAM_ERRORS]
        if isinstance(entry, dict)
    )


def _clean(value: object) -> str:
    return printable(value if isinstance(value, str) else "", 500)


def printable(text: str, characters: int) -> str:
    """Foreign text, made safe to show: no control characters, at most so many characters (attacks B40)."""
    return "".join(char if char.isprintable() else " " for char in text[:characters]).strip()
