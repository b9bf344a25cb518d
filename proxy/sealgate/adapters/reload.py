"""Files are read again when they change, and what they say is taken whole, or not at all (attacks F13, F14)."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from watchfiles import awatch

from sealgate.adapters.reading import Reading
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import RELOAD_BATCH_SECONDS, RELOAD_LOOK_SECONDS, RELOAD_QUIET_SECONDS, RELOAD_TORN
from sealgate.ports import Clock

_T = TypeVar("_T")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether what is in force is what the files say.

    Args:
        problem: why not, one line for each problem; "" when it is.
        since: from when on it was not; None when it is.
    """

    problem: str = ""
    since: datetime | None = None


class Reloader(Generic[_T]):
    """Takes what files say, as soon as they say something else.

    The system's notices say when to look, and only that; whether anything has changed is told by content. No notice
    reaches every kind of mount, so it looks every `limits.RELOAD_LOOK_SECONDS` in any case.

    Args:
        reading: how they were read last; what that gave is in force.
        load: reads and understands everything; raises `ConfigurationInvalid`. Called in a thread.
        use: puts it in force, whole, and says what that is; raises `ConfigurationInvalid` and changes nothing.
        clock: since when there is a problem.
        told: takes each problem, once for each change.

    Attributes:
        standing: for health.
    """

    def __init__(
        self,
        reading: Reading,
        load: Callable[[Reading], _T],
        use: Callable[[_T], str],
        clock: Clock,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.standing = Standing()
        self._reading = reading
        self._load = load
        self._use = use
        self._clock = clock
        self._told = told
        self._asked = asyncio.Event()
        self._afresh = False
        self._torn = 0
        self._places = reading.places()
        self._moved = asyncio.Event()

    def ask(self, *, afresh: bool = False) -> None:
        """Look soon.

        Args:
            afresh: load everything, though it looks as it did (SIGHUP).
        """
        self._afresh = self._afresh or afresh
        self._asked.set()

    async def run(self) -> None:
        """Keep what is in force up to date, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notice())
            while True:
                await self._asked.wait()
                self._asked.clear()
                try:
                    await self._look()
                # What is in force stays in force, whatever a look comes to, and the next one is made.
                except Exception as error:  # noqa: BLE001
                    _log.exception("reading policies, keys and trusted roots again ended in an error nobody foresaw")
                    self._stands(f"it ended in an error: {type(error).__name__}")

    async def _notice(self) -> None:
        quiet, batch, wait = (
            round(seconds * 1000) for seconds in (RELOAD_QUIET_SECONDS, RELOAD_BATCH_SECONDS, RELOAD_LOOK_SECONDS)
        )
        complained = False
        while True:
            self._moved.clear()
            # After the watch has begun, and not before: nothing falls between the two.
            asyncio.get_running_loop().call_soon(self.ask)
            try:
                changes = awatch(
                    *(path for path, _, _ in self._places), watch_filter=None, recursive=False, stop_event=self._moved,
                    step=quiet, debounce=batch, rust_timeout=wait, yield_on_timeout=True,
                )  # fmt: skip
                async with aclosing(changes):
                    async for _ in changes:
                        self.ask()
            except OSError as error:  # inotify's bounds are used up; a folder went away just now
                if not complained:
                    told = (
                        "changes of policies, keys and trusted roots are not noticed, but looked for every %.0f s: %s"
                    )
                    _log.warning(told, RELOAD_LOOK_SECONDS, error)
                complained = True
                await asyncio.sleep(RELOAD_LOOK_SECONDS)

    async def _look(self) -> None:
        afresh, self._afresh = self._afresh, False
        if afresh or await asyncio.to_thread(self._reading.stale):
            await self._reload()
        places = await asyncio.to_thread(self._reading.places)
        if places != self._places:
            self._places = places
            self._moved.set()

    async def _reload(self) -> None:
        reading = Reading()
        loaded: _T | None = None
        problem = ""
        try:
            loaded = await asyncio.to_thread(self._load, reading)
        except ConfigurationInvalid as bad:
            problem = str(bad)
        if await asyncio.to_thread(reading.stale):  # it is being written: half of two sets is no set
            self._torn += 1
            if self._torn == RELOAD_TORN:
                self._refuse("the files change again and again while they are read")
            return
        self._torn = 0
        self._reading = reading
        if loaded is not None:
            try:
                told = self._use(loaded)
            except ConfigurationInvalid as bad:
                problem = str(bad)
            else:
                _log.info("policies, keys and trusted roots were read again: %s", told)
        if problem:
            self._refuse(problem)
        else:
            self._stands("")

    def _refuse(self, problem: str) -> None:
        told = "what changed in policies, keys or trusted roots cannot be used, what was in force stays in force:\n%s"
        _log.error(told, problem)
        self._stands(problem)

    def _stands(self, problem: str) -> None:
        since = (self.standing.since or self._clock.now()) if problem else None
        self.standing = Standing(problem=problem, since=since)
        if problem:
            self._told(problem)
