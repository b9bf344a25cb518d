"""One at a time per tag: within this process, and over all that share a PostgreSQL database."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from psycopg import AsyncConnection, Error

from sealgate.errors import StateUnavailable
from sealgate.limits import (
    STATE_CONNECT_SECONDS,
    STATE_KEEPALIVE_SECONDS,
    TURN_CONNECTIONS,
    TURN_LOOK_SECONDS,
    TURN_SECONDS,
)
from sealgate.oci.reference import Repository, Tag
from sealgate.ports import Confirm


class Taking(Protocol):
    """Who gives turns."""

    def turn(self, repository: Repository, tag: Tag) -> AbstractAsyncContextManager[Confirm]:
        """See `ports.Holds`."""


class Turns:
    """Who may move a tag just now. A tag that nobody waits for takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[tuple[Repository, Tag], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, repository: Repository, tag: Tag) -> AsyncIterator[Confirm]:
        """See `ports.Holds`."""
        key = (repository, tag)
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield _certain
        finally:
            lock, waiting = self._locks[key]
            if waiting > 1:
                self._locks[key] = (lock, waiting - 1)
            else:
                del self._locks[key]


class SharedTurns:
    """Turns over all replicas: advisory locks, each of a connection of its own, which ends with its holder.

    One waits within its process first, so that a busy tag takes one connection of each replica.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._here = Turns()
        self._connections = asyncio.Semaphore(TURN_CONNECTIONS)

    @asynccontextmanager
    async def turn(self, repository: Repository, tag: Tag) -> AsyncIterator[Confirm]:
        """See `ports.Holds`. What goes wrong at the end of a turn is nobody's: the lock is gone with the connection."""
        async with self._here.turn(repository, tag), self._connections:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    connection = await self._taken(repository, tag)
            except (Error, TimeoutError) as error:
                told = str(error).strip() or f"no turn at {repository}:{tag} came in {TURN_SECONDS:.0f} s"
                raise StateUnavailable(f"the state database cannot be used: {told}") from error

            async def confirm() -> None:
                try:
                    async with asyncio.timeout(STATE_CONNECT_SECONDS):
                        await connection.execute("SELECT 1")
                except (Error, TimeoutError) as error:
                    raise StateUnavailable("the turn was lost: the state database does not answer") from error

            try:
                yield confirm
            finally:
                await connection.close()  # and the lock with it

    async def _taken(self, repository: Repository, tag: Tag) -> AsyncConnection:
        connection = await AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=STATE_CONNECT_SECONDS,
            keepalives_idle=STATE_KEEPALIVE_SECONDS,
            tcp_user_timeout=STATE_KEEPALIVE_SECONDS * 1000,
        )
        try:
            while True:
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _key(repository, tag))
                if (await cursor.fetchone()) == (True,):
                    return connection
                await asyncio.sleep(TURN_LOOK_SECONDS)
        except BaseException:
            await connection.close()
            raise


def _key(repository: Repository, tag: Tag) -> tuple[int, int]:
    """Two numbers of 32 bits. Two tags that share them wait for each other, and nothing else."""
    digest = hashlib.sha256(f"{repository.name}:{tag.name}".encode()).digest()
    return int.from_bytes(digest[:4], signed=True), int.from_bytes(digest[4:8], signed=True)


async def _certain() -> None:
    """A turn within the process cannot be lost."""
