"""Who signs, and the two forms in which a signature is kept: a bundle, or a payload with annotations."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import BUNDLE_V03
from sealgate.testing.sigstore.encoding import (
    JsonObject,
    b64,
    certificate_der,
    certificate_pem,
    compact_json,
)
from sealgate.testing.sigstore.keys import SigningKey

SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
LOG_ENTRY = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"


class Signer(Protocol):
    """One who signs: a managed key (`keys.SigningKey`), or a key with a certificate (`CertifiedKey`)."""

    @property
    def key(self) -> SigningKey:
        """The key that signs."""

    @property
    def verifier(self) -> bytes:
        """What a log entry names as the one who signed, PEM."""

    @property
    def material(self) -> JsonObject:
        """The bundle's `verificationMaterial`, without log entries and timestamps."""

    @property
    def annotations(self) -> dict[str, str]:
        """What simple signing's annotations say of the signer."""


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A keyless signer: a key that is used once, with the certificate an authority gave it.

    Args:
        key: the key.
        certificate: its leaf.
        chain: the authority's certificates, for simple signing; a bundle has the leaf alone.
    """

    key: SigningKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def verifier(self) -> bytes:
        """The leaf, PEM."""
        return certificate_pem(self.certificate)

    @property
    def material(self) -> JsonObject:
        """The bundle's `verificationMaterial`: the leaf."""
        return {"certificate": {"rawBytes": b64(certificate_der(self.certificate))}}

    @property
    def annotations(self) -> dict[str, str]:
        """The leaf and its chain."""
        chain = b"".join(certificate_pem(certificate) for certificate in self.chain)
        return {CERTIFICATE: self.verifier.decode(), CHAIN: chain.decode()}


def bundle(
    content: JsonObject,
    material: JsonObject,
    entries: Sequence[JsonObject] = (),
    timestamps: Sequence[bytes] = (),
) -> JsonObject:
    """A Sigstore bundle v0.3 (sigstore_bundle.proto), as JSON.

    Args:
        content: `{"dsseEnvelope": …}` or `{"messageSignature": …}`.
        material: a signer's `material`.
        entries: what a log answered; none: the field is left out, as cosign does.
        timestamps: `TimeStampResp`s over the signature.
    """
    verification: JsonObject = dict(material)
    if entries:
        verification["tlogEntries"] = list(entries)
    if timestamps:
        stamped = [{"signedTimestamp": b64(timestamp)} for timestamp in timestamps]
        verification["timestampVerificationData"] = {"rfc3161Timestamps": stamped}
    return {"mediaType": BUNDLE_V03, "verificationMaterial": verification, **content}


@dataclass(frozen=True, slots=True)
class SimpleSignature:
    """A signature of cosign's older form (SIGNATURE_SPEC.md): one layer of the manifest at a `.sig` tag.

    Args:
        payload: the layer's bytes.
        annotations: the layer's annotations; `dataclasses.replace` makes a copy with others.
    """

    payload: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)


def simple_signing_payload(subject: Digest, docker_reference: str, optional: Mapping[str, str] | None = None) -> bytes:
    """The payload of a simple signature, as cosign writes it.

    Args:
        subject: the digest that is signed.
        docker_reference: host and repository; cosign ignores it when it verifies.
        optional: what `cosign sign -a` adds.
    """
    critical = {
        "identity": {"docker-reference": docker_reference},
        "image": {"docker-manifest-digest": str(subject)},
        "type": "cosign container image signature",
    }
    return compact_json({"critical": critical, "optional": None if optional is None else dict(optional)})


def simple_signature(
    payload: bytes,
    signature: bytes,
    signer: Signer,
    entry: JsonObject | None = None,
    timestamp: bytes | None = None,
) -> SimpleSignature:
    """Put a signature over a payload into annotations.

    Args:
        payload: what was signed.
        signature: the signature.
        signer: whose certificate, if there is one, is written beside it.
        entry: what a log answered; only its promise is kept.
        timestamp: a `TimeStampResp` over the signature.
    """
    annotations = {SIGNATURE: b64(signature), **signer.annotations}
    if entry is not None:
        annotations[LOG_ENTRY] = compact_json(promise_of(entry)).decode()
    if timestamp is not None:
        annotations[TIMESTAMP] = compact_json({"SignedRFC3161Timestamp": b64(timestamp)}).decode()
    return SimpleSignature(payload, annotations)


def promise_of(entry: JsonObject) -> JsonObject:
    """What cosign's annotation `dev.sigstore.cosign/bundle` keeps of a log entry: its promise, and no proof."""
    return {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }
