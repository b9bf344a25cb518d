"""What every state store does, whatever it keeps things in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.policy.model import Operation
from sealgate.ports import DecisionKey, Store
from sealgate.testing.clock import FixedClock

APP, OTHER = Repository("team/app"), Repository("team/other")
FIRST, SECOND, THIRD = (Digest.of(b"manifest %d" % number) for number in range(3))
BLOB, CHILD = Digest.of(b"a layer"), Digest.of(b"a child")
NOTHING: frozenset[Digest] = frozenset()
Decided = Callable[..., Decision]


async def record(store: Store, manifest: Digest, repository: Repository = APP) -> None:
    await store.record_manifest(repository, manifest, blobs=frozenset({BLOB}), children=frozenset({CHILD}))


async def test_an_empty_store_knows_nothing(store: Store, key: DecisionKey) -> None:
    assert await store.listing_blob(APP, BLOB, 9) == ()
    assert await store.listing_child(APP, CHILD, 9) == ()
    assert not await store.is_manifest(APP, FIRST)
    assert await store.decision(key) is None
    await store.forget_denials(APP, FIRST)


async def test_what_was_recorded_is_listed_last_first(store: Store) -> None:
    for manifest in (FIRST, SECOND, THIRD):
        await record(store, manifest)
        assert (await store.listing_blob(APP, BLOB, 9))[0] == manifest  # asked in between: no answer may grow stale
        assert (await store.listing_child(APP, CHILD, 9))[0] == manifest
    assert await store.listing_blob(APP, BLOB, 9) == (THIRD, SECOND, FIRST)
    assert await store.listing_child(APP, CHILD, 9) == (THIRD, SECOND, FIRST)


async def test_what_was_ever_admitted_comes_first_and_cannot_be_crowded_out(store: Store) -> None:
    await store.record_manifest(APP, FIRST, blobs=frozenset({BLOB}), children=frozenset({CHILD}), admitted=True)
    await record(store, SECOND)
    await record(store, THIRD)
    assert await store.listing_blob(APP, BLOB, 2) == (FIRST, THIRD)
    assert await store.listing_child(APP, CHILD, 1) == (FIRST,)
    await store.record_manifest(APP, SECOND, blobs=frozenset({BLOB}), children=frozenset({CHILD}), admitted=True)
    assert await store.listing_blob(APP, BLOB, 9) == (SECOND, FIRST, THIRD)
    await record(store, FIRST)  # recorded without being admitted: it was, once, and stays ahead
    assert await store.listing_blob(APP, BLOB, 9) == (SECOND, FIRST, THIRD)


async def test_no_more_are_listed_than_are_asked_for(store: Store) -> None:
    for manifest in (FIRST, SECOND, THIRD):
        await record(store, manifest)
    assert await store.listing_blob(APP, BLOB, 2) == (THIRD, SECOND)
    assert await store.listing_blob(APP, BLOB, 1) == (THIRD,)
    assert await store.listing_child(APP, CHILD, 2) == (THIRD, SECOND)


async def test_recording_again_changes_nothing(store: Store) -> None:
    for manifest in (FIRST, SECOND, FIRST):
        await record(store, manifest)
    await store.record_manifest(APP, FIRST, blobs=frozenset({THIRD}), children=NOTHING)
    assert await store.listing_blob(APP, BLOB, 9) == (SECOND, FIRST)
    assert await store.listing_blob(APP, THIRD, 9) == ()


async def test_recording_at_the_same_time_is_recording_once(store: Store) -> None:
    await asyncio.gather(*(record(store, FIRST) for _ in range(8)))
    assert await store.listing_blob(APP, BLOB, 9) == (FIRST,)


async def test_blobs_and_children_are_told_apart(store: Store) -> None:
    await record(store, FIRST)
    assert await store.listing_blob(APP, CHILD, 9) == ()
    assert await store.listing_child(APP, BLOB, 9) == ()


async def test_what_counted_is_told_last_first_of_its_subject_and_its_repository(store: Store) -> None:
    assert await store.carriers(APP, CHILD, 9) == ()
    await store.record_carriers(APP, CHILD, frozenset())
    for carrier in (FIRST, SECOND, FIRST, THIRD):
        await store.record_carriers(APP, CHILD, frozenset({carrier}))
    await store.record_carriers(APP, BLOB, frozenset({FIRST, SECOND}))
    assert await store.carriers(APP, CHILD, 9) == (THIRD, SECOND, FIRST)
    assert await store.carriers(APP, CHILD, 2) == (THIRD, SECOND)
    assert await store.carriers(OTHER, CHILD, 9) == ()
    await store.forget_carriers(APP, CHILD)
    assert await store.carriers(APP, CHILD, 9) == ()
    assert {*await store.carriers(APP, BLOB, 9)} == {FIRST, SECOND}


async def test_b31_what_one_repository_lists_says_nothing_about_another(store: Store) -> None:
    await record(store, FIRST)
    assert await store.listing_blob(OTHER, BLOB, 9) == ()
    assert await store.listing_child(OTHER, CHILD, 9) == ()
    assert not await store.is_manifest(OTHER, FIRST)


async def test_a_manifest_is_known_as_one_and_what_it_lists_is_not(store: Store) -> None:
    await store.record_manifest(APP, FIRST, blobs=NOTHING, children=NOTHING)
    await record(store, SECOND)
    assert await store.is_manifest(APP, FIRST)
    assert await store.is_manifest(APP, SECOND)
    assert not await store.is_manifest(APP, BLOB)
    assert not await store.is_manifest(APP, CHILD)


@pytest.mark.parametrize("outcome", [Outcome.ADMIT, Outcome.DENY])
async def test_a_decision_comes_back_as_it_was_saved(
    store: Store, key: DecisionKey, decided: Decided, outcome: Outcome
) -> None:
    await store.save_decision(key, decided(outcome))
    assert await store.decision(key) == decided(outcome)


async def test_the_last_decision_counts(store: Store, key: DecisionKey, decided: Decided) -> None:
    await store.save_decision(key, decided(Outcome.ADMIT))
    await store.save_decision(key, decided(Outcome.DENY))
    assert await store.decision(key) == decided(Outcome.DENY)


@pytest.mark.parametrize(
    "change",
    [
        {"upstream": "ghcr.io"},
        {"repository": OTHER},
        {"digest": FIRST},
        {"operation": Operation.PUSH},
        {"policies": "other"},
        {"trusted_roots": "other"},
        {"verifier": "2"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_b31_only_an_equal_key_reuses_a_decision(
    store: Store, key: DecisionKey, decided: Decided, change: dict[str, object]
) -> None:
    await store.save_decision(key, decided())
    assert await store.decision(replace(key, **change)) is None


async def test_a_decision_that_is_over_is_none(
    store: Store, key: DecisionKey, decided: Decided, clock: FixedClock
) -> None:
    await store.save_decision(key, decided(seconds=60))
    clock.advance(59.9)
    assert await store.decision(key) is not None
    clock.advance(0.1)
    assert await store.decision(key) is None


async def test_forgetting_denials_leaves_admissions_and_other_digests(
    store: Store, key: DecisionKey, decided: Decided
) -> None:
    denied_elsewhere = replace(key, repository=OTHER)
    denied_other_digest = replace(key, digest=FIRST)
    admitted = replace(key, policies="lax")
    await store.save_decision(key, decided(Outcome.DENY))
    await store.save_decision(denied_elsewhere, decided(Outcome.DENY))
    await store.save_decision(denied_other_digest, decided(Outcome.DENY, digest=FIRST))
    await store.save_decision(admitted, decided(Outcome.ADMIT))
    await store.forget_denials(key.repository, key.digest)
    assert await store.decision(key) is None
    assert await store.decision(denied_elsewhere) is not None
    assert await store.decision(denied_other_digest) is not None
    assert await store.decision(admitted) is not None


async def test_b21_every_decision_of_a_repository_is_forgotten_and_no_other(
    store: Store, key: DecisionKey, decided: Decided
) -> None:
    elsewhere, other_digest = replace(key, repository=OTHER), replace(key, digest=FIRST)
    await store.save_decision(key, decided(Outcome.ADMIT))
    await store.save_decision(other_digest, decided(Outcome.DENY, digest=FIRST))
    await store.save_decision(elsewhere, decided(Outcome.ADMIT))
    await record(store, SECOND, key.repository)
    await store.forget_decisions(key.repository)
    assert await store.decision(key) is None
    assert await store.decision(other_digest) is None
    assert await store.decision(elsewhere) is not None
    assert await store.is_manifest(key.repository, SECOND)


async def test_a_doubt_is_not_kept(store: Store, key: DecisionKey, decided: Decided) -> None:
    with pytest.raises(ValueError, match="undetermined"):
        await store.save_decision(key, decided(Outcome.UNDETERMINED))
    assert await store.decision(key) is None


async def test_the_secret_is_32_bytes_and_stays(store: Store) -> None:
    secret = await store.secret()
    assert len(secret) == 32
    assert await store.secret() == secret
