"""A state store in memory, for a gate without a state file: it begins with nothing, and ends with the process."""

import os
from collections import OrderedDict
from typing import TypeAlias

from sealgate.adapters.state.decisions import RecentDecisions
from sealgate.adapters.state.recent import Recent
from sealgate.limits import KNOWN_CARRIERS, LISTINGS_IN_MEMORY
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision
from sealgate.ports import Clock, DecisionKey

_Listed: TypeAlias = dict[tuple[Repository, Digest], dict[Digest, None]]  # by whom, in the order of recording


class MemoryStore:
    """`ports.Store`, bounded: the manifests recorded or asked about least recently are forgotten first.

    What is forgotten is denied until its manifest is pulled again, so a bound that is too small costs a pull of the
    manifest and nothing else.

    Args:
        clock: by which decisions end.
        most: how many manifests are remembered.
    """

    def __init__(self, clock: Clock, most: int = LISTINGS_IN_MEMORY) -> None:
        self._most = most
        self._decisions = RecentDecisions(clock)
        self._manifests: OrderedDict[tuple[Repository, Digest], tuple[frozenset[Digest], frozenset[Digest]]] = (
            OrderedDict()
        )
        self._admitted: set[tuple[Repository, Digest]] = set()
        self._blobs: _Listed = {}
        self._children: _Listed = {}
        self._carriers: Recent[tuple[Repository, Digest], tuple[Digest, ...]] = Recent(most)
        self._secret = os.urandom(32)

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
        key = (repository, manifest)
        if admitted:
            self._admitted.add(key)
        if key in self._manifests:
            self._manifests.move_to_end(key)
            return
        self._manifests[key] = (blobs, children)
        for listed, digests in ((self._blobs, blobs), (self._children, children)):
            for digest in digests:
                listed.setdefault((repository, digest), {})[manifest] = None
        if len(self._manifests) > self._most:
            self._forget(*next(iter(self._manifests)))

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """See `ports.Store`."""
        return (repository, digest) in self._manifests

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return self._listing(self._blobs, repository, blob, most)

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return self._listing(self._children, repository, child, most)

    async def record_carriers(self, repository: Repository, subject: Digest, carriers: frozenset[Digest]) -> None:
        """See `ports.Store`."""
        known = self._carriers.get((repository, subject)) or ()
        new = tuple(sorted(carriers.difference(known), reverse=True))
        self._carriers.put((repository, subject), (*new, *known)[:KNOWN_CARRIERS])

    async def carriers(self, repository: Repository, subject: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return (self._carriers.get((repository, subject)) or ())[:most]

    async def forget_carriers(self, repository: Repository, subject: Digest) -> None:
        """See `ports.Store`."""
        self._carriers.drop((repository, subject))

    async def decision(self, key: DecisionKey) -> Decision | None:
        """See `ports.Store`."""
        return self._decisions.get(key)

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """See `ports.Store`."""
        self._decisions.put(key, decision)

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """See `ports.Store`."""
        self._decisions.forget_denials(repository, digest)

    async def forget_decisions(self, repository: Repository) -> None:
        """See `ports.Store`."""
        self._decisions.forget(repository)

    async def secret(self) -> bytes:
        """See `ports.Store`."""
        return self._secret

    async def close(self) -> None:
        """See `ports.Store`."""

    def _listing(self, listed: _Listed, repository: Repository, digest: Digest, most: int) -> tuple[Digest, ...]:
        last_first = reversed(listed.get((repository, digest), {}))
        found = tuple(sorted(last_first, key=lambda manifest: (repository, manifest) not in self._admitted))[:most]
        for manifest in found:
            self._manifests.move_to_end((repository, manifest))
        return found

    def _forget(self, repository: Repository, manifest: Digest) -> None:
        self._admitted.discard((repository, manifest))
        blobs, children = self._manifests.pop((repository, manifest))
        for listed, digests in ((self._blobs, blobs), (self._children, children)):
            for digest in digests:
                by = listed[repository, digest]
                del by[manifest]
                if not by:
                    del listed[repository, digest]
