"""One at a time per tag, within this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sealgate.oci.reference import Repository, Tag


class Turns:
    """Who may move a tag just now. A tag that nobody waits for takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[tuple[Repository, Tag], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, repository: Repository, tag: Tag) -> AsyncIterator[None]:
        """See `ports.Holds`."""
        key = (repository, tag)
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[key]
            if waiting > 1:
                self._locks[key] = (lock, waiting - 1)
            else:
                del self._locks[key]
