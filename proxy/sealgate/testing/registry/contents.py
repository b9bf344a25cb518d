"""What a registry holds. It is a test's world: it takes any bytes as a manifest when a test seeds them."""

import json
from dataclasses import dataclass, field

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import OCI_INDEX


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest and the type it was stored with."""

    raw: bytes = field(repr=False)
    media_type: str


@dataclass(slots=True)
class RepositoryContents:
    """One repository: manifests by their SHA-256, tags, blobs by the digest they were stored with, open uploads."""

    manifests: dict[Digest, StoredManifest] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)

    def put(self, raw: bytes, media_type: str, tag: str | None = None) -> Digest:
        """Store a manifest, and move the tag if one is given."""
        digest = Digest.of(raw)
        self.manifests[digest] = StoredManifest(raw, media_type)
        if tag is not None:
            self.tags[tag] = digest
        return digest

    def find(self, reference: str) -> Digest | None:
        """The SHA-256 of the manifest that a tag or a digest of either algorithm means here."""
        if reference in self.tags:
            return self.tags[reference]
        for digest, manifest in self.manifests.items():
            if reference in (str(digest), str(Digest.of(manifest.raw, "sha512"))):
                return digest
        return None

    def delete(self, reference: str) -> bool:
        """Drop a tag, or a manifest with all tags on it; False when there is no such thing."""
        if reference in self.tags:
            del self.tags[reference]
            return True
        if (digest := self.find(reference)) is None:
            return False
        del self.manifests[digest]
        self.tags = {tag: target for tag, target in self.tags.items() if target != digest}
        return True

    def missing(self, raw: bytes) -> list[str]:
        """The digests that a manifest lists and that are not here."""
        document = members_of(raw)
        blobs = [document.get("config"), *_list(document.get("layers"))]
        children = _list(document.get("manifests"))
        have = {str(digest) for digest in (*self.blobs, *self.manifests)}
        listed = [entry.get("digest") for entry in (*blobs, *children) if isinstance(entry, dict)]
        return [str(digest) for digest in listed if digest not in have]

    def referrers(self, subject: str, artifact_type: str = "") -> list[dict[str, object]]:
        """The descriptors that the referrers API lists (distribution-spec 1.1, "Listing Referrers")."""
        found = []
        for digest, manifest in self.manifests.items():
            document = members_of(manifest.raw)
            if subject_of(manifest.raw) != subject:
                continue
            config = document.get("config")
            kind = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "")
            entry: dict[str, object] = {
                "mediaType": manifest.media_type,
                "digest": str(digest),
                "size": len(manifest.raw),
            }
            if kind:
                entry["artifactType"] = kind
            if document.get("annotations"):
                entry["annotations"] = document["annotations"]
            if artifact_type in ("", kind):
                found.append(entry)
        return found


def members_of(raw: bytes) -> dict[str, object]:
    """The members of a JSON object; {} for anything else."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def subject_of(raw: bytes) -> str:
    """The digest in a manifest's `subject`; "" when it has none."""
    subject = members_of(raw).get("subject")
    return str(subject.get("digest", "")) if isinstance(subject, dict) else ""


def index_of(descriptors: list[dict[str, object]]) -> bytes:
    """An OCI index of these descriptors."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}).encode()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
