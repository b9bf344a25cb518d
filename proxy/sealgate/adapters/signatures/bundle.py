"""Sigstore bundles v0.3 (sigstore_bundle.proto): a DSSE envelope, and what its signature is verified with."""

from dataclasses import dataclass
from typing import Final

from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.log_entry import LogEntry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import (
    COSIGN_SIGNATURE_PREDICATE,
    Envelope,
    base64_of,
    parse_envelope,
    parse_statement,
)
from sealgate.evidence.reason import Reason
from sealgate.limits import BUNDLE_BYTES, CERTIFICATE_BYTES, SIGNED_PAYLOAD_BYTES
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
        timestamped: whether there are timestamps of an authority.
    """

    document: dict[str, Json]
    envelope: Envelope
    certificate: bytes
    entry: LogEntry | None
    timestamped: bool


def open_bundle(raw: bytes) -> OpenedBundle:
    """Take a bundle apart.

    Its `mediaType` is not signed, so it chooses no weaker check: what is not v0.3 is refused (attacks A14).

    Raises:
        Rejected: it is of a form that is not supported yet, or larger than a signature is.
        Malformed: a part of it cannot be read.
    """
    if len(raw) > BUNDLE_BYTES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"it has more than {BUNDLE_BYTES} bytes, as no signature has")
    document = strict_json.members(
        strict_json.loads(raw),
        frozenset({"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"}),
        "the bundle",
    )
    if strict_json.text_of(document, "mediaType", "the bundle") not in _V03:
        raise _not_yet("bundles of another version than 0.3")
    if "dsseEnvelope" not in document or "messageSignature" in document:
        raise _not_yet("bundles around a message signature")
    material = strict_json.members(
        document.get("verificationMaterial"),
        frozenset({*_MATERIALS, "tlogEntries", "timestampVerificationData"}),
        "verificationMaterial",
    )
    present = [name for name in _MATERIALS if name in material]
    if len(present) != 1:
        raise PayloadMalformed("a bundle has one public key or one certificate")
    if present == ["x509CertificateChain"]:
        raise _not_yet("bundles with a certificate chain")
    return OpenedBundle(
        document=document,
        envelope=parse_envelope(document["dsseEnvelope"]),
        certificate=_certificate(material["certificate"]) if present == ["certificate"] else b"",
        entry=_entry(material.get("tlogEntries")),
        timestamped=_is_timestamped(material.get("timestampVerificationData")),
    )


def check_statement(envelope: Envelope, subject: Digest) -> None:
    """That what is signed is a signature of this digest.

    Raises:
        Rejected: it is about another digest, or is another kind of statement: an attestation is no signature
            (cosign itself counts one as such).
        Malformed: it is no statement (attacks A11, A12).
    """
    if envelope.payload_type != IN_TOTO:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"what is signed is of type {envelope.payload_type}")
    if len(envelope.payload) > SIGNED_PAYLOAD_BYTES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"its statement has more than {SIGNED_PAYLOAD_BYTES} bytes")
    statement = parse_statement(envelope.payload)
    if subject not in statement.subjects:
        raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about {statement.subjects[0]}")
    if statement.predicate_type != COSIGN_SIGNATURE_PREDICATE:
        text = f"an attestation of type {statement.predicate_type} is no signature"
        raise Rejected(Reason.PREDICATE_TYPE_MISMATCH, text)


def _certificate(value: Json) -> bytes:
    certificate = strict_json.members(value, frozenset({"rawBytes"}), "certificate")
    der = base64_of(strict_json.text_of(certificate, "rawBytes", "certificate"), "rawBytes")
    if len(der) > CERTIFICATE_BYTES:
        raise Rejected(Reason.CERTIFICATE_INVALID, f"its certificate has more than {CERTIFICATE_BYTES} bytes")
    return der


def _entry(value: Json) -> LogEntry | None:
    entries = [] if value is None else value
    if not isinstance(entries, list):
        raise PayloadMalformed("tlogEntries is not a list")
    if len(entries) > 1:
        raise _not_yet("bundles with several log entries")
    return log_entry.parse_entry(entries[0]) if entries else None


def _is_timestamped(value: Json) -> bool:
    if value is None:
        return False
    data = strict_json.members(value, frozenset({"rfc3161Timestamps"}), "timestampVerificationData")
    return data.get("rfc3161Timestamps") not in (None, [])


def _not_yet(what: str) -> Rejected:
    return Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"{what} are not supported yet")
