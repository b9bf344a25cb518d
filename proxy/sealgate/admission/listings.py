"""Which manifests list a blob or a child: where to look for an admission, never an admission itself.

Anybody who may push can have manifests recorded that list somebody else's layers, more than are ever asked
(`LISTING_MANIFESTS`). So those that were admitted are asked first: junk never displaces them (design section 5). The
store keeps over restarts which ever were; which was the last one for a digest is kept here, for many of them may share
a base layer under policies that have changed since.
"""

from collections import OrderedDict

from sealgate.limits import ADMITTED_LISTINGS_IN_MEMORY, LISTING_INDEXES, LISTING_MANIFESTS
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import ImageManifest, Manifest
from sealgate.oci.reference import Repository
from sealgate.ports import Store


class Listings:
    """The store's listings, those that were admitted last before the others.

    Args:
        store: what lists what.
        most: how many blobs and children are remembered with the manifest that was admitted.
    """

    def __init__(self, store: Store, most: int = ADMITTED_LISTINGS_IN_MEMORY) -> None:
        self._store = store
        self._most = most
        self._admitted: OrderedDict[tuple[Repository, Digest], Digest] = OrderedDict()

    async def record(
        self, repository: Repository, digest: Digest, manifest: Manifest, *, admitted: bool, covers: bool = True
    ) -> None:
        """Remember what a manifest lists.

        Args:
            repository: where it is.
            digest: its own.
            manifest: what it says.
            admitted: whether it was admitted just now.
            covers: whether it can admit children. A carrier, such as the referrers fallback index, admits none.

        Raises:
            StateUnavailable: it cannot be remembered.
        """
        blobs = manifest.blobs if isinstance(manifest, ImageManifest) else frozenset()
        children: frozenset[Digest] = frozenset()
        if covers and not isinstance(manifest, ImageManifest):
            children = frozenset(entry.digest for entry in manifest.manifests)
        await self._store.record_manifest(repository, digest, blobs=blobs, children=children, admitted=admitted)
        if admitted:
            for listed in blobs | children:
                self._admitted[repository, listed] = digest
                self._admitted.move_to_end((repository, listed))
            while len(self._admitted) > self._most:
                self._admitted.popitem(last=False)

    async def of_blob(self, repository: Repository, blob: Digest) -> tuple[Digest, ...]:
        """Manifests of a repository that are said to list a blob.

        Raises:
            StateUnavailable: it is not known.
        """
        found = await self._store.listing_blob(repository, blob, LISTING_MANIFESTS)
        return self._first(repository, blob, found)

    async def of_child(self, repository: Repository, child: Digest) -> tuple[Digest, ...]:
        """Indexes of a repository that are said to list a manifest.

        Raises:
            StateUnavailable: it is not known.
        """
        found = await self._store.listing_child(repository, child, LISTING_INDEXES)
        return self._first(repository, child, found)

    def _first(self, repository: Repository, listed: Digest, found: tuple[Digest, ...]) -> tuple[Digest, ...]:
        admitted = self._admitted.get((repository, listed))
        return found if admitted is None else (admitted, *(one for one in found if one != admitted))
