"""The few encodings that every part shares."""

import base64
import json
from datetime import UTC, datetime
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object that a test may edit before it is used."""


def b64(raw: bytes) -> str:
    """Standard base64, as protobuf's JSON and cosign's annotations have it."""
    return base64.b64encode(raw).decode()


def canonical_json(document: object) -> bytes:
    """RFC 8785, for documents of ASCII keys, strings and integers: all that Sigstore signs."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def compact_json(document: object) -> bytes:
    """JSON in the order of its members, as Go's encoder writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def without_defaults(document: JsonObject) -> JsonObject:
    """The same message as Go's protojson writes it: members with a default value (0, "", no elements) are left out."""
    defaults: tuple[object, ...] = ("", "0", 0, [])
    return {name: _without_defaults(value) for name, value in document.items() if value not in defaults}


def _without_defaults(value: object) -> object:
    if isinstance(value, dict):
        return without_defaults(value)
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """A certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def rfc3339(moment: datetime) -> str:
    """A moment as protobuf's JSON writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
