"""What the memory in front of a store spares it, and what it must never hold back."""

import asyncio
from collections.abc import Callable

import pytest

from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.remembering import RememberingStore
from sealgate.errors import StateUnavailable
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import DecisionKey
from sealgate.testing.clock import FixedClock

APP = Repository("team/app")
FIRST, SECOND = Digest.of(b"manifest 1"), Digest.of(b"manifest 2")
BLOB, CHILD = Digest.of(b"a layer"), Digest.of(b"a child")
Decided = Callable[..., Decision]


class Disk(MemoryStore):
    """A store that can break, and whose answers can be held up on their way."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.broken = False
        self.answered = asyncio.Event()
        self.delivered = asyncio.Event()
        self.delivered.set()

    async def _way(self) -> None:
        if self.broken:
            raise StateUnavailable("broken")
        self.answered.set()
        await self.delivered.wait()

    async def record_manifest(
        self,
        repository: Repository,
        manifest: Digest,
        *,
        blobs: frozenset[Digest],
        children: frozenset[Digest],
        admitted: bool = False,
    ) -> None:
        if self.broken:
            raise StateUnavailable("broken")
        await super().record_manifest(repository, manifest, blobs=blobs, children=children, admitted=admitted)

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        found = await super().is_manifest(repository, digest)
        await self._way()
        return found

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        found = await super().listing_blob(repository, blob, most)
        await self._way()
        return found

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        found = await super().listing_child(repository, child, most)
        await self._way()
        return found

    async def decision(self, key: DecisionKey) -> Decision | None:
        found = await super().decision(key)
        await self._way()
        return found

    async def forget_decisions(self, repository: Repository) -> None:
        if self.broken:
            raise StateUnavailable("broken")
        await super().forget_decisions(repository)

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        if self.broken:
            raise StateUnavailable("broken")
        await super().save_decision(key, decision)


@pytest.fixture
def disk(clock: FixedClock) -> Disk:
    return Disk(clock)


@pytest.fixture
def front(disk: Disk, clock: FixedClock) -> RememberingStore:
    return RememberingStore(disk, clock)


async def record(store: RememberingStore, manifest: Digest) -> None:
    await store.record_manifest(APP, manifest, blobs=frozenset({BLOB}), children=frozenset({CHILD}))


async def test_a_warm_pull_asks_the_disk_for_nothing(
    front: RememberingStore, disk: Disk, key: DecisionKey, decided: Decided
) -> None:
    await record(front, FIRST)
    await disk.save_decision(key, decided())
    cold = (await front.decision(key), await front.listing_blob(APP, BLOB, 9), await front.listing_child(APP, CHILD, 9))
    disk.broken = True
    await record(front, FIRST)
    assert await front.is_manifest(APP, FIRST)
    assert cold == (
        await front.decision(key),
        await front.listing_blob(APP, BLOB, 9),
        await front.listing_child(APP, CHILD, 9),
    )
    assert cold == (decided(), (FIRST,), (FIRST,))


async def test_what_the_disk_did_not_take_is_recorded_again(front: RememberingStore, disk: Disk) -> None:
    disk.broken = True
    with pytest.raises(StateUnavailable):
        await record(front, FIRST)
    disk.broken = False
    await record(front, FIRST)
    assert await disk.is_manifest(APP, FIRST)


async def test_a_decision_is_remembered_though_the_disk_did_not_take_it(
    front: RememberingStore, disk: Disk, key: DecisionKey, decided: Decided
) -> None:
    disk.broken = True
    with pytest.raises(StateUnavailable):
        await front.save_decision(key, decided())
    assert await front.decision(key) == decided()


async def test_nothing_is_remembered_as_listed_by_nobody(front: RememberingStore, disk: Disk) -> None:
    assert await front.listing_blob(APP, BLOB, 9) == ()
    await disk.record_manifest(APP, FIRST, blobs=frozenset({BLOB}), children=frozenset())
    assert await front.listing_blob(APP, BLOB, 9) == (FIRST,)


async def test_an_answer_that_was_on_its_way_while_a_manifest_was_recorded_is_not_remembered(
    front: RememberingStore, disk: Disk
) -> None:
    await record(front, FIRST)
    disk.delivered.clear()
    asking = asyncio.create_task(front.listing_blob(APP, BLOB, 9))
    await disk.answered.wait()
    await record(front, SECOND)
    disk.delivered.set()
    assert await asking == (FIRST,)
    assert await front.listing_blob(APP, BLOB, 9) == (SECOND, FIRST)


async def test_a_denial_that_is_forgotten_while_it_is_read_does_not_come_to_stay(
    front: RememberingStore, disk: Disk, key: DecisionKey, decided: Decided
) -> None:
    await disk.save_decision(key, decided(Outcome.DENY))
    disk.delivered.clear()
    asking = asyncio.create_task(front.decision(key))
    await disk.answered.wait()
    await front.forget_denials(key.repository, key.digest)
    disk.delivered.set()
    await asking
    assert await front.decision(key) is None


async def test_b21_an_admission_that_is_forgotten_while_it_is_read_does_not_come_to_stay(
    front: RememberingStore, disk: Disk, key: DecisionKey, decided: Decided
) -> None:
    await disk.save_decision(key, decided())
    disk.delivered.clear()
    asking = asyncio.create_task(front.decision(key))
    await disk.answered.wait()
    await front.forget_decisions(key.repository)
    disk.delivered.set()
    await asking
    assert await front.decision(key) is None


async def test_b21_what_the_disk_does_not_forget_is_not_remembered_either(
    front: RememberingStore, disk: Disk, key: DecisionKey, decided: Decided
) -> None:
    await front.save_decision(key, decided())
    disk.broken = True
    with pytest.raises(StateUnavailable):
        await front.forget_decisions(key.repository)
    with pytest.raises(StateUnavailable):
        await front.decision(key)
