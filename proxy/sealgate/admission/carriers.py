"""Carriers: manifests that carry signatures or attestations, and are what they claim to be (design section 3).

A carrier needs no signature of its own, so whatever passes here passes unsigned: the list is closed, and each of its
blobs is fetched, bounded, parsed as its format, and must name the subject (attacks A27, A18).
"""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from sealgate.admission.manifests import Manifests
from sealgate.errors import ContentMismatch, Malformed, PayloadMalformed, TooLarge, UpstreamRefused, UpstreamUnavailable
from sealgate.evidence.payload import parse_envelope, parse_simple_signing, parse_statement
from sealgate.limits import (
    CANDIDATES,
    CARRIER_BLOBS,
    CARRIER_SECONDS,
    CARRIERS_IN_MEMORY,
    DISCOVERIES,
    SIGNATURE_BLOB_BYTES,
)
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index, Manifest
from sealgate.oci.media_types import (
    BUNDLES,
    COSIGN_SIGNATURE_ARTIFACT,
    DSSE_ENVELOPE,
    EMPTY,
    IN_TOTO,
    NOTATION_SIGNATURE,
    OCI_IMAGE_CONFIG,
    SIMPLE_SIGNING,
)
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.referrers import subject_of_tag
from sealgate.oci.strict_json import Json
from sealgate.ports import Access, Upstream

_EMPTY_DIGEST: Final = Digest.of(b"{}")
_NOTATION_JWS: Final = "application/jose+json"
_COSIGN_CONFIGS: Final = frozenset({OCI_IMAGE_CONFIG, COSIGN_SIGNATURE_ARTIFACT, EMPTY})
_CONFIG_FIELDS: Final = frozenset({"architecture", "os", "config", "rootfs", "history", "created", "variant"})
_NOT_FOUND: Final = 404


class Carriers:
    """Says whether a manifest is a carrier.

    What it carries is content-addressed, so a carrier is read once and stays one; a queue and a deadline bound the
    reading, for anybody can push one with a hundred large blobs and ask for it often.
    """

    def __init__(self, upstream: Upstream, manifests: Manifests, most: int = CARRIERS_IN_MEMORY) -> None:
        self._upstream = upstream
        self._manifests = manifests
        self._most = most
        self._known: OrderedDict[tuple[Repository, Digest, Digest | None], Digest] = OrderedDict()
        self._queue = asyncio.Semaphore(DISCOVERIES)

    async def subject(
        self, repository: Repository, digest: Digest, manifest: Manifest, tag_subject: Digest | None, access: Access
    ) -> Digest | None:
        """The digest that this manifest carries evidence about; None when it does not look like a carrier at all.

        Args:
            repository: where it is.
            digest: its own.
            manifest: what it says.
            tag_subject: the digest that the tag in question speaks about, if that tag has such a form.
            access: with whose right its blobs are read.

        Raises:
            PayloadMalformed: it looks like a carrier and is none: a blob is not of its format, too large, absent, or
                about another digest than the tag or the manifest says.
            UpstreamUnavailable, UpstreamRefused: its blobs could not be read.
        """
        key = (repository, digest, tag_subject)
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        try:
            async with asyncio.timeout(CARRIER_SECONDS), self._queue:
                found = await self._read(repository, manifest, tag_subject, access)
        except TimeoutError as slow:
            raise UpstreamUnavailable(f"it could not be read in {CARRIER_SECONDS:.0f} s") from slow
        if found is not None:
            self._known[key] = found
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found

    async def _read(
        self, repository: Repository, manifest: Manifest, tag_subject: Digest | None, access: Access
    ) -> Digest | None:
        if isinstance(manifest, Index):
            if tag_subject is None or manifest.subject is not None or manifest.artifact_type:
                return None
            return await self._fallback_index(repository, manifest, tag_subject, access)
        if not looks_like_carrier(manifest):
            return None
        stated = {d for d in (tag_subject, manifest.subject.digest if manifest.subject else None) if d is not None}
        if len(stated) > 1:
            raise PayloadMalformed("the tag and the manifest's subject are about different digests")
        return await self._check(repository, manifest, stated.pop() if stated else None, access)

    async def _check(
        self, repository: Repository, manifest: ImageManifest, stated: Digest | None, access: Access
    ) -> Digest:
        if len(manifest.layers) + 1 > CARRIER_BLOBS:
            raise PayloadMalformed(f"it has more than {CANDIDATES} layers")
        await self._check_config(repository, manifest.config, access)
        named: set[Digest] | None = {stated} if stated else None
        for position, layer in enumerate(manifest.layers):
            raw = await self._blob(repository, layer, access)
            try:
                about = set(_subjects(layer.media_type, raw))
            except Malformed as bad:
                raise PayloadMalformed(f"layer {position} is not what its media type says: {bad}") from bad
            named = about if named is None else named & about
            if not named:
                raise PayloadMalformed(f"layer {position} is about another digest")
        if not named:
            raise PayloadMalformed("its layers name no digest that it is about")
        return min(named)  # more than one where nothing states it: an attestation's layer, asked for by its digest

    async def _check_config(self, repository: Repository, config: Descriptor, access: Access) -> None:
        if config.media_type in (EMPTY, NOTATION_SIGNATURE):
            if config.digest != _EMPTY_DIGEST:
                raise PayloadMalformed("its config is not the empty object")
            return
        if config.digest == _EMPTY_DIGEST:
            return
        try:
            document = strict_json.members(
                strict_json.loads(await self._blob(repository, config, access)), _CONFIG_FIELDS, "config"
            )
        except Malformed as bad:
            raise PayloadMalformed(f"its config is not cosign's: {bad}") from bad
        if any(document.get(key) for key in ("architecture", "os", "config", "variant")):
            raise PayloadMalformed("its config is that of something that runs")

    async def _blob(self, repository: Repository, blob: Descriptor, access: Access) -> bytes:
        if blob.size > SIGNATURE_BLOB_BYTES:
            raise PayloadMalformed(f"a blob of it has more than {SIGNATURE_BLOB_BYTES} bytes")
        try:
            raw = await self._upstream.small_blob(repository, blob.digest, blob.size, access)
        except (TooLarge, ContentMismatch) as bad:
            raise PayloadMalformed(f"a blob of it is not what the manifest says: {bad}") from bad
        except UpstreamRefused as refused:
            if refused.status == _NOT_FOUND:
                raise PayloadMalformed("a blob of it is not in the registry") from refused
            raise
        if len(raw) != blob.size:
            raise PayloadMalformed("a blob of it is not of the size that the manifest says")
        return raw

    async def _fallback_index(
        self, repository: Repository, index: Index, subject: Digest, access: Access
    ) -> Digest | None:
        """The referrers tag schema's index: every entry, fetched, is about the subject; it admits no child."""
        if len(index.manifests) > CANDIDATES:
            raise PayloadMalformed(f"it has more than {CANDIDATES} entries")
        for entry in index.manifests:
            try:
                manifest = await self._manifests.by_digest(repository, entry.digest, access)
            except (Malformed, TooLarge, ContentMismatch) as bad:
                raise PayloadMalformed(f"its entry {entry.digest} cannot be read: {bad}") from bad
            except UpstreamRefused as refused:
                if refused.status == _NOT_FOUND:
                    raise PayloadMalformed(f"its entry {entry.digest} is not in the registry") from refused
                raise
            if manifest.subject is None or manifest.subject.digest != subject:
                raise PayloadMalformed(f"its entry {entry.digest} is not about the digest of the tag")
        return subject


