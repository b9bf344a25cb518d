"""Sigstore bundles v0.3 (sigstore_bundle.proto): a DSSE envelope, and what its signature is verified with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.log_entry import LogEntry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.simple_signing import signer
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.errors import PayloadMalformed
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.payload import (
    COSIGN_SIGNATURE_PREDICATE,
    Envelope,
    base64_of,
    parse_envelope,
    parse_statement,
)
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Bundle, KeySigner, LogProof, VerifiedSignature
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import BUNDLE_V03, IN_TOTO
from sealgate.oci.strict_json import Json

_V03: Final = frozenset({BUNDLE_V03, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
_MATERIALS: Final = ("publicKey", "certificate", "x509CertificateChain")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBundle:
    """A bundle's parts; nothing of it is verified yet.

    Args:
        document: the bundle, as JSON.
        certificate: DER; b"" for a managed key.
        entry: its log entry; None when it has none.
    """

    document: dict[str, Json]
    envelope: Envelope
    certificate: bytes
    entry: LogEntry | None


def open_bundle(raw: bytes) -> OpenedBundle:
    """Take a bundle apart.

    Raises:
        Rejected: it is of a form that is not supported yet.
        Malformed: a part of it cannot be read.
    """
    document = strict_json.members(
        strict_json.loads(raw),
        frozenset({"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"}),
        "the bundle",
    )
    if strict_json.text_of(document, "mediaType", "the bundle") not in _V03:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "bundles of another version than 0.3 are not supported yet")
    if "dsseEnvelope" not in document or "messageSignature" in document:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "bundles around a message signature are not supported yet")
    material = strict_json.members(
        document.get("verificationMaterial"),
        frozenset({*_MATERIALS, "tlogEntries", "timestampVerificationData"}),
        "verificationMaterial",
    )
    present = [name for name in _MATERIALS if name in material]
    if len(present) != 1:
        raise PayloadMalformed("a bundle has one public key or one certificate")
    if present == ["x509CertificateChain"]:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "bundles with a certificate chain are not supported yet")
    entries = material.get("tlogEntries") or []
    if not isinstance(entries, list):
        raise PayloadMalformed("tlogEntries is not a list")
    if len(entries) > 1:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "bundles with several log entries are not supported yet")
    return OpenedBundle(
        document=document,
        envelope=parse_envelope(document["dsseEnvelope"]),
        certificate=_certificate(material["certificate"]) if present == ["certificate"] else b"",
        entry=log_entry.parse_entry(entries[0]) if entries else None,
    )


def check_statement(envelope: Envelope, subject: Digest) -> None:
    """That what is signed is a signature of this digest.

    Raises:
        Rejected: it is about another digest, or is another kind of statement: an attestation is no signature
            (cosign itself counts one as such).
        Malformed: it is no statement.
    """
    if envelope.payload_type != IN_TOTO:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"its payload is of type {envelope.payload_type!r}")
    statement = parse_statement(envelope.payload)
    if subject not in statement.subjects:
        raise Rejected(Reason.SUBJECT_MISMATCH, "what is signed is about another digest")
    if statement.predicate_type != COSIGN_SIGNATURE_PREDICATE:
        text = f"an attestation of type {statement.predicate_type} is no signature"
        raise Rejected(Reason.PREDICATE_TYPE_MISMATCH, text)


def verify_with_keys(
    candidate: Bundle, opened: OpenedBundle, keys: Sequence[PublicKey], logs: Mapping[bytes, LogKey], now: datetime
) -> VerifiedSignature:
    """Verify a bundle that was signed with a managed key. Its `hint` is one, and nothing looks at it.

    Raises:
        Rejected, Malformed: as in the steps.
    """
    # (1) What is signed is a signature of the digest in question.
    check_statement(opened.envelope, candidate.subject)
    # (2) One of the keys signed it.
    key = signer(keys, opened.envelope.signature, opened.envelope.signed_bytes)
    # (3) The log's entry, if there is one, is genuine and is that of this signature (attacks A1).
    if opened.entry is None:
        return VerifiedSignature(source=candidate.source, signer=KeySigner(key.fingerprint), log=LogProof.NONE)
    logged = log_entry.verify(opened.entry, logs, now)
    log_entry.bind_dsse(opened.entry.body, opened.envelope.payload, opened.envelope.signature, key.spki)
    return VerifiedSignature(
        source=candidate.source,
        signer=KeySigner(key.fingerprint),
        log=logged.proof,
        log_index=logged.index,
        signed_at=(logged.at,),
    )


def _certificate(value: Json) -> bytes:
    certificate = strict_json.members(value, frozenset({"rawBytes"}), "certificate")
    return base64_of(strict_json.text_of(certificate, "rawBytes", "certificate"), "rawBytes")
