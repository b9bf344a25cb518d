"""A state database as the stores use it: written by one thread and read beside it by a few."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sealgate.errors import ReferenceMalformed, StateUnavailable
from sealgate.limits import STATE_ANSWER_SECONDS

_T = TypeVar("_T")


class Database:
    """A database, and the threads that use it.

    A piece of work runs in its thread as a whole. A request that is given up leaves it whole or undone, never a
    transaction that nobody ends; and one writer keeps the order of asking: what is forgotten after it was saved stays
    forgotten.
    """

    def __init__(self, engine: Engine, readers: int) -> None:
        self._engine = engine
        self._writer = ThreadPoolExecutor(1, "state-writer")
        self._readers = ThreadPoolExecutor(readers, "state-reader")

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
        async with asyncio.timeout(STATE_ANSWER_SECONDS):  # what has not begun by then never does
            return await asyncio.get_running_loop().run_in_executor(threads, run)
    except TimeoutError as slow:
        raise StateUnavailable(f"the state database does not answer within {STATE_ANSWER_SECONDS:.0f} s") from slow
    except (SQLAlchemyError, ReferenceMalformed, RuntimeError) as error:  # RuntimeError: the threads were shut down
        raise StateUnavailable(f"the state database cannot be used: {told(error)}") from error


def told(error: Exception) -> str:
    """The driver's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)
