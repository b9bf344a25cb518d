"""Manifests and indexes (image-spec manifest.md, image-index.md), read so that they have one meaning only."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from sealgate.errors import JsonMalformed, ManifestMalformed, ReferenceMalformed, TooLarge
from sealgate.limits import MANIFEST_BYTES, MANIFEST_DESCRIPTORS
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import IMAGE_MANIFESTS, INDEXES
from sealgate.oci.strict_json import Json

_MANIFEST_FIELDS: Final = frozenset(
    {"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations",
     "blobs", "fsLayers", "history", "signatures"}
)  # fmt: skip
_DESCRIPTOR_FIELDS: Final = frozenset(
    {"mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"}
)
_PLATFORM_FIELDS: Final = frozenset({"architecture", "os", "os.version", "os.features", "variant", "features"})
NO_PLATFORM: Final = "unknown/unknown"
"""The platform of what an index lists and nobody runs: BuildKit's attestations."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A descriptor (image-spec descriptor.md). `urls` never stand in one: they are refused when it is read."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)
    platform: str = ""  # os/architecture[/variant], "" where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageManifest:
    """An image manifest: of an image, or of any other artifact."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)

    @property
    def blobs(self) -> frozenset[Digest]:
        """What a client may fetch as a blob once this manifest is admitted."""
        return frozenset({self.config.digest, *(layer.digest for layer in self.layers)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index or Docker manifest list."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)


Manifest: TypeAlias = ImageManifest | Index


def parse_manifest(raw: bytes, content_type: str) -> Manifest:
    """Read a manifest or an index from the bytes that would be served.

    Args:
        raw: the document.
        content_type: what the `Content-Type` beside it says; it and the document must not contradict each other
            (image-spec GHSA-77vh-xpmg-72qh, distribution-spec GHSA-mc8v-mgrf-8f4m).

    Raises:
        TooLarge: past `MANIFEST_BYTES` or `MANIFEST_DESCRIPTORS`.
        ManifestMalformed: not strict JSON; of another or of two shapes; of schema 1; a media type that differs from
            `content_type`; a descriptor with `urls`, or with `data` that is not its content.
    """
    if len(raw) > MANIFEST_BYTES:
        raise TooLarge(f"a manifest has at most {MANIFEST_BYTES} bytes")
    try:
        document = strict_json.members(strict_json.loads(raw), _MANIFEST_FIELDS, "the manifest")
        return _manifest(document, content_type.partition(";")[0].strip())
    except (JsonMalformed, ReferenceMalformed) as error:
        raise ManifestMalformed(str(error)) from error


def _manifest(document: dict[str, Json], content_type: str) -> Manifest:
    if document.get("schemaVersion") != 2 or not isinstance(document["schemaVersion"], int):  # 2.0 is none to Go
        raise ManifestMalformed("schemaVersion is not 2")
    stated = strict_json.text_of(document, "mediaType", "the manifest")
    if stated and stated != content_type:
        raise ManifestMalformed(f"mediaType {stated[:100]!r} is not its Content-Type {content_type[:100]!r}")
    for foreign in ("blobs", "fsLayers", "history", "signatures"):
        if foreign in document:
            raise ManifestMalformed(f"has {foreign}, which belongs to another kind of manifest")
    artifact_type = strict_json.text_of(document, "artifactType", "the manifest")
    annotations = _annotations(document.get("annotations"), "the manifest")
    subject = None if document.get("subject") is None else _descriptor(document["subject"], "subject")
    if content_type in IMAGE_MANIFESTS:
        if "manifests" in document:
            raise ManifestMalformed("an image manifest has manifests")
        return ImageManifest(
            media_type=content_type,
            config=_descriptor(document.get("config"), "config"),
            layers=_descriptors(document, "layers"),
            artifact_type=artifact_type,
            subject=subject,
            annotations=annotations,
        )
    if content_type in INDEXES:
        if "config" in document or "layers" in document:
            raise ManifestMalformed("an index has config or layers")
        return Index(
            media_type=content_type,
            manifests=_descriptors(document, "manifests"),
            artifact_type=artifact_type,
            subject=subject,
            annotations=annotations,
        )
    raise ManifestMalformed(f"media type {content_type[:100]!r} is not one of a manifest")


def _descriptors(document: dict[str, Json], key: str) -> tuple[Descriptor, ...]:
    found = document.get(key)
    if not isinstance(found, list):
        raise ManifestMalformed(f"{key} is not a list")
    if len(found) > MANIFEST_DESCRIPTORS:
        raise TooLarge(f"a manifest has at most {MANIFEST_DESCRIPTORS} {key}")
    return tuple(_descriptor(entry, f"{key}[{position}]") for position, entry in enumerate(found))


def _descriptor(value: Json, where: str) -> Descriptor:
    entry = strict_json.members(value, _DESCRIPTOR_FIELDS, where)
    if entry.get("urls"):
        raise ManifestMalformed(f"{where} has urls: content from elsewhere is not admitted")  # attacks B38
    digest = Digest.parse(strict_json.text_of(entry, "digest", where))
    size = entry.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestMalformed(f"{where}.size is not a number of bytes")
    if (inline := strict_json.text_of(entry, "data", where)) != "":
        _check_inline(inline, digest, size, where)
    media_type = strict_json.text_of(entry, "mediaType", where)
    if not media_type:
        raise ManifestMalformed(f"{where} has no mediaType")
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        artifact_type=strict_json.text_of(entry, "artifactType", where),
        annotations=_annotations(entry.get("annotations"), where),
        platform=_platform(entry.get("platform"), where),
    )


def _check_inline(inline: str, digest: Digest, size: int, where: str) -> None:
    try:
        content = base64.b64decode(inline, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ManifestMalformed(f"{where}.data is not base64") from error
    if len(content) != size or not digest.matches(content):
        raise ManifestMalformed(f"{where}.data is not the content of its digest")  # attacks B39


def _annotations(value: Json, where: str) -> Mapping[str, str]:
    if value is None:
        return _NONE
    if not isinstance(value, dict):
        raise ManifestMalformed(f"{where}.annotations is not an object")
    made: dict[str, str] = {}
    for key, text in value.items():
        if not isinstance(text, str):
            raise ManifestMalformed(f"{where}.annotations has a value that is not a string")
        made[key] = text
    return MappingProxyType(made)


def _platform(value: Json, where: str) -> str:
    if value is None:
        return ""
    platform = strict_json.members(value, _PLATFORM_FIELDS, f"{where}.platform")
    parts = (strict_json.text_of(platform, key, f"{where}.platform") for key in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if part)
