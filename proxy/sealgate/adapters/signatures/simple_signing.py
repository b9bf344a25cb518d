"""cosign's older format: a payload, and annotations beside it (SIGNATURE_SPEC.md), signed with a managed key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sealgate.adapters.signatures import log_body, log_entry, transparency_log
from sealgate.adapters.signatures.managed_key import signed_by, signer_of
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.payload import base64_of, parse_simple_signing
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import SimpleSigning, VerifiedSignature
from sealgate.limits import SIGNED_PAYLOAD_BYTES

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"
TIMESTAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"


def verify(
    candidate: SimpleSigning, keys: Sequence[PublicKey], logs: Mapping[bytes, LogKey], now: datetime
) -> VerifiedSignature:
    """Verify a simple signing signature.

    Raises:
        Rejected: a step does not hold.
        Malformed: a part of it cannot be read.
    """
    # (1) It is of a form that can be judged.
    annotations = candidate.annotations
    if annotations.get(CERTIFICATE):
        raise _not_yet("certificates in cosign's older annotations")
    if annotations.get(TIMESTAMP) and not annotations.get(LOG_ENTRY):
        raise _not_yet("timestamps in cosign's older annotations")
    if len(candidate.payload) > SIGNED_PAYLOAD_BYTES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"its payload has more than {SIGNED_PAYLOAD_BYTES} bytes")
    # (2) What is signed is about the digest in question (attacks A19).
    payload = parse_simple_signing(candidate.payload)
    if payload.digest != candidate.subject:
        raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {payload.digest}")
    # (3) One of the keys signed these very bytes.
    signature = base64_of(annotations.get(SIGNATURE, ""), "the signature")
    key = signer_of(signature, candidate.payload, keys)
    # (4) The log's entry, if there is one, is genuine and is that of this signature (attacks A1).
    if not annotations.get(LOG_ENTRY):
        return signed_by(key, candidate.source, None)
    entry = log_entry.parse_annotation(annotations[LOG_ENTRY])
    logged = transparency_log.verify(entry, logs, now)
    log_body.check_hashedrekord(entry.body, candidate.payload, signature, key.spki)
    return signed_by(key, candidate.source, logged)


def _not_yet(what: str) -> Rejected:
    return Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"{what} are not supported yet")
