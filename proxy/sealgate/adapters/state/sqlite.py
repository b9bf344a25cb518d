"""The state store in one SQLite file: what survives a restart of the gate."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, insert, inspect, select, update
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from sealgate.adapters.state import tables
from sealgate.adapters.state.decisions import refuse_undetermined
from sealgate.adapters.state.rows import decision_of, key_of, row_of
from sealgate.errors import ConfigurationInvalid, ReferenceMalformed, StateUnavailable
from sealgate.limits import SAVES_PER_PRUNE, STATE_BUSY_SECONDS, STATE_READERS
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import Clock, DecisionKey

_T = TypeVar("_T")
_SECRET_BYTES: Final = 32


class SqliteStore:
    """`ports.Store` in a SQLite database, written by one thread and read beside it by a few (WAL).

    A piece of work runs in its thread as a whole. A request that is given up leaves it whole or undone, never a
    transaction that nobody ends; and one writer keeps the order of asking: what is forgotten after it was saved stays
    forgotten. A crash of the machine may lose the last moments (`synchronous=NORMAL`), never tear the file: all that
    is in it can be found out again.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "state-writer")
        self._readers = ThreadPoolExecutor(STATE_READERS, "state-reader")
        self._saves = 0

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Open the database at this path; one that is not there is made, readable by its owner only.

        Raises:
            ConfigurationInvalid: it cannot be made or opened, or is not a state database of this version.
        """
        return cls(await asyncio.to_thread(_opened, path), clock)

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
        row = {
            "repository": repository.name,
            "digest": str(manifest),
            "recorded_at": self._clock.now().timestamp(),
            "admitted": int(admitted),
        }
        new = insert(tables.manifests).prefix_with("OR IGNORE").values(row).returning(tables.manifests.c.id)

        known = tables.manifests.c
        mark = (
            update(tables.manifests)
            .where(known.repository == repository.name, known.digest == str(manifest), known.admitted == 0)
            .values(admitted=1)
        )

        def work(connection: Connection) -> None:
            # In one transaction with what it lists: a manifest that is there has its listings too.
            made = connection.scalar(new)
            if made is None:
                if admitted:
                    connection.execute(mark)
                return
            for table, digests in ((tables.lists_blob, blobs), (tables.lists_child, children)):
                if digests:
                    listed = {"repository": repository.name, "manifest": made}
                    connection.execute(insert(table), [{**listed, "digest": str(digest)} for digest in digests])

        await self._write(work)

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """See `ports.Store`."""
        manifests = tables.manifests.c
        query = select(manifests.id).where(manifests.repository == repository.name, manifests.digest == str(digest))
        return await self._read(lambda connection: connection.scalar(query) is not None)

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(tables.lists_blob, repository, blob, most)

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(tables.lists_child, repository, child, most)

    async def decision(self, key: DecisionKey) -> Decision | None:
        """See `ports.Store`. A row that is not just what was saved under this key is none."""
        decisions = tables.decisions.c
        query = select(tables.decisions).where(
            decisions.key == key_of(key), decisions.valid_until > self._clock.now().timestamp()
        )

        def work(connection: Connection) -> Decision | None:
            found = connection.execute(query).mappings().one_or_none()
            return None if found is None else decision_of({**found}, key)

        return await self._read(work)

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """See `ports.Store`."""
        refuse_undetermined(decision)
        self._saves += 1
        save = insert(tables.decisions).prefix_with("OR REPLACE").values(row_of(key, decision))
        prune = delete(tables.decisions).where(tables.decisions.c.valid_until <= self._clock.now().timestamp())
        statements = (save, prune) if self._saves % SAVES_PER_PRUNE == 0 else (save,)

        def work(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        await self._write(work)

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """See `ports.Store`."""
        decisions = tables.decisions.c
        statement = delete(tables.decisions).where(
            decisions.repository == repository.name,
            decisions.digest == str(digest),
            decisions.outcome != Outcome.ADMIT.value,
        )
        await self._write(lambda connection: connection.execute(statement))

    async def forget_decisions(self, repository: Repository) -> None:
        """See `ports.Store`."""
        statement = delete(tables.decisions).where(tables.decisions.c.repository == repository.name)
        await self._write(lambda connection: connection.execute(statement))

    async def secret(self) -> bytes:
        """See `ports.Store`."""
        found = await self._read(lambda connection: connection.scalars(select(tables.secret.c.value)).all())
        if len(found) != 1 or not isinstance(found[0], bytes) or len(found[0]) != _SECRET_BYTES:
            raise StateUnavailable("the state database has not the one secret that it was made with")
        return found[0]

    async def close(self) -> None:
        """See `ports.Store`. What was begun is ended first."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()

    async def _listing(self, table: Table, repository: Repository, digest: Digest, most: int) -> tuple[Digest, ...]:
        query = (
            select(tables.manifests.c.digest)
            .join_from(table, tables.manifests, table.c.manifest == tables.manifests.c.id)
            .where(table.c.repository == repository.name, table.c.digest == str(digest))
            .order_by(tables.manifests.c.admitted.desc(), table.c.manifest.desc())
            .limit(most)
        )
        return await self._read(
            lambda connection: tuple(Digest.parse(str(found)) for found in connection.scalars(query))
        )

    async def _read(self, work: Callable[[Connection], _T]) -> _T:
        def run() -> _T:
            with self._engine.connect() as connection:
                return work(connection)

        return await _in(self._readers, run)

    async def _write(self, work: Callable[[Connection], _T]) -> _T:
        """One transaction.

        Its first statement must be one that writes: then it waits for another process, and cannot fail for having
        read something old.
        """

        def run() -> _T:
            with self._engine.begin() as connection:
                return work(connection)

        return await _in(self._writer, run)


async def _in(threads: ThreadPoolExecutor, run: Callable[[], _T]) -> _T:
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, run)
    except (SQLAlchemyError, ReferenceMalformed, RuntimeError) as error:  # RuntimeError: the threads were shut down
        raise StateUnavailable(f"the state database cannot be used: {_told(error)}") from error


def _opened(path: Path) -> Engine:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # it holds a secret
    except OSError as error:
        raise ConfigurationInvalid(f"state: {path} cannot be opened: {error.strerror}") from error
    engine = _engine(path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # two gates that start at once make it once
            _make_or_check(connection, path)
            connection.commit()
    except SQLAlchemyError as error:
        engine.dispose()
        raise ConfigurationInvalid(f"state: {path} cannot be used: {_told(error)}") from error
    except ConfigurationInvalid:
        engine.dispose()
        raise
    return engine


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path.absolute())),
        pool_size=1 + STATE_READERS,  # a connection for each thread
        max_overflow=0,
        connect_args={"timeout": STATE_BUSY_SECONDS},
    )

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    event.listen(engine, "connect", prepare)
    return engine


def _make_or_check(connection: Connection, path: Path) -> None:
    names = inspect(connection).get_table_names()
    if not names:
        tables.METADATA.create_all(connection)
        connection.execute(insert(tables.schema_version).values(version=tables.VERSION))
        connection.execute(insert(tables.secret).values(value=os.urandom(_SECRET_BYTES)))
    elif "schema_version" not in names:
        raise ConfigurationInvalid(f"state: {path} is a database of something else")
    elif (found := connection.scalars(select(tables.schema_version.c.version)).all()) != [tables.VERSION]:
        raise ConfigurationInvalid(
            f"state: {path} has tables of version {', '.join(map(str, found)) or 'none'}, this sealgate has "
            f"{tables.VERSION}; give it another file, it will find out again what it needs"
        )


def _told(error: Exception) -> str:
    """The driver's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)