def looks_like_carrier(manifest: Manifest) -> bool:
    """Whether a manifest has the form of a carrier. What its blobs are is not looked at here."""
    if isinstance(manifest, Index) or not manifest.layers:
        return False
    layers = {layer.media_type for layer in manifest.layers}
    config = manifest.config.media_type
    if layers in ({SIMPLE_SIGNING}, {DSSE_ENVELOPE}):
        return config in _COSIGN_CONFIGS
    if len(manifest.layers) == 1 and layers <= BUNDLES:
        return config == EMPTY
    is_notation = NOTATION_SIGNATURE in (manifest.artifact_type, config) and config in (EMPTY, NOTATION_SIGNATURE)
    return is_notation and len(manifest.layers) == 1 and layers == {_NOTATION_JWS}


def brings_signatures(manifest: Manifest) -> bool:
    """Whether any layer of a manifest that is about another one may be read as evidence."""
    kinds = {SIMPLE_SIGNING, DSSE_ENVELOPE, *BUNDLES}
    layers = () if isinstance(manifest, Index) else manifest.layers
    return manifest.subject is not None and any(layer.media_type in kinds for layer in layers)


def carrier_subject(reference: Reference) -> Digest | None:
    """The digest that a reference speaks about by its form: of a carrier's tag, and of nothing else."""
    return subject_of_tag(reference) if isinstance(reference, Tag) else None


def _subjects(media_type: str, raw: bytes) -> Iterable[Digest]:
    """Which digests a blob of this format is about; that it is signed is not this module's business."""
    if media_type == SIMPLE_SIGNING:
        return (parse_simple_signing(raw).digest,)
    document = strict_json.loads(raw)
    if media_type == DSSE_ENVELOPE:
        return _of_envelope(document)
    if media_type == _NOTATION_JWS:
        return _of_jws(document)
    return _of_bundle(document)


def _of_envelope(document: Json) -> Iterable[Digest]:
    envelope = parse_envelope(document)
    if envelope.payload_type != IN_TOTO:
        raise PayloadMalformed("the envelope's payload is not an in-toto statement")
    return parse_statement(envelope.payload).subjects


def _of_bundle(document: Json) -> Iterable[Digest]:
    bundle = strict_json.members(
        document, frozenset({"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"}), "the bundle"
    )
    if (strict_json.text_of(bundle, "mediaType", "the bundle")) not in BUNDLES:
        raise PayloadMalformed("it does not say that it is a Sigstore bundle")
    if "messageSignature" not in bundle:
        return _of_envelope(bundle.get("dsseEnvelope"))
    message = strict_json.members(
        bundle["messageSignature"], frozenset({"messageDigest", "signature"}), "messageSignature"
    )
    named = strict_json.members(
        message.get("messageDigest"), frozenset({"algorithm", "digest"}), "messageSignature.messageDigest"
    )
    if strict_json.text_of(named, "algorithm", "messageDigest") != "SHA2_256":
        raise PayloadMalformed("its message digest is not SHA-256")
    try:
        content = base64.b64decode(strict_json.text_of(named, "digest", "messageDigest"), validate=True)
    except (binascii.Error, ValueError) as bad:
        raise PayloadMalformed("its message digest is not base64") from bad
    return (Digest.parse(f"sha256:{content.hex()}"),)


def _of_jws(document: Json) -> Iterable[Digest]:
    """Notation's JWS envelope (notaryproject specifications, signature-envelope-jws.md)."""
    envelope = strict_json.members(document, frozenset({"payload", "protected", "header", "signature"}), "the JWS")
    text = strict_json.text_of(envelope, "payload", "the JWS")
    try:
        payload = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as bad:
        raise PayloadMalformed("its payload is not base64url") from bad
    claims = strict_json.members(strict_json.loads(payload), frozenset({"targetArtifact"}), "the payload")
    target = strict_json.members(
        claims.get("targetArtifact"), frozenset({"mediaType", "digest", "size", "annotations"}), "targetArtifact"
    )
    return (Digest.parse(strict_json.text_of(target, "digest", "targetArtifact")),)
