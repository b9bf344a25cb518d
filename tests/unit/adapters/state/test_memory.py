"""The bounds of what is kept in memory: the least recently asked for goes first."""

from collections.abc import Callable
from dataclasses import replace

from sealgate.adapters.state.decisions import RecentDecisions
from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.recent import Recent
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import DecisionKey
from sealgate.testing.clock import FixedClock

APP = Repository("team/app")
FIRST, SECOND, THIRD = (Digest.of(b"manifest %d" % number) for number in range(3))
SHARED, CHILD = Digest.of(b"a base layer"), Digest.of(b"a child")
OWN = {manifest: Digest.of(f"the layer of {manifest}".encode()) for manifest in (FIRST, SECOND, THIRD)}


async def record(store: MemoryStore, manifest: Digest) -> None:
    await store.record_manifest(
        APP, manifest, blobs=frozenset({SHARED, OWN[manifest]}), children=frozenset({CHILD, OWN[manifest]})
    )


async def test_the_manifest_asked_about_least_recently_is_forgotten_with_all_it_lists(clock: FixedClock) -> None:
    store = MemoryStore(clock, most=2)
    await record(store, FIRST)
    await record(store, SECOND)
    assert await store.listing_blob(APP, OWN[FIRST], 9) == (FIRST,)
    await record(store, THIRD)
    assert not await store.is_manifest(APP, SECOND)
    assert await store.listing_blob(APP, OWN[SECOND], 9) == ()
    assert await store.listing_child(APP, OWN[SECOND], 9) == ()
    assert await store.listing_blob(APP, SHARED, 9) == (THIRD, FIRST)
    assert await store.listing_child(APP, CHILD, 9) == (THIRD, FIRST)


async def test_recording_again_is_use(clock: FixedClock) -> None:
    store = MemoryStore(clock, most=2)
    for manifest in (FIRST, SECOND, FIRST, THIRD):
        await record(store, manifest)
    assert await store.is_manifest(APP, FIRST)
    assert not await store.is_manifest(APP, SECOND)


def test_decisions_are_bounded(clock: FixedClock, key: DecisionKey, decided: Callable[..., Decision]) -> None:
    recent = RecentDecisions(clock, most=2)
    keys = [replace(key, policies=str(number)) for number in range(3)]
    recent.put(keys[0], decided())
    recent.put(keys[1], decided(Outcome.DENY))
    assert recent.get(keys[0]) is not None
    recent.put(keys[2], decided())
    assert [recent.get(each) is not None for each in keys] == [True, False, True]
    recent.forget_denials(key.repository, key.digest)
    assert [recent.get(each) is not None for each in keys] == [True, False, True]


def test_what_is_kept_is_bounded() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(each) for each in "abc"] == [1, None, 3]
    recent.drop("a")
    recent.drop("never there")
    assert recent.get("a") is None
