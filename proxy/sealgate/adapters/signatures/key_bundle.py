"""Bundles that were signed with a managed key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sealgate.adapters.signatures import log_body, transparency_log
from sealgate.adapters.signatures.bundle import OpenedBundle, check_statement
from sealgate.adapters.signatures.managed_key import signed_by, signer_of
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Bundle, VerifiedSignature


def verify(
    candidate: Bundle, opened: OpenedBundle, keys: Sequence[PublicKey], logs: Mapping[bytes, LogKey], now: datetime
) -> VerifiedSignature:
    """Verify a bundle that was signed with a managed key. Its `hint` is one, and nothing looks at it.

    Raises:
        Rejected: a step does not hold.
        Malformed: a part of it cannot be read.
    """
    # (1) It is of a form that can be judged.
    if opened.timestamped and opened.entry is None:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "timestamps on signatures with a key are not supported yet")
    # (2) What is signed is a signature of the digest in question.
    check_statement(opened.envelope, candidate.subject)
    # (3) One of the keys signed it.
    envelope = opened.envelope
    key = signer_of(envelope.signature, envelope.signed_bytes, keys)
    # (4) The log's entry, if there is one, is genuine and is that of this signature (attacks A1).
    if opened.entry is None:
        return signed_by(key, candidate.source, None)
    logged = transparency_log.verify(opened.entry, logs, now)
    log_body.check_dsse(opened.entry.body, envelope.payload, envelope.signature, key.spki)
    return signed_by(key, candidate.source, logged)
