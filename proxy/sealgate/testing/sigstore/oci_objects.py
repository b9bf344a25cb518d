"""Signatures as the OCI objects that cosign pushes: a manifest, its blobs, and the tag it goes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor
from sealgate.oci.media_types import (
    BUNDLE_V03,
    DSSE_ENVELOPE,
    EMPTY,
    OCI_IMAGE_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    SIMPLE_SIGNING,
)
from sealgate.testing.sigstore.dsse import COSIGN_SIGN
from sealgate.testing.sigstore.encoding import JsonObject, compact_json, rfc3339
from sealgate.testing.sigstore.signing import CERTIFICATE, LOG_ENTRY, SIGNATURE, Signer, SimpleSignature, promise_of

_NO_TIME: Final = "0001-01-01T00:00:00Z"
_EMPTY_JSON: Final = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OciObject:
    """A manifest (or index) with its blobs, ready to be put into a registry.

    Args:
        manifest: its bytes.
        media_type: its media type.
        blobs: the blobs that it lists, by digest.
        tag: where it goes; None: by its digest alone.
    """

    manifest: bytes
    media_type: str
    blobs: Mapping[Digest, bytes] = field(default_factory=dict)
    tag: str | None = None

    @property
    def digest(self) -> Digest:
        """The manifest's digest."""
        return Digest.of(self.manifest)

    @property
    def descriptor(self) -> Descriptor:
        """What names it elsewhere, e.g. as the `subject` of its signature."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=len(self.manifest))


def simple_signing_object(subject: Digest, signatures: Sequence[SimpleSignature]) -> OciObject:
    """All simple signatures of a digest, as the manifest at its `.sig` tag; one layer each (SIGNATURE_SPEC.md)."""
    payloads = [signature.payload for signature in signatures]
    config = compact_json(
        {
            "architecture": "",
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME} for _ in payloads],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(payload)) for payload in payloads]},
            "config": {},
        }
    )
    layers = [
        _described(SIMPLE_SIGNING, signature.payload) | {"annotations": dict(signature.annotations)}
        for signature in signatures
    ]
    return _object(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _described(OCI_IMAGE_CONFIG, config),
            "layers": layers,
        },
        [config, *payloads],
        tag=f"{subject.algorithm}-{subject.hex}.sig",
    )


def attestation_object(subject: Digest, bundles: Sequence[JsonObject], signer: Signer) -> OciObject:
    """Attestations by one signer, as the manifest at the `.att` tag, as cosign 2 writes it; one layer each.

    Args:
        subject: what they are about.
        bundles: them, as `PrivateSigstore.bundle` makes them.
        signer: whose certificate goes beside the envelopes, where there is one.
    """
    certified = {CERTIFICATE: signer.annotations[CERTIFICATE]} if CERTIFICATE in signer.annotations else {}
    envelopes, layers = [], []
    for bundle in bundles:
        envelopes.append(compact_json(bundle["dsseEnvelope"]))
        annotations = {SIGNATURE: "", **certified}
        for entry in bundle["verificationMaterial"].get("tlogEntries", []):
            annotations[LOG_ENTRY] = compact_json(promise_of(entry)).decode()
        layers.append(_described(DSSE_ENVELOPE, envelopes[-1]) | {"annotations": annotations})
    return _object(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _described(OCI_IMAGE_CONFIG, _EMPTY_JSON),
            "layers": layers,
        },
        [_EMPTY_JSON, *envelopes],
        tag=f"{subject.algorithm}-{subject.hex}.att",
    )


def bundle_object(
    bundle: JsonObject | bytes,
    subject: Descriptor,
    *,
    predicate_type: str = COSIGN_SIGN,
    created: datetime | None = None,
) -> OciObject:
    """One bundle as a referrer of the manifest it is about, as cosign 3 pushes it.

    Args:
        bundle: the bundle, as JSON, or as bytes that are kept as they are.
        subject: the manifest it is attached to.
        predicate_type: what the manifest's annotation says; nobody vouches for it.
        created: when, as its annotation says; None: no such annotation.
    """
    raw = bundle if isinstance(bundle, bytes) else compact_json(bundle)
    annotations = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicate_type,
    }
    if created is not None:
        annotations["org.opencontainers.image.created"] = rfc3339(created)
    return _object(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _described(EMPTY, _EMPTY_JSON) | {"artifactType": BUNDLE_V03},
            "layers": [_described(BUNDLE_V03, raw)],
            "annotations": annotations,
            "subject": {"mediaType": subject.media_type, "size": subject.size, "digest": str(subject.digest)},
            "artifactType": BUNDLE_V03,
        },
        [_EMPTY_JSON, raw],
    )


def fallback_index(subject: Digest, referrers: Sequence[OciObject]) -> OciObject:
    """The index that stands for the referrers API where there is none (distribution-spec, "Referrers Tag Schema")."""
    entries = [
        {
            "mediaType": referrer.media_type,
            "size": len(referrer.manifest),
            "digest": str(referrer.digest),
            "artifactType": BUNDLE_V03,
        }
        for referrer in referrers
    ]
    return OciObject(
        manifest=compact_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}),
        media_type=OCI_INDEX,
        tag=f"{subject.algorithm}-{subject.hex}",
    )


def _described(media_type: str, content: bytes) -> JsonObject:
    return {"mediaType": media_type, "size": len(content), "digest": str(Digest.of(content))}


def _object(manifest: JsonObject, blobs: Sequence[bytes], tag: str | None = None) -> OciObject:
    return OciObject(
        manifest=compact_json(manifest),
        media_type=OCI_MANIFEST,
        blobs={Digest.of(blob): blob for blob in blobs},
        tag=tag,
    )
