"""Trusted roots, kept fresh in the background: nothing waits for it, and what goes wrong changes no root."""

import asyncio
import logging
import random
import threading
from collections.abc import Awaitable, Callable, Mapping, Set
from concurrent.futures import Future
from dataclasses import replace
from typing import Final, TypeVar

from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.trusted_roots import kept as last_good
from sealgate.adapters.trusted_roots.current import RootState, TrustedRoots
from sealgate.adapters.trusted_roots.kept import Kept
from sealgate.adapters.trusted_roots.repository import TufRepository
from sealgate.limits import PROBLEM_CHARACTERS, TRUSTED_ROOT_REFRESH_SECONDS, TRUSTED_ROOT_RETRY_SECONDS
from sealgate.oci.wire import printable
from sealgate.ports import Clock

_log: Final = logging.getLogger(__name__)

_T = TypeVar("_T")


class Refresher:
    """Refreshes the trusted roots that come from repositories.

    Args:
        roots: where they are used.
        repositories: where they come from, by name.
        clock: the time to write down.
        pause: how it waits, in seconds.
    """

    def __init__(
        self,
        roots: TrustedRoots,
        repositories: Mapping[str, TufRepository],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._roots = roots
        self._repositories = repositories
        self._clock = clock
        self._pause = pause
        self._wanted = frozenset(repositories)
        self._wants = asyncio.Event()

    def want(self, names: Set[str]) -> None:
        """Refresh these from now on, and no others: what nothing asks for is not fetched (attacks A29)."""
        self._wanted = frozenset(names & self._repositories.keys())
        self._wants.set()

    async def run(self) -> None:
        """Refresh every root that is wanted, again and again, until cancelled."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wants.clear()
                for name in self._wanted:
                    if name not in running or running[name].done():
                        running[name] = tasks.create_task(self._keep_fresh(name))
                await self._wants.wait()

    async def fill(self) -> None:
        """Fetch the roots that were never fetched, once: for commands, which have nothing to go on doing meanwhile."""
        for name in self._wanted:
            if self._roots.states[name].root is None:
                await self.refresh(name)

    async def refresh(self, name: str) -> bool:
        """Refresh one root now; whether that went well. What went wrong is logged and told in its state."""
        repository = self._repositories[name]
        try:
            fetched = await _in_thread(lambda: repository.fetch(self._clock.now()))
            self._use(name, fetched)
        # The one seam for whatever a repository, a disk or python-tuf may come up with: the last good root stays.
        except Exception as error:  # noqa: BLE001
            problem = printable(f"{error} ({error.__cause__})" if error.__cause__ else str(error), PROBLEM_CHARACTERS)
            self._roots.put(name, replace(self._roots.states[name], problem=problem or type(error).__name__))
            self._warn(name)
            return False
        return True

    async def _keep_fresh(self, name: str) -> None:
        retry = TRUSTED_ROOT_RETRY_SECONDS
        while name in self._wanted:
            if await self.refresh(name):
                wait, retry = TRUSTED_ROOT_REFRESH_SECONDS, TRUSTED_ROOT_RETRY_SECONDS
            else:
                wait, retry = retry, min(retry * 2, TRUSTED_ROOT_REFRESH_SECONDS)
            await self._pause(wait * random.uniform(0.9, 1.1))  # noqa: S311  # replicas that start together part ways

    def _use(self, name: str, fetched: Kept) -> None:
        before = self._roots.states[name].root
        root = TrustedRootFile.parse(fetched.raw, name)
        same = before is not None and before.digest == root.digest
        self._roots.put(name, RootState(root=root, confirmed=fetched.confirmed, expires=fetched.expires))
        told = "is still the current one" if same else "is another one now"
        _log.info("trusted root %s %s; its repository's word for it holds until %s", name, told, fetched.expires)
        try:
            last_good.write(self._repositories[name].folder, fetched)
        except OSError as error:
            _log.warning("the trusted root %s cannot be kept on disk: %s", name, error)

    def _warn(self, name: str) -> None:
        state = self._roots.states[name]
        now = self._clock.now()
        age = state.age(now)
        if state.root is None:
            standing = "there is none yet, and what needs it cannot be judged"
        elif not state.holds(now):
            standing = f"the last good one ran out at {state.expires}, and what needs it cannot be judged"
        else:
            standing = "the one in use stays" + (f", confirmed {age.days} days ago" if age is not None else "")
        _log.warning("the trusted root %s could not be refreshed (%s): %s", name, standing, state.problem)


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Run something that blocks in a thread of its own.

    Not asyncio's: the end of the program would wait for those, and a repository that does not answer must not hold it.
    """
    future: Future[_T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="trusted-root", daemon=True).start()
    return await asyncio.wrap_future(future)
