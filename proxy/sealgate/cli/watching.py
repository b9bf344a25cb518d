"""`sealgate check --watch`: judge again and again, and tell what changes."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from sealgate.adapters.clock import SystemClock
from sealgate.cli.decision import WORDS, verdict, why
from sealgate.errors import ConfigurationInvalid, SealgateError
from sealgate.limits import POLICY_WATCH_SECONDS
from sealgate.policy.decision import Decision


class Seen:
    """What was told last, and what there is to tell.

    Args:
        out: where.
        tell: tells a whole decision.
        quiet: tell whole decisions only, and nothing about how they differ.
    """

    def __init__(self, out: Console, tell: Callable[[Decision], None], *, quiet: bool) -> None:
        self.last: Decision | None = None
        self._out = out
        self._tell = tell
        self._quiet = quiet
        self._trouble: tuple[str, ...] = ()

    def decision(self, decision: Decision, changed: bool) -> None:
        """Tell a decision, if there is news in it.

        Args:
            decision: the decision.
            changed: whether the files of the policies did.
        """
        before, self.last = self.last, decision
        over, self._trouble = self._trouble, ()
        if before is None:
            self._tell(decision)
            return
        news = list(differences(before, decision))
        if self._quiet:
            if news:
                self._tell(decision)
            return
        if news or changed or over:
            self._say("policies changed" if changed else "asked again", news or ["nothing is different"])

    def trouble(self, problems: Sequence[str]) -> None:
        """Tell why there is no new decision, once."""
        if tuple(problems) != self._trouble:
            self._trouble = tuple(problems)
            self._say("cannot be judged; what was said before stands for what was there before", problems)

    def _say(self, what: str, lines: Sequence[str]) -> None:
        self._out.print(f"\n{SystemClock().now():%H:%M:%S} UTC {what}", markup=False)
        for line in lines:
            self._out.print("\n".join(f"  {part}" for part in line.split("\n")), markup=False, soft_wrap=True)


async def watch(
    paths: Sequence[Path], every: float, judge: Callable[[], Awaitable[Decision]], seen: Seen
) -> Decision | None:
    """Judge when the policies' files change, and every so often, until SIGINT or SIGTERM.

    Args:
        paths: the policies' files and folders.
        every: seconds after which it is judged again though nothing changed.
        judge: judges; may raise `SealgateError`.
        seen: who is told.

    Returns:
        The last decision; None when there was none.
    """
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    looks, changed = _looks(paths), False
    while not stop.is_set():
        before = looks
        judging = asyncio.ensure_future(judge())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({judging, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not judging.done():
            judging.cancel()
            await asyncio.wait({judging})
            break
        try:
            seen.decision(judging.result(), changed)
        except ConfigurationInvalid as bad:
            seen.trouble(bad.problems)
        except SealgateError as lost:
            seen.trouble([str(lost)])
        looks = await _pause(paths, before, every, stop)
        changed = looks != before
    return seen.last


async def _pause(
    paths: Sequence[Path], before: object, every: float, stop: asyncio.Event
) -> tuple[tuple[str, int, int, int], ...]:
    """Wait until the files look different, the time is over, or it is to stop; how they look then."""
    end = asyncio.get_running_loop().time() + every
    while (looks := _looks(paths)) == before and asyncio.get_running_loop().time() < end and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLICY_WATCH_SECONDS)
    return looks


def differences(before: Decision, after: Decision) -> Iterator[str]:
    """What is otherwise than it was, for people; nothing where nothing is."""
    if before.digest != after.digest:
        yield f"the reference leads to {after.digest} now, and led to {before.digest}"
    if before.outcome is not after.outcome:
        yield f"{WORDS[before.outcome.value]} → {WORDS[after.outcome.value]}"
    old, new = ({(one.policy, one.rule): one for one in decision.results} for decision in (before, after))
    for key in sorted(old.keys() | new.keys()):
        name = ", ".join(key)
        if key not in new:
            yield f"{name}: gone"
            continue
        is_now = f"{verdict(new[key])}: {why(new[key])}".rstrip(": ")
        if key not in old:
            yield f"{name}: new: {is_now}"
        elif is_now != (was := f"{verdict(old[key])}: {why(old[key])}".rstrip(": ")):
            yield f"{name}: {is_now} (was {was})"
    for warning in after.warnings:
        if warning not in before.warnings:
            yield f"warning: {warning}"
    if before.finding != after.finding and after.finding and not after.policy:
        yield f"{after.finding.reason.value}: {after.finding.text}"


def _looks(paths: Sequence[Path]) -> tuple[tuple[str, int, int, int], ...]:
    """What tells whether a file is another one: of each file that a policy may be in, or may name."""
    return tuple(sorted(look for path in paths for file in _files(path) if (look := _look(file)) is not None))


def _files(path: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from path.rglob("*") if path.is_dir() else path.parent.iterdir()


def _look(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino
