"""cosign's older format: a payload, and annotations beside it (SIGNATURE_SPEC.md).

The specification's prose and its examples disagree on the annotations' names; these are the ones that cosign writes.
"""

from collections.abc import Mapping
from typing import Final

from sealgate.adapters.keys import pem_contents
from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.opened import Content, Opened, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import base64_of, parse_envelope
from sealgate.evidence.reason import Reason
from sealgate.limits import (
    ATTESTATION_BYTES,
    CERTIFICATE_BYTES,
    CHAIN_CERTIFICATES,
    SIGNED_PAYLOAD_BYTES,
    TIMESTAMP_BYTES,
)
from sealgate.oci import strict_json

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
CHAIN: Final = "dev.sigstore.cosign/chain"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"
TIMESTAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"


def open_simple_signing(payload: bytes, annotations: Mapping[str, str]) -> Opened:
    """Take a simple signing signature apart. An annotation that is empty is as one that is not there.

    Raises:
        Rejected: it is larger than a signature is.
        Malformed: a part of it cannot be read.
    """
    if len(payload) > SIGNED_PAYLOAD_BYTES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"its payload has more than {SIGNED_PAYLOAD_BYTES} bytes")
    signature = base64_of(annotations.get(SIGNATURE, ""), "the signature")
    return _with_annotations(SignedPayload(payload), signature, annotations)


def open_attestation(envelope: bytes, annotations: Mapping[str, str]) -> Opened:
    """Take an attestation apart: a DSSE envelope, which holds the signature, with the same annotations beside it.

    Raises:
        Rejected: it is larger than an attestation is.
        Malformed: a part of it cannot be read.
    """
    if len(envelope) > ATTESTATION_BYTES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"its envelope has more than {ATTESTATION_BYTES} bytes")
    content = parse_envelope(strict_json.loads(envelope))
    return _with_annotations(content, content.signature, annotations)


def _with_annotations(content: Content, signature: bytes, annotations: Mapping[str, str]) -> Opened:
    entry, stamp = annotations.get(LOG_ENTRY), annotations.get(TIMESTAMP)
    return Opened(
        content=content,
        signature=signature,
        certificates=_certificates(annotations),
        entries=(log_entry.parse_annotation(entry),) if entry else (),
        timestamps=(_timestamp(stamp),) if stamp else (),
    )


def _certificates(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    """The leaf and its chain; a chain without a leaf is nobody's, as with cosign."""
    leaf = annotations.get(CERTIFICATE)
    if not leaf:
        return ()
    pem = f"{leaf}\n{annotations.get(CHAIN) or ''}".encode()
    if len(pem) > CERTIFICATE_BYTES * CHAIN_CERTIFICATES:
        raise Rejected(Reason.CERTIFICATE_INVALID, "its certificates have more bytes than certificates have")
    found = pem_contents(pem, "CERTIFICATE")
    if not found:
        raise PayloadMalformed("its certificates are not PEM")
    if len(found) > CHAIN_CERTIFICATES:
        raise Rejected(Reason.CERTIFICATE_INVALID, f"it has more than {CHAIN_CERTIFICATES} certificates")
    return tuple(found)


def _timestamp(text: str) -> bytes:
    if len(text) > TIMESTAMP_BYTES * 2:
        raise Rejected(Reason.TIMESTAMP_INVALID, f"its timestamp has more than {TIMESTAMP_BYTES} bytes")
    document = strict_json.members(
        strict_json.loads(text.encode()), frozenset({"SignedRFC3161Timestamp"}), "the timestamp"
    )
    return base64_of(strict_json.text_of(document, "SignedRFC3161Timestamp", "the timestamp"), "the timestamp")
