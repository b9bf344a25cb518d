"""A PostgreSQL database, which several gates share: opened and checked; made and changed only when somebody asks."""

import asyncio
import zlib
from typing import Final

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sealgate.adapters.state import schema
from sealgate.adapters.state.database import Database, told
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import (
    STATE_BUSY_SECONDS,
    STATE_CONNECT_SECONDS,
    STATE_KEEPALIVE_SECONDS,
    STATE_STATEMENT_SECONDS,
)

_CALLED: Final = "the PostgreSQL database"
_MAKING: Final = zlib.crc32(b"sealgate state upgrade")
"""The advisory lock under which tables are made; another kind than those of turns, which have two numbers."""


async def open_postgres(url: str, *, readers: int) -> Database:
    """Open a database whose tables are of this version.

    Args:
        url: `postgresql://…`; it may hold a password, and is told to nobody.
        readers: how many threads read.

    Raises:
        ConfigurationInvalid: it cannot be reached, or its tables are of another version or not there.
    """
    return Database(await asyncio.to_thread(_opened, url, readers), readers)


def upgrade_postgres(url: str) -> str | None:
    """Make the tables, or bring them up to date; two who do it at once do it once.

    Returns:
        The version that they had; None where they were made.

    Raises:
        ConfigurationInvalid: it cannot be reached, or holds something else.
    """
    engine = _engine(url, 1)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})
            return schema.upgrade(connection, _CALLED)
    except SQLAlchemyError as error:
        raise ConfigurationInvalid(f"state: {_CALLED} cannot be used: {told(error)}") from error
    finally:
        engine.dispose()


def _opened(url: str, readers: int) -> Engine:
    engine = _engine(url, readers)
    try:
        with engine.connect() as connection:
            found = schema.version(connection, _CALLED)
    except SQLAlchemyError as error:
        engine.dispose()
        raise ConfigurationInvalid(f"state: {_CALLED} cannot be used: {told(error)}") from error
    except ConfigurationInvalid:
        engine.dispose()
        raise
    if found != schema.HEAD:
        engine.dispose()
        had = f"tables of version {found}" if found else "no tables"
        raise ConfigurationInvalid(
            f"state: {_CALLED} has {had}, this sealgate works with {schema.HEAD}: run `sealgate state upgrade`"
        )
    return engine


def _engine(url: str, readers: int) -> Engine:
    try:
        parts = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError as error:
        raise ConfigurationInvalid(f"state: the URL of {_CALLED} cannot be read") from error
    return create_engine(
        parts,
        pool_size=1 + readers,  # a connection for each thread
        max_overflow=0,
        pool_pre_ping=True,  # the database may have been restarted
        connect_args={
            "connect_timeout": STATE_CONNECT_SECONDS,
            "keepalives_idle": STATE_KEEPALIVE_SECONDS,
            "tcp_user_timeout": STATE_KEEPALIVE_SECONDS * 1000,  # one that vanished while it was asked
            "options": f"-c statement_timeout={STATE_STATEMENT_SECONDS * 1000} "
            f"-c lock_timeout={STATE_BUSY_SECONDS * 1000:.0f}",
        },
    )
