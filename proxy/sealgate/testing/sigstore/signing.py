"""Who signs, and the two forms in which a signature is kept: a bundle, or a payload with annotations."""

import base64
import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

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
from sealgate.testing.sigstore.keys import HASH_ALGORITHMS, HashName, SigningKey

BundleVersion: TypeAlias = Literal["0.1", "0.2", "0.3+json", "0.3"]

_MEDIA_TYPES: Final[dict[BundleVersion, str]] = {
    "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "0.3+json": "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "0.3": BUNDLE_V03,
}

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
    def verifier_v2(self) -> JsonObject:
        """The same in Rekor v2's entries (`Verifier` of rekor-tiles' verifier.proto)."""

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
    def verifier_v2(self) -> JsonObject:
        """The leaf, as Rekor v2's entries have it."""
        return {"keyDetails": self.key.details, "x509Certificate": {"rawBytes": b64(certificate_der(self.certificate))}}

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


def message_signature(message: bytes, signature: bytes, hash_name: HashName) -> JsonObject:
    """A signature over a message itself, as the content of a bundle: with the message's digest, which nobody signed."""
    digest = {"algorithm": HASH_ALGORITHMS[hash_name], "digest": b64(hashlib.new(hash_name, message).digest())}
    return {"messageSignature": {"messageDigest": digest, "signature": b64(signature)}}


def as_version(made: JsonObject, version: BundleVersion, *, chain: Sequence[x509.Certificate] = ()) -> JsonObject:
    """A copy of a bundle v0.3 in an older version of the format, or with a chain in the place of its certificate.

    Before v0.3 a certificate came in a chain (`x509CertificateChain`). A v0.1 needed no inclusion proof: delete it from
    the copy's entries where a test wants none.

    Args:
        made: a bundle that `bundle` made.
        version: which version it is to be; "0.3+json" is v0.3 in the older spelling of media types.
        chain: certificates after the leaf; with v0.3, none leaves the `certificate` as it is.
    """
    changed = copy.deepcopy(made)
    changed["mediaType"] = _MEDIA_TYPES[version]
    material = changed["verificationMaterial"]
    if "certificate" in material and (chain or version in {"0.1", "0.2"}):
        issuers = ({"rawBytes": b64(certificate_der(issuer))} for issuer in chain)
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate"), *issuers]}
    return changed


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
