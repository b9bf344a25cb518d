"""cosign's older format: a payload, and annotations beside it (SIGNATURE_SPEC.md), signed with a managed key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.payload import base64_of, parse_simple_signing
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeySigner, LogProof, SimpleSigning, VerifiedSignature

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"


def verify(
    candidate: SimpleSigning, keys: Sequence[PublicKey], logs: Mapping[bytes, LogKey], now: datetime
) -> VerifiedSignature:
    """Verify a simple signing signature.

    Raises:
        Rejected: a step does not hold.
        Malformed: a part of it cannot be read.
    """
    # (1) It is of a form that can be judged.
    if candidate.annotations.get(CERTIFICATE):
        raise Rejected(
            Reason.PAYLOAD_TYPE_UNKNOWN, "keyless signatures in cosign's older annotations are not supported yet"
        )
    # (2) What is signed is about the digest in question (attacks A19).
    payload = parse_simple_signing(candidate.payload)
    if payload.digest != candidate.subject:
        raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {payload.digest}")
    # (3) One of the keys signed these very bytes.
    signature = base64_of(candidate.annotations.get(SIGNATURE, ""), "the signature")
    key = signer(keys, signature, candidate.payload)
    # (4) The log's entry, if there is one, is genuine and is that of this signature (attacks A1).
    annotation = candidate.annotations.get(LOG_ENTRY, "")
    if not annotation:
        return VerifiedSignature(source=candidate.source, signer=KeySigner(key.fingerprint), log=LogProof.NONE)
    entry = log_entry.parse_annotation(annotation)
    logged = log_entry.verify(entry, logs, now)
    log_entry.bind_hashedrekord(entry.body, candidate.payload, signature, key.spki)
    return VerifiedSignature(
        source=candidate.source,
        signer=KeySigner(key.fingerprint),
        log=logged.proof,
        log_index=logged.index,
        signed_at=(logged.at,),
    )


def signer(keys: Sequence[PublicKey], signature: bytes, message: bytes) -> PublicKey:
    """The one of the keys that made a signature.

    Raises:
        Rejected: none did.
    """
    for key in keys:
        if verifies(key, signature, message):
            return key
    raise Rejected(Reason.KEY_NOT_TRUSTED, "signed with another key")
