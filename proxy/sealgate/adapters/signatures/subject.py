"""What is signed must be about the digest in question: a signature of something else is no signature of it (A19)."""

from dataclasses import dataclass

from sealgate.adapters.signatures.opened import Content, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import Malformed
from sealgate.evidence.payload import COSIGN_SIGNATURE_PREDICATE, Envelope, parse_simple_signing, parse_statement
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Stated
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


def check(content: Content, subject: Subject) -> tuple[str, Stated | None]:
    """That what is signed is about the subject.

    Returns:
        The reference that it names, "" where it names none; and what it states besides that the subject is signed.

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
            return payload.docker_reference, None
        case Envelope(payload_type=kind, payload=raw):
            if kind != IN_TOTO:
                raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"what is signed is of type {kind}")
            return "", _stated(raw, subject)
        case SignedDigest(digest):
            if digest != subject.digest:
                raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {digest}")
    return "", None


def attests(content: Content) -> bool:
    """Whether it claims to state something else than that its subject is signed."""
    if not isinstance(content, Envelope):
        return False
    try:
        return parse_statement(content.payload).predicate_type != COSIGN_SIGNATURE_PREDICATE
    except Malformed:
        return False


def _stated(raw: bytes, subject: Subject) -> Stated | None:
    statement = parse_statement(raw)
    if subject.digest not in statement.subjects:
        raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {statement.subjects[0]}")
    if statement.predicate_type == COSIGN_SIGNATURE_PREDICATE:
        return None
    if not subject.attested:
        text = f"an attestation of type {statement.predicate_type} is no signature"
        raise Rejected(Reason.PREDICATE_TYPE_MISMATCH, text)
    return Stated(predicate_type=statement.predicate_type, payload=raw)
