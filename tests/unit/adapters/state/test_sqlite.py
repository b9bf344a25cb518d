"""The SQLite store: what survives, what it refuses to open, and rows that somebody else wrote."""

import asyncio
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.adapters.state import sqlite_file as module
from sealgate.adapters.state.rows import Seal, row_of
from sealgate.adapters.state.sql_store import SqlStore
from sealgate.errors import ConfigurationInvalid, StateUnavailable
from sealgate.limits import SAVES_PER_PRUNE
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import DecisionKey
from sealgate.testing.clock import FixedClock

APP = Repository("team/app")
MANIFEST, BLOB, CHILD = Digest.of(b"manifest"), Digest.of(b"a layer"), Digest.of(b"a child")
Decided = Callable[..., Decision]


def by_hand(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What anybody with the file can do."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


async def test_everything_survives_a_restart(path: Path, clock: FixedClock, key: DecisionKey, decided: Decided) -> None:
    store = await SqlStore.open(path, clock)
    await store.record_manifest(APP, MANIFEST, blobs=frozenset({BLOB}), children=frozenset({CHILD}))
    await store.save_decision(key, decided())
    secret = await store.secret()
    await store.close()

    store = await SqlStore.open(path, clock)
    assert await store.is_manifest(APP, MANIFEST)
    assert await store.listing_blob(APP, BLOB, 9) == (MANIFEST,)
    assert await store.listing_child(APP, CHILD, 9) == (MANIFEST,)
    assert await store.decision(key) == decided()
    assert await store.secret() == secret
    await store.close()


async def test_two_gates_that_start_at_once_make_one_database(path: Path, clock: FixedClock) -> None:
    stores = await asyncio.gather(*(SqlStore.open(path, clock) for _ in range(4)))
    assert len({await store.secret() for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_new_file_is_its_owners_only(sqlite: SqlStore, path: Path) -> None:
    await sqlite.record_manifest(APP, MANIFEST, blobs=frozenset(), children=frozenset())
    for made in path.parent.iterdir():
        assert stat.S_IMODE(made.stat().st_mode) == 0o600, made.name


async def test_writers_and_readers_at_once_all_get_their_turn(sqlite: SqlStore) -> None:
    manifests = [Digest.of(b"%d" % number) for number in range(40)]
    await asyncio.gather(
        *(sqlite.record_manifest(APP, each, blobs=frozenset({BLOB}), children=frozenset()) for each in manifests),
        *(sqlite.listing_blob(APP, BLOB, 9) for _ in range(40)),
    )
    assert set(await sqlite.listing_blob(APP, BLOB, 99)) == set(manifests)


async def test_f23_a_request_that_is_given_up_leaves_all_or_nothing_and_no_lock(sqlite: SqlStore) -> None:
    blobs = frozenset(Digest.of(b"%d" % number) for number in range(200))
    for ticks in range(20):
        manifest = Digest.of(b"manifest %d" % ticks)
        writing = asyncio.create_task(sqlite.record_manifest(APP, manifest, blobs=blobs, children=frozenset()))
        for _ in range(ticks):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await sqlite.forget_denials(APP, manifest)  # the next writer has its turn, and comes after the one given up
        listed = {manifest in await sqlite.listing_blob(APP, blob, 99) for blob in sorted(blobs)[::50]}
        assert listed == {await sqlite.is_manifest(APP, manifest)}


async def test_decisions_that_are_over_are_dropped_now_and_then(
    sqlite: SqlStore, path: Path, clock: FixedClock, key: DecisionKey, decided: Decided
) -> None:
    for number in range(SAVES_PER_PRUNE - 1):
        await sqlite.save_decision(replace(key, policies=str(number)), decided(seconds=60))
    clock.advance(60)
    assert by_hand(path, "SELECT count(*) FROM decisions") == [(SAVES_PER_PRUNE - 1,)]
    await sqlite.save_decision(key, decided())
    assert by_hand(path, "SELECT count(*) FROM decisions") == [(1,)]


class TestOpening:
    """What is not a state database of ours is refused, and left as it is."""

    async def refused(self, path: Path, clock: FixedClock) -> str:
        with pytest.raises(ConfigurationInvalid) as refused:
            await SqlStore.open(path, clock)
        return str(refused.value)

    async def test_another_programs_database(self, path: Path, clock: FixedClock) -> None:
        by_hand(path, "CREATE TABLE bookmarks (url TEXT)")
        assert "a database of something else" in await self.refused(path, clock)
        assert by_hand(path, "SELECT name FROM sqlite_master") == [("bookmarks",)]

    @pytest.mark.parametrize("version", ["0000", "0005"])
    async def test_another_version(self, path: Path, clock: FixedClock, version: str) -> None:
        await (await SqlStore.open(path, clock)).close()
        by_hand(path, "UPDATE alembic_version SET version_num = ?", version)
        assert f"tables of version {version}, this sealgate has 0004" in await self.refused(path, clock)

    async def test_no_version(self, path: Path, clock: FixedClock) -> None:
        await (await SqlStore.open(path, clock)).close()
        by_hand(path, "DELETE FROM alembic_version")
        assert "tables of version none" in await self.refused(path, clock)

    async def test_no_database_at_all(self, path: Path, clock: FixedClock) -> None:
        script = b"#!/bin/sh\n" * 200
        path.write_bytes(script)  # noqa: ASYNC240  nothing else waits here
        assert "file is not a database" in await self.refused(path, clock)
        assert path.read_bytes() == script  # noqa: ASYNC240

    async def test_a_folder_that_is_not_there(self, tmp_path: Path, clock: FixedClock) -> None:
        path = tmp_path / "missing" / "state.db"
        assert await self.refused(path, clock) == f"state: {path} cannot be opened: No such file or directory"

    async def test_a_folder_in_its_place(self, tmp_path: Path, clock: FixedClock) -> None:
        assert "unable to open database file" in await self.refused(tmp_path, clock)

    async def test_a_name_that_sqlite_would_take_for_something_else(
        self, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = await SqlStore.open(Path(":memory:"), clock)
        await store.close()
        assert (tmp_path / ":memory:").stat().st_size > 0


class TestAltered:
    """Rows that were written by hand, into a file that the gate goes on with."""

    @pytest.fixture
    async def saved(self, sqlite: SqlStore, key: DecisionKey, decided: Decided) -> SqlStore:
        await sqlite.save_decision(key, decided(Outcome.DENY))
        return sqlite

    @pytest.mark.parametrize(
        ("statement", "value"),
        [
            ("UPDATE decisions SET repository = ?", "team/other"),
            ("UPDATE decisions SET digest = ?", str(MANIFEST)),
            ("UPDATE decisions SET outcome = ?", "admit"),
            ("UPDATE decisions SET valid_until = ?", 9e12),
            ("UPDATE decisions SET valid_until = ?", "tomorrow, and tomorrow"),
            ("UPDATE decisions SET body = ?", "{}"),
            ("UPDATE decisions SET body = ?", "[]"),
            ("UPDATE decisions SET body = ?", "null"),
            ("UPDATE decisions SET body = ?", ""),
            ("UPDATE decisions SET body = ?", '{"decision": '),
            ("UPDATE decisions SET body = ?", b"\xff\xfe"),
        ],
    )
    async def test_b32_a_row_whose_columns_differ_from_its_body_is_no_decision(
        self, saved: SqlStore, path: Path, key: DecisionKey, statement: str, value: object
    ) -> None:
        by_hand(path, statement, value)
        assert await saved.decision(key) is None

    @pytest.mark.parametrize(
        "change",
        [
            {"outcome": "admit"},
            {"outcome": "admit", "finding": None},
            {"outcome": "undetermined"},
            {"digest": str(MANIFEST)},
            {"valid_until": "2036-01-01T00:00:00.000000+00:00"},
            {"valid_until": "2036-01-01T00:00:00"},
            {"approved_by": "me"},
            {"results": "none"},
        ],
        ids=str,
    )
    async def test_b32_a_body_that_contradicts_itself_or_its_row_is_no_decision(
        self, saved: SqlStore, path: Path, key: DecisionKey, change: dict[str, object]
    ) -> None:
        [(text,)] = by_hand(path, "SELECT body FROM decisions")
        body = json.loads(str(text))
        body["decision"] |= change
        outcome = body["decision"]["outcome"]
        by_hand(path, "UPDATE decisions SET body = ?, outcome = ?", json.dumps(body, separators=(",", ":")), outcome)
        assert await saved.decision(key) is None

    @pytest.mark.parametrize(
        "theirs",
        [
            {"repository": Repository("lax/app")},
            {"digest": MANIFEST},
            {"policies": "lax"},
            {"trusted_roots": "theirs"},
            {"verifier": "0"},
            {"upstream": "theirs"},
        ],
        ids=lambda change: next(iter(change)),
    )
    async def test_b31_an_admission_moved_under_another_key_is_no_decision(
        self, sqlite: SqlStore, path: Path, key: DecisionKey, decided: Decided, theirs: dict[str, object]
    ) -> None:
        theirs_key = replace(key, **theirs)
        await sqlite.save_decision(theirs_key, decided(digest=theirs_key.digest))
        ours = row_of(key, decided(), Seal(b""))
        by_hand(
            path,
            "UPDATE decisions SET key = ?, repository = ?, digest = ?",
            ours["key"],
            ours["repository"],
            ours["digest"],
        )
        assert await sqlite.decision(key) is None

    async def test_a_decision_about_another_digest_than_its_keys_is_none(
        self, sqlite: SqlStore, key: DecisionKey, decided: Decided
    ) -> None:
        await sqlite.save_decision(key, decided(digest=MANIFEST))
        assert await sqlite.decision(key) is None

    async def test_what_is_no_digest_is_not_listed(self, sqlite: SqlStore, path: Path) -> None:
        await sqlite.record_manifest(APP, MANIFEST, blobs=frozenset({BLOB}), children=frozenset())
        by_hand(path, "UPDATE manifests SET digest = ?", b"sha256:../../etc")
        with pytest.raises(StateUnavailable, match="holds what no gate has written"):
            await sqlite.listing_blob(APP, BLOB, 9)

    @pytest.mark.parametrize("statement", ["DELETE FROM secret", "UPDATE secret SET value = x'00'"])
    async def test_a_secret_that_is_gone_or_short_is_not_used(
        self, sqlite: SqlStore, path: Path, statement: str
    ) -> None:
        by_hand(path, statement)
        with pytest.raises(StateUnavailable, match="secret"):
            await sqlite.secret()


class TestUnavailable:
    """Whatever SQLite says, callers hear one thing."""

    @pytest.mark.parametrize(
        "call",
        [
            lambda store, *_: store.record_manifest(APP, MANIFEST, blobs=frozenset({BLOB}), children=frozenset()),
            lambda store, *_: store.is_manifest(APP, MANIFEST),
            lambda store, *_: store.listing_blob(APP, BLOB, 9),
            lambda store, *_: store.listing_child(APP, CHILD, 9),
            lambda store, key, _: store.decision(key),
            lambda store, key, decision: store.save_decision(key, decision),
            lambda store, *_: store.forget_denials(APP, MANIFEST),
            lambda store, *_: store.forget_decisions(APP),
            lambda store, *_: store.secret(),
        ],
        ids=["record", "is_manifest", "blob", "child", "decision", "save", "forget", "forget all", "secret"],
    )
    async def test_tables_that_are_gone(
        self, sqlite: SqlStore, path: Path, key: DecisionKey, decided: Decided, call: Callable[..., object]
    ) -> None:
        for table in ("lists_blob", "lists_child", "manifests", "decisions", "secret"):
            by_hand(path, f"DROP TABLE {table}")
        with pytest.raises(StateUnavailable, match="no such table") as lost:
            await call(sqlite, key, decided())
        assert "SELECT" not in str(lost.value)

    async def test_a_store_that_was_closed(self, sqlite: SqlStore) -> None:
        await sqlite.close()
        with pytest.raises(StateUnavailable, match="after shutdown"):
            await sqlite.is_manifest(APP, MANIFEST)

    async def test_another_process_that_reads_is_in_nobodys_way(
        self, path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "STATE_BUSY_SECONDS", 0.05)
        store = await SqlStore.open(path, clock)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN")
            assert other.execute("SELECT count(*) FROM manifests").fetchall() == [(0,)]
            await store.record_manifest(APP, MANIFEST, blobs=frozenset(), children=frozenset())
            assert other.execute("SELECT count(*) FROM manifests").fetchall() == [(0,)]
        assert await store.is_manifest(APP, MANIFEST)
        await store.close()

    async def test_another_process_that_does_not_let_go(
        self, path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "STATE_BUSY_SECONDS", 0.05)
        store = await SqlStore.open(path, clock)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StateUnavailable, match="locked"):
                await store.record_manifest(APP, MANIFEST, blobs=frozenset(), children=frozenset())
            assert not await store.is_manifest(APP, MANIFEST)  # readers go on
        await store.record_manifest(APP, MANIFEST, blobs=frozenset(), children=frozenset())
        assert await store.is_manifest(APP, MANIFEST)
        await store.close()
