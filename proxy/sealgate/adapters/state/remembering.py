"""What was asked for lately, in front of a store that is on disk: a warm pull neither reads nor writes it.

This holds as long as one process owns what is behind: what another one records there is not seen here at once.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sealgate.adapters.state.decisions import RecentDecisions
from sealgate.adapters.state.recent import Recent
from sealgate.limits import LISTINGS_IN_MEMORY, RECORDED_IN_MEMORY
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision
from sealgate.ports import Clock, DecisionKey, Store

_Listings: TypeAlias = Recent[tuple[Repository, Digest], tuple[int, tuple[Digest, ...]]]  # how many were asked for
_Ask: TypeAlias = Callable[[Repository, Digest, int], Awaitable[tuple[Digest, ...]]]


class RememberingStore:
    """`ports.Store`: decisions, and what lists what, are remembered; the rest is the store's behind.

    Args:
        inner: the store behind.
        clock: by which decisions end.
    """

    def __init__(self, inner: Store, clock: Clock) -> None:
        self._inner = inner
        self._decisions = RecentDecisions(clock)
        self._forgotten = 0
        self._recorded: Recent[tuple[Repository, Digest], bool] = Recent(RECORDED_IN_MEMORY)  # and whether as admitted
        self._records = 0
        self._blobs: _Listings = Recent(LISTINGS_IN_MEMORY)
        self._children: _Listings = Recent(LISTINGS_IN_MEMORY)

    async def record_manifest(
        self,
        repository: Repository,
        manifest: Digest,
        *,
        blobs: frozenset[Digest],
        children: frozenset[Digest],
        admitted: bool = False,
    ) -> None:
        """See `ports.Store`."""
        known = self._recorded.get((repository, manifest))
        if known or (known is False and not admitted):
            return
        await self._inner.record_manifest(repository, manifest, blobs=blobs, children=children, admitted=admitted)
        self._recorded.put((repository, manifest), admitted)
        self._records += 1
        for blob in blobs:
            self._blobs.drop((repository, blob))
        for child in children:
            self._children.drop((repository, child))

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """See `ports.Store`."""
        if self._recorded.get((repository, digest)) is not None:
            return True
        return await self._inner.is_manifest(repository, digest)

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(self._blobs, self._inner.listing_blob, repository, blob, most)

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(self._children, self._inner.listing_child, repository, child, most)

    async def record_carriers(self, repository: Repository, subject: Digest, carriers: frozenset[Digest]) -> None:
        """See `ports.Store`."""
        await self._inner.record_carriers(repository, subject, carriers)

    async def carriers(self, repository: Repository, subject: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`. Not remembered: whoever asks is about to ask the registry."""
        return await self._inner.carriers(repository, subject, most)

    async def forget_carriers(self, repository: Repository, subject: Digest) -> None:
        """See `ports.Store`."""
        await self._inner.forget_carriers(repository, subject)

    async def decision(self, key: DecisionKey) -> Decision | None:
        """See `ports.Store`."""
        if (known := self._decisions.get(key)) is not None:
            return known
        forgotten = self._forgotten
        found = await self._inner.decision(key)
        # What is forgotten while it is read must not come to stay: any denial, and all of a repository's.
        if found is not None and found.admitted and forgotten == self._forgotten:
            self._decisions.put(key, found)
        return found

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """See `ports.Store`. It is remembered even where the store behind cannot be written."""
        self._decisions.put(key, decision)
        await self._inner.save_decision(key, decision)

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """See `ports.Store`."""
        self._decisions.forget_denials(repository, digest)
        await self._inner.forget_denials(repository, digest)

    async def forget_decisions(self, repository: Repository) -> None:
        """See `ports.Store`."""
        try:
            await self._inner.forget_decisions(repository)
        finally:
            self._forgotten += 1
            self._decisions.forget(repository)

    async def secret(self) -> bytes:
        """See `ports.Store`."""
        return await self._inner.secret()

    async def close(self) -> None:
        """See `ports.Store`."""
        await self._inner.close()

    async def _listing(
        self, remembered: _Listings, ask: _Ask, repository: Repository, digest: Digest, most: int
    ) -> tuple[Digest, ...]:
        if (known := remembered.get((repository, digest))) is not None and known[0] == most:
            return known[1]
        records = self._records
        found = await ask(repository, digest, most)
        if found and records == self._records:  # else one that was recorded meanwhile may be missing in it
            remembered.put((repository, digest), (most, found))
        return found
