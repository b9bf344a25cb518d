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


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """A certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def rfc3339(moment: datetime) -> str:
    """A moment as protobuf's JSON writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
