"""Tiny images and files made in Python: the same label gives the same digest, another label shares nothing with it."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

TAG = "1"
"""The tag of every image, in its layout and where the tests push it."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image on disk.

    Args:
        layout: its folder, an OCI image layout; what skopeo, oras and crane push.
        archive: the same as one tar that `docker load` and `ctr images import` read too.
        digest: what the tag names: a manifest, or an index.
        children: the manifests that an index lists.
    """

    layout: Path
    archive: Path
    digest: str
    children: tuple[str, ...] = ()


def single(folder: Path, label: str, size: int = 0) -> Image:
    """An image for this platform, whose one file holds the label, and as many random bytes after it."""
    writer = _Layout(folder)
    described, docker = writer.manifest(label, "amd64", size)
    return writer.finish(described, (), docker)


def multi_platform(folder: Path, label: str) -> Image:
    """An index of two images, for amd64 and arm64."""
    writer = _Layout(folder)
    (amd64, docker), (arm64, _) = (writer.manifest(label, platform) for platform in ("amd64", "arm64"))
    entries = [
        {**entry, "platform": {"os": "linux", "architecture": platform}}
        for entry, platform in ((amd64, "amd64"), (arm64, "arm64"))
    ]
    index = writer.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
    return writer.finish(index, (str(amd64["digest"]), str(arm64["digest"])), docker)


class _Layout:
    """Writes an OCI image layout, with Docker's `manifest.json` beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)

    def manifest(self, label: str, architecture: str, size: int = 0) -> tuple[dict[str, object], dict[str, object]]:
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            content = f"{label} {architecture}\n".encode() + os.urandom(size)
            member = tarfile.TarInfo("label.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        difference = _sha256(tar.getvalue())
        level = 0 if size else 9  # random bytes do not get smaller
        layer = self._blob(gzip.compress(tar.getvalue(), compresslevel=level, mtime=0), LAYER)
        config = self.document(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Cmd": ["/label.txt"]},
                "rootfs": {"type": "layers", "diff_ids": [difference]},
                "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "tests"}],
            },
            CONFIG,
        )
        described = self.document(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST
        )
        return described, {"Config": _place(config), "RepoTags": [], "Layers": [_place(layer)]}

    def document(self, value: object, media_type: str) -> dict[str, object]:
        return self._blob(json.dumps(value, separators=(",", ":")).encode(), media_type)

    def finish(self, described: dict[str, object], children: tuple[str, ...], docker: dict[str, object]) -> Image:
        named = {**described, "annotations": {"org.opencontainers.image.ref.name": TAG}}
        for name, value in {
            "oci-layout": {"imageLayoutVersion": "1.0.0"},
            "index.json": {"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]},
            "manifest.json": [docker],
        }.items():
            (self._folder / name).write_text(json.dumps(value))
        archive = self._folder.with_suffix(".tar")
        with tarfile.open(archive, "w") as tar:
            for path in sorted(self._folder.rglob("*")):
                tar.add(path, path.relative_to(self._folder), recursive=False)
        return Image(self._folder, archive, str(described["digest"]), children)

    def _blob(self, content: bytes, media_type: str) -> dict[str, object]:
        digest = _sha256(content)
        (self._blobs / digest.removeprefix("sha256:")).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _place(descriptor: dict[str, object]) -> str:
    return f"blobs/sha256/{str(descriptor['digest']).removeprefix('sha256:')}"


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
