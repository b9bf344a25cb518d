"""One SQLite file: opened, made or brought up to date (WAL)."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from sealgate.adapters.state import schema
from sealgate.adapters.state.database import Database, told
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import STATE_BUSY_SECONDS

Synchronous: TypeAlias = Literal["NORMAL", "FULL"]


async def open_sqlite(path: Path, *, readers: int, synchronous: Synchronous) -> Database:
    """Open the database at this path; one that is not there is made, readable by its owner only.

    Args:
        path: where.
        readers: how many threads read.
        synchronous: whether a crash of the machine may lose the last moments (NORMAL), or nothing that was
            written (FULL). Neither tears the file, and a crash of the gate alone loses nothing.

    Raises:
        ConfigurationInvalid: it cannot be made or opened, or is not a state database of a version up to this one.
    """
    engine, _ = await asyncio.to_thread(_opened, path, readers, synchronous)
    return Database(engine, readers)


def upgrade_sqlite(path: Path) -> str | None:
    """Bring a file up to date, or make it, as opening it does.

    Returns:
        The version that its tables had; None where it was made.

    Raises:
        ConfigurationInvalid: as `open_sqlite`.
    """
    engine, had = _opened(path, 1, "FULL")
    engine.dispose()
    return had


def _opened(path: Path, readers: int, synchronous: Synchronous) -> tuple[Engine, str | None]:
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
            had = schema.upgrade(connection, str(path))
            connection.commit()
    except SQLAlchemyError as error:
        engine.dispose()
        raise ConfigurationInvalid(f"state: {path} cannot be used: {told(error)}") from error
    except ConfigurationInvalid:
        engine.dispose()
        raise
    return engine, had


def _engine(path: Path, readers: int, synchronous: Synchronous) -> Engine:
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
