"""One computation for all who ask for the same thing at the same time (attacks F21)."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares a running computation between concurrent askers of one key.

    The computation belongs to nobody's request: an asker that goes away does not end it for the others. It ends by its
    own deadline.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, compute: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The result for `key`, and whether somebody else's computation gave it.

        An exception of a shared computation is its starter's: others then compute for themselves, for it may have
        failed on the starter's credentials.
        """
        task = self._running.get(key)
        if task is not None:
            try:
                return await asyncio.shield(task), True
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 - the starter reports it; we try with our own rights
                return await compute(), False
        task = asyncio.ensure_future(compute())
        self._running[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task), False

    def _forget(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of an exception that its asker did not wait for
