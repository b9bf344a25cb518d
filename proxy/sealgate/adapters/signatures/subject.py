"""What is signed must be about the digest in question: a signature of something else is no signature of it (A19)."""

from dataclasses import dataclass

from sealgate.adapters.signatures.opened import Content, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.payload import COSIGN_SIGNATURE_PREDICATE, Envelope, parse_simple_signing, parse_statement
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import IN_TOTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a signature is asked to be over.

    Args:
        digest: SHA-256 of the artifact.
        attested: whether any statement about it will do, and not only cosign's that it is signed.
    """

    digest: Digest
    attested: bool = False


def check(content: Content, subject: Subject) -> str:
    """That what is signed is about the subject.

    Returns:
        The reference that it names; "" where it names none.

    Raises:
        Rejected: it is about another digest, or is another kind of statement: an attestation is no signature, though
            cosign itself counts one as such (attacks A11).
        Malformed: it is no payload or statement (attacks A12).
    """
    match content:
        case SignedPayload(raw):
            payload = parse_simple_signing(raw)
            if payload.digest != subject.digest:
                raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {payload.digest}")
            return payload.docker_reference
        case Envelope(payload_type=kind, payload=raw):
            if kind != IN_TOTO:
                raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"what is signed is of type {kind}")
            _check_statement(raw, subject)
        case SignedDigest(digest):
            if digest != subject.digest:
                raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {digest}")
    return ""


def _check_statement(raw: bytes, subject: Subject) -> None:
    statement = parse_statement(raw)
    if subject.digest not in statement.subjects:
        raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {statement.subjects[0]}")
    if not subject.attested and statement.predicate_type != COSIGN_SIGNATURE_PREDICATE:
        text = f"an attestation of type {statement.predicate_type} is no signature"
        raise Rejected(Reason.PREDICATE_TYPE_MISMATCH, text)
