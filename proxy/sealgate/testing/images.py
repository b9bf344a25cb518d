"""Small artifacts of every kind, as bytes: images that real clients unpack, indexes, charts, packages.

Everything is made from its arguments alone: the same call gives the same digest, so tests can tell two images apart
by their `seed` and know them again.
"""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest

EMPTY_CONFIG: Final = b"{}"  # image-spec manifest.md, "Guidance for an Empty Descriptor"
_OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_PLATFORMS: Final = (("linux", "amd64"), ("linux", "arm64"), ("linux", "s390x"))


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest or an index with all that it lists.

    Args:
        raw: the manifest.
        media_type: its type.
        blobs: its config and layers.
        children: an index's manifests.
    """

    raw: bytes = field(repr=False)
    media_type: str
    blobs: tuple[bytes, ...] = field(default=(), repr=False)
    children: tuple["Artifact", ...] = ()

    @property
    def digest(self) -> Digest:
        """Its SHA-256."""
        return Digest.of(self.raw)


def random_bytes(size: int, seed: int = 0) -> bytes:
    """So many bytes that do not compress, the same ones for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311  reproducible, not secret


def layer(size: int = 64, seed: int = 0) -> bytes:
    """An uncompressed tar with one file of `size` bytes, `/content`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("content")
        entry.size = size
        archive.addfile(entry, io.BytesIO(random_bytes(size, seed)))
    return made.getvalue()


def oci_image(
    *,
    seed: int = 0,
    size: int = 64,
    platform: tuple[str, str] = _PLATFORMS[0],
    annotations: Mapping[str, str] | None = None,
    subject: Artifact | None = None,
) -> Artifact:
    """An OCI image of one layer, which any client can unpack."""
    return _image(mt.OCI_MANIFEST, mt.OCI_IMAGE_CONFIG, _OCI_LAYER, seed, size, platform, annotations, subject)


def docker_image(*, seed: int = 0, size: int = 64, platform: tuple[str, str] = _PLATFORMS[0]) -> Artifact:
    """The same in Docker's schema 2."""
    return _image(mt.DOCKER_MANIFEST, mt.DOCKER_IMAGE_CONFIG, _DOCKER_LAYER, seed, size, platform, None, None)


def index(
    children: Sequence[Artifact] | None = None,
    *,
    seed: int = 0,
    docker: bool = False,
    subject: Artifact | None = None,
) -> Artifact:
    """A multi-platform index, of three small images unless `children` says otherwise."""
    if children is None:
        build = docker_image if docker else oci_image
        children = [build(seed=seed + n, platform=platform) for n, platform in enumerate(_PLATFORMS)]
    entries = []
    for number, child in enumerate(children):
        system, architecture = _PLATFORMS[number % len(_PLATFORMS)]
        platform = {"os": system, "architecture": architecture}
        entries.append({**descriptor(child.raw, child.media_type), "platform": platform})
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": mt.DOCKER_INDEX if docker else mt.OCI_INDEX}
    document["manifests"] = entries
    if subject is not None:
        document["subject"] = descriptor(subject.raw, subject.media_type)
    return Artifact(_json(document), str(document["mediaType"]), (), tuple(children))


def artifact(
    layers: Sequence[tuple[str, bytes]],
    *,
    config: tuple[str, bytes] = (mt.EMPTY, EMPTY_CONFIG),
    artifact_type: str = "",
    annotations: Mapping[str, str] | None = None,
    subject: Artifact | None = None,
) -> Artifact:
    """Any artifact in an OCI image manifest.

    Args:
        layers: media type and content of each.
        config: media type and content.
        artifact_type: its `artifactType`; "" for none.
        annotations: those of the manifest.
        subject: what it refers to.
    """
    return _artifact(mt.OCI_MANIFEST, config, layers, artifact_type, annotations, subject)


def helm_chart(*, seed: int = 0) -> Artifact:
    """A Helm chart as `helm push` writes it: a config of Helm's type and a gzipped tar."""
    config = _json({"name": f"chart-{seed}", "version": "0.1.0", "apiVersion": "v2"})
    chart = gzip.compress(layer(seed=seed), mtime=0)
    return artifact([("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart)], config=(mt.HELM_CONFIG, config))


def package(kind: str, *, seed: int = 0) -> Artifact:
    """An `rpm`, `deb` or `apk` package, known by the media type of its only layer."""
    media_type = {"rpm": mt.RPM_LAYER, "deb": mt.DEB_LAYER, "apk": mt.APK_LAYER}[kind]
    return artifact([(media_type, random_bytes(64, seed))])


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    """A descriptor of some content, as it stands in JSON."""
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _image(
    media_type: str,
    config_type: str,
    layer_type: str,
    seed: int,
    size: int,
    platform: tuple[str, str],
    annotations: Mapping[str, str] | None,
    subject: Artifact | None,
) -> Artifact:
    unpacked = layer(size, seed)
    config = {
        "os": platform[0],
        "architecture": platform[1],
        "config": {"Cmd": ["/content"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]},
    }
    packed = gzip.compress(unpacked, compresslevel=1, mtime=0)
    return _artifact(media_type, (config_type, _json(config)), [(layer_type, packed)], "", annotations, subject)


def _artifact(
    media_type: str,
    config: tuple[str, bytes],
    layers: Sequence[tuple[str, bytes]],
    artifact_type: str,
    annotations: Mapping[str, str] | None,
    subject: Artifact | None,
) -> Artifact:
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type:
        document["artifactType"] = artifact_type
    document["config"] = descriptor(config[1], config[0])
    document["layers"] = [descriptor(content, kind) for kind, content in layers]
    if subject is not None:
        document["subject"] = descriptor(subject.raw, subject.media_type)
    if annotations:
        document["annotations"] = dict(annotations)
    return Artifact(_json(document), media_type, (config[1], *(content for _, content in layers)))


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
