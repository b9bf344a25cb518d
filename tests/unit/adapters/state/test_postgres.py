"""What several gates share in PostgreSQL: turns, sealed decisions, tables that one of them makes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from sealgate.adapters.state import turns as module
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.adapters.state.remembering import RememberingStore
from sealgate.adapters.state.sql_holds import SqlHolds
from sealgate.adapters.state.sql_store import SqlStore
from sealgate.adapters.state.turns import SharedTurns
from sealgate.errors import ConfigurationInvalid, StateUnavailable
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.decision import Decision
from sealgate.ports import DecisionKey
from sealgate.testing.clock import FixedClock
from sealgate.testing.postgres import Postgres

APP, TAG = Repository("team/app"), Tag("1.0")
MANIFEST, BLOB = Digest.of(b"manifest"), Digest.of(b"a layer")
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
Decided = Callable[..., Decision]
Open = Callable[..., Any]


def by_hand(url: str, statement: str, *values: object) -> None:
    """What anybody with a password can do."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values)


@pytest.fixture
async def replica(url: str, clock: FixedClock) -> AsyncIterator[Open]:
    """Opens the store of one more gate."""
    async with AsyncExitStack() as stack:

        async def opened(key: bytes | None = KEY) -> SqlStore:
            store = await SqlStore.shared(url, clock, key)
            stack.push_async_callback(store.close)
            return store

        yield opened


class TestTables:
    async def test_a_gate_makes_none_and_says_who_does(self, postgres_server: Postgres, clock: FixedClock) -> None:
        url = postgres_server.database()
        for opening in (SqlStore.shared(url, clock, KEY), SqlHolds.shared(url)):
            with pytest.raises(ConfigurationInvalid, match=r"has no tables, .* run `sealgate state upgrade`"):
                await opening
        assert upgrade_postgres(url) is None
        assert upgrade_postgres(url) == "0004"
        await (await SqlStore.shared(url, clock, KEY)).close()

    async def test_those_of_an_earlier_version_are_not_used(self, url: str, clock: FixedClock) -> None:
        by_hand(url, "UPDATE alembic_version SET version_num = '0003'")
        with pytest.raises(ConfigurationInvalid, match=r"has tables of version 0003, .* run `sealgate state upgrade`"):
            await SqlStore.shared(url, clock, KEY)

    @pytest.mark.parametrize(
        "statement", ["UPDATE alembic_version SET version_num = '0009'", "DROP TABLE alembic_version"]
    )
    async def test_what_is_of_something_else_is_left_alone(self, url: str, clock: FixedClock, statement: str) -> None:
        by_hand(url, statement)
        for refused in (lambda: SqlStore.shared(url, clock, KEY), lambda: asyncio.to_thread(upgrade_postgres, url)):
            with pytest.raises(ConfigurationInvalid, match=r"of version 0009|a database of something else"):
                await refused()

    async def test_two_who_make_them_at_once_make_them_once(self, postgres_server: Postgres) -> None:
        url = postgres_server.database()
        had = await asyncio.gather(*(asyncio.to_thread(upgrade_postgres, url) for _ in range(4)))
        assert sorted(map(str, had)) == ["0004", "0004", "0004", "None"]

    async def test_a_database_that_is_not_there(self, postgres_server: Postgres, clock: FixedClock) -> None:
        with pytest.raises(ConfigurationInvalid, match="does not exist"):
            await SqlStore.shared(postgres_server.url("nowhere"), clock, KEY)

    async def test_a_password_is_told_to_nobody(self, clock: FixedClock) -> None:
        with pytest.raises(ConfigurationInvalid) as refused:
            await SqlStore.shared("postgresql://u:s3cret@127.0.0.1:1/x", clock, KEY)
        assert "s3cret" not in str(refused.value)


