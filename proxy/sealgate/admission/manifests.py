"""Manifests that the gate reads for itself: indexes that may cover a child, manifests that may list a blob, carriers.

What is kept here was hashed when it was fetched and never changes. It is never served from here: what a client gets is
fetched with the client's own right, every time.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from sealgate.limits import MANIFESTS_IN_MEMORY_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Manifest, parse_manifest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Repository
from sealgate.ports import Access, FetchedManifest, Upstream

_ALL: Final[Sequence[str]] = MANIFESTS


class Manifests:
    """Parsed manifests by repository and digest, bounded by the bytes they were read from."""

    def __init__(self, upstream: Upstream, most_bytes: int = MANIFESTS_IN_MEMORY_BYTES) -> None:
        self._upstream = upstream
        self._most = most_bytes
        self._held = 0
        self._known: OrderedDict[tuple[Repository, Digest], tuple[Manifest, int]] = OrderedDict()

    async def by_digest(self, repository: Repository, digest: Digest, access: Access) -> Manifest:
        """The manifest with this digest.

        Raises:
            UpstreamRefused, UpstreamUnavailable, ContentMismatch, TooLarge, ManifestMalformed.
        """
        if (found := self._known.get((repository, digest))) is not None:
            self._known.move_to_end((repository, digest))
            return found[0]
        return self.learn(repository, await self._upstream.manifest(repository, digest, _ALL, access))

    def learn(self, repository: Repository, fetched: FetchedManifest) -> Manifest:
        """Parse what was just fetched, and keep it.

        Raises:
            TooLarge, ManifestMalformed.
        """
        key = (repository, fetched.digest)
        if (found := self._known.get(key)) is not None and found[0].media_type == fetched.content_type:
            self._known.move_to_end(key)
            return found[0]
        manifest = parse_manifest(fetched.raw, fetched.content_type)
        if found is not None:
            self._held -= found[1]
        self._known[key] = (manifest, len(fetched.raw))
        self._held += len(fetched.raw)
        while self._held > self._most:
            _, (_, size) = self._known.popitem(last=False)
            self._held -= size
        return manifest

    def forget(self, repository: Repository) -> None:
        """Read everything of this repository again: something of it was deleted."""
        for key in [key for key in self._known if key[0] == repository]:
            self._held -= self._known.pop(key)[1]
