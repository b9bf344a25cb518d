"""The tables: those of before become those of now, and what is in them stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from sealgate.adapters.state import schema, tables
from sealgate.adapters.state.sql_holds import SqlHolds
from sealgate.adapters.state.sql_store import SqlStore
from sealgate.adapters.state.sqlite_file import upgrade_sqlite
from sealgate.limits import RECORDS_PER_PRUNE, UNUSED_SECONDS, USED_SECONDS
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.testing.clock import FixedClock

HERE = Path(__file__).parent
APP = Repository("team/app")
LISTED, BLOB = Digest("sha256", "1" * 64), Digest("sha256", "2" * 64)


def old(path: Path, version: int) -> None:
    """A file as a sealgate of before left it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(1, version + 1):
            connection.executescript((HERE / f"version-{number}.sql").read_text())
        connection.execute("INSERT INTO schema_version VALUES (?)", (version,))


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_file_of_before_is_brought_up_to_date_with_all_that_is_in_it(
    path: Path, clock: FixedClock, version: int
) -> None:
    old(path, version)
    store = await SqlStore.open(path, clock)
    assert await store.listing_blob(APP, BLOB, 9) == (LISTED,)
    assert await store.secret() == bytes(range(32))
    await store.record_carriers(APP, LISTED, frozenset({BLOB}))
    assert await store.carriers(APP, LISTED, 9) == (BLOB,)
    await store.close()
    holds = await SqlHolds.open(path)
    assert [hold.identifier for hold in await holds.every("", 9)] == (["01A"] if version > 1 else [])
    await holds.close()


@pytest.mark.parametrize("version", [0, 1, 3])
def test_the_command_says_what_there_was(path: Path, version: int) -> None:
    if version:
        old(path, version)
    assert upgrade_sqlite(path) == (f"000{version}" if version else None)
    assert upgrade_sqlite(path) == schema.HEAD


def test_the_tables_that_are_used_are_those_that_are_made(path: Path) -> None:
    upgrade_sqlite(path)
    made = inspect(create_engine(f"sqlite:///{path}"))
    for table in tables.METADATA.tables.values():
        assert [column["name"] for column in made.get_columns(table.name)] == [column.name for column in table.columns]
        assert {index["name"] for index in made.get_indexes(table.name)} == {index.name for index in table.indexes}
    assert set(made.get_table_names()) == {*tables.METADATA.tables, "alembic_version"}


def test_the_last_migration_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


async def test_what_nobody_asks_for_is_dropped_and_what_is_asked_for_stays(path: Path, clock: FixedClock) -> None:
    store = await SqlStore.open(path, clock)

    async def record(number: int) -> None:
        manifest = Digest.of(str(number).encode())
        await store.record_manifest(APP, manifest, blobs=frozenset({manifest}), children=frozenset())
        await store.record_carriers(APP, manifest, frozenset({manifest}))

    used, unused = Digest.of(b"0"), Digest.of(b"1")
    for number in range(2):
        await record(number)
    clock.advance(USED_SECONDS + 1)
    assert await store.listing_blob(APP, used, 9) == (used,)
    assert await store.carriers(APP, used, 9) == (used,)
    clock.advance(UNUSED_SECONDS - USED_SECONDS)
    for number in range(2, RECORDS_PER_PRUNE):
        await record(number)
    assert (await store.listing_blob(APP, used, 9), await store.carriers(APP, used, 9)) == ((used,), (used,))
    assert (await store.listing_blob(APP, unused, 9), await store.carriers(APP, unused, 9)) == ((), ())
    assert not await store.is_manifest(APP, unused)
    await store.close()
