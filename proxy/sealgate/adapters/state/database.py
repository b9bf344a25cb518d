"""One SQLite file: opened, made or brought up to date, written by one thread and read beside it by a few (WAL)."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from sealgate.adapters.state import tables
from sealgate.errors import ConfigurationInvalid, ReferenceMalformed, StateUnavailable
from sealgate.limits import STATE_BUSY_SECONDS

_T = TypeVar("_T")
_Synchronous = Literal["NORMAL", "FULL"]
SECRET_BYTES: Final = 32


class Database:
    """A file, and the threads that use it.

    A piece of work runs in its thread as a whole. A request that is given up leaves it whole or undone, never a
    transaction that nobody ends; and one writer keeps the order of asking: what is forgotten after it was saved stays
    forgotten.
    """

    def __init__(self, engine: Engine, readers: int) -> None:
        self._engine = engine
        self._writer = ThreadPoolExecutor(1, "state-writer")
        self._readers = ThreadPoolExecutor(readers, "state-reader")

    @classmethod
    async def open(cls, path: Path, *, readers: int, synchronous: _Synchronous) -> Self:
        """Open the database at this path; one that is not there is made, readable by its owner only.

        Args:
            path: where.
            readers: how many threads read.
            synchronous: whether a crash of the machine may lose the last moments (NORMAL), or nothing that was
                written (FULL). Neither tears the file, and a crash of the gate alone loses nothing.

        Raises:
            ConfigurationInvalid: it cannot be made or opened, or is not a state database of a version up to this one.
        """
        return cls(await asyncio.to_thread(_opened, path, readers, synchronous), readers)

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Raises `StateUnavailable`."""

        def run() -> _T:
            with self._engine.connect() as connection:
                return work(connection)

        return await _in(self._readers, run)

    async def write(self, work: Callable[[Connection], _T]) -> _T:
        """One transaction. Raises `StateUnavailable`.

        Its first statement must be one that writes: then it waits for another process, and cannot fail for having
        read something old.
        """

        def run() -> _T:
            with self._engine.begin() as connection:
                return work(connection)

        return await _in(self._writer, run)

    async def close(self) -> None:
        """What was begun is ended first."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()


async def _in(threads: ThreadPoolExecutor, run: Callable[[], _T]) -> _T:
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, run)
    except (SQLAlchemyError, ReferenceMalformed, RuntimeError) as error:  # RuntimeError: the threads were shut down
        raise StateUnavailable(f"the state database cannot be used: {_told(error)}") from error


def _opened(path: Path, readers: int, synchronous: _Synchronous) -> Engine:
    try:
        # It holds a secret. One that is there must not be opened but by SQLite: closing it would take from this process
        # the locks that it has through other connections (sqlite.org/howtocorrupt.html, section 2.2).
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationInvalid(f"state: {path} cannot be opened: {error.strerror}") from error
    engine = _engine(path, readers, synchronous)
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


def _engine(path: Path, readers: int, synchronous: _Synchronous) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path.absolute())),
        pool_size=1 + readers,  # a connection for each thread
        max_overflow=0,
        connect_args={"timeout": STATE_BUSY_SECONDS},
    )

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.close()

    event.listen(engine, "connect", prepare)
    return engine


def _make_or_check(connection: Connection, path: Path) -> None:
    names = inspect(connection).get_table_names()
    if not names:
        tables.METADATA.create_all(connection)
        connection.execute(insert(tables.schema_version).values(version=tables.VERSION))
        connection.execute(insert(tables.secret).values(value=os.urandom(SECRET_BYTES)))
        return
    if "schema_version" not in names:
        raise ConfigurationInvalid(f"state: {path} is a database of something else")
    found = connection.scalars(select(tables.schema_version.c.version)).all()
    if found in ([1], [2]):  # which had no holds, or no carriers; nothing else changed
        tables.METADATA.create_all(connection)
        connection.execute(update(tables.schema_version).values(version=tables.VERSION))
    elif found != [tables.VERSION]:
        raise ConfigurationInvalid(
            f"state: {path} has tables of version {', '.join(map(str, found)) or 'none'}, this sealgate has "
            f"{tables.VERSION}; go back to the sealgate that made it, or give this one another file: it will find out "
            "again what it needs, but pushes that wait for a signature must be repeated"
        )


def _told(error: Exception) -> str:
    """The driver's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)