class TestDecisions:
    """Shared, and worth nothing to whoever can only write the database."""

    async def test_one_gates_decision_is_every_gates(self, replica: Open, key: DecisionKey, decided: Decided) -> None:
        one, other = await replica(), await replica()
        await one.save_decision(key, decided())
        assert await other.decision(key) == decided()
        await other.save_decision(key, decided())  # again: the last one counts
        assert await one.decision(key) == decided()

    @pytest.mark.parametrize(("writes", "reads"), [(KEY, OTHER_KEY), (None, KEY), (KEY, None), (b"", KEY)])
    async def test_b32_a_gate_with_another_key_shares_none(
        self, replica: Open, key: DecisionKey, decided: Decided, writes: bytes | None, reads: bytes | None
    ) -> None:
        await (await replica(writes)).save_decision(key, decided())
        assert await (await replica(reads)).decision(key) is None

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE decisions SET seal = ''",
            "UPDATE decisions SET seal = repeat('0', 64)",
            "UPDATE decisions SET body = replace(body, '\"admit\"', '\"admit\" ')",
            "UPDATE decisions SET valid_until = valid_until + 1",
        ],
    )
    async def test_b32_a_row_that_was_changed_is_none(
        self, replica: Open, url: str, key: DecisionKey, decided: Decided, statement: str
    ) -> None:
        store = await replica()
        await store.save_decision(key, decided())
        by_hand(url, statement)
        assert await store.decision(key) is None

    async def test_b31_an_admission_of_another_digest_is_none(
        self, replica: Open, url: str, key: DecisionKey, decided: Decided
    ) -> None:
        store, other = await replica(), replace(key, digest=MANIFEST)
        await store.save_decision(key, decided())
        await store.save_decision(other, decided(digest=MANIFEST))
        by_hand(
            url,
            "UPDATE decisions SET (body, seal) = (SELECT body, seal FROM decisions WHERE digest = %s)",
            str(key.digest),
        )
        assert await store.decision(other) is None

    async def test_what_one_has_forgotten_is_forgotten(self, replica: Open, key: DecisionKey, decided: Decided) -> None:
        one, other = await replica(), await replica()
        await one.save_decision(key, decided())
        await other.forget_decisions(key.repository)
        assert await one.decision(key) is None


class TestTurns:
    @pytest.fixture
    def two(self, url: str) -> tuple[SharedTurns, SharedTurns]:
        """Those of two gates."""
        return SharedTurns(url), SharedTurns(url)

    async def test_b2_one_at_a_time_over_all_gates(self, two: tuple[SharedTurns, SharedTurns]) -> None:
        inside, most = 0, 0

        async def take(turns: SharedTurns) -> None:
            nonlocal inside, most
            async with turns.turn(APP, TAG) as confirm:
                inside += 1
                most = max(most, inside)
                await confirm()
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(take(turns) for turns in two * 8))
        assert most == 1

    async def test_another_tag_waits_for_nobody(self, two: tuple[SharedTurns, SharedTurns]) -> None:
        one, other = two
        async with (
            one.turn(APP, TAG),
            asyncio.timeout(10),
            other.turn(APP, Tag("2.0")),
            other.turn(Repository("b"), TAG),
        ):
            pass

    async def test_who_waits_too_long_is_told(
        self, two: tuple[SharedTurns, SharedTurns], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "TURN_SECONDS", 0.3)
        async with two[0].turn(APP, TAG):
            with pytest.raises(StateUnavailable, match=r"no turn at team/app:1\.0 came"):
                async with two[1].turn(APP, TAG):
                    pytest.fail("two at once")
        async with two[1].turn(APP, TAG):
            pass

    async def test_b8_a_turn_that_was_lost_is_not_used(self, two: tuple[SharedTurns, SharedTurns], url: str) -> None:
        """Its connection is gone, so somebody else may have it."""
        async with two[0].turn(APP, TAG) as confirm:
            await confirm()
            by_hand(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
            async with two[1].turn(APP, TAG):
                with pytest.raises(StateUnavailable, match="the turn was lost"):
                    await confirm()

    async def test_a_database_that_is_not_there_gives_no_turn(self) -> None:
        with pytest.raises(StateUnavailable):
            async with SharedTurns("postgresql://u@127.0.0.1:1/x").turn(APP, TAG):
                pytest.fail("a turn of nobody")


async def test_f9_a_database_that_is_down_is_a_doubt_and_comes_back_by_itself(
    clock: FixedClock, key: DecisionKey, decided: Decided, postgres_server: Postgres, url: str
) -> None:
    """What memory knows goes on; what it does not know is not guessed."""
    store, holds = RememberingStore(await SqlStore.shared(url, clock, KEY), clock), await SqlHolds.shared(url)
    await store.record_manifest(APP, MANIFEST, blobs=frozenset({BLOB}), children=frozenset())
    await store.save_decision(key, decided())
    postgres_server.stop()
    try:
        assert await store.decision(key) == decided()
        for asking in (
            store.decision(replace(key, digest=BLOB)),
            store.listing_blob(APP, BLOB, 9),
            store.record_manifest(APP, BLOB, blobs=frozenset(), children=frozenset()),
            holds.of_tag(APP, TAG),
            holds.mark_due(APP, MANIFEST, 9),
        ):
            with pytest.raises(StateUnavailable):
                await asking
        with pytest.raises(StateUnavailable):
            async with holds.turn(APP, TAG):
                pytest.fail("a turn of nobody")
    finally:
        postgres_server.start()
    assert await store.listing_blob(APP, BLOB, 9) == (MANIFEST,)
    assert await holds.of_tag(APP, TAG) is None
    async with holds.turn(APP, TAG) as confirm:
        await confirm()
    await store.close()
    await holds.close()
