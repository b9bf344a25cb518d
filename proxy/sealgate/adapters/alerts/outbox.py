"""What waits to be told: never in the way of what tells it, and never without bound."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from sealgate.limits import ALERT_AGAIN_SECONDS, ALERTS_REMEMBERED, ALERTS_WAITING
from sealgate.policy.alert import Alert, AlertKind
from sealgate.ports import Clock

Counted = Callable[[AlertKind, str], None]
"""Called with what came of an alert: `sent`, `failed`, `dropped` or `repeated`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An alert, and what was not said before it.

    Args:
        repeated: how many times the same happened since it was told last.
        dropped: how many of its kind there was no room for since one was told.
        tries: how many times it could not be told.
    """

    alert: Alert
    repeated: int = 0
    dropped: int = 0
    tries: int = 0


@dataclass(slots=True)
class _Told:
    again_at: float
    repeated: int = 0


class Outbox:
    """The alerts that one webhook is yet to be told.

    Anybody who may pull can have things denied, as many and as different ones as he likes. So each kind has room of its
    own and its turn: a flood of denials neither displaces nor delays the word of an exception or of a reload.

    Args:
        kinds: of which it wants to be told.
        clock: when the same may be told again.
        counted: what came of each.
    """

    def __init__(self, kinds: Iterable[AlertKind], clock: Clock, counted: Counted) -> None:
        self._waiting: Final[dict[AlertKind, deque[Waiting]]] = {kind: deque() for kind in kinds}
        self._turns = deque(self._waiting)
        self._dropped = dict.fromkeys(self._waiting, 0)
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()
        self._clock = clock
        self._counted = counted
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._taken = 0

    def __len__(self) -> int:
        """How many wait, or are just being told."""
        return sum(map(len, self._waiting.values())) + self._taken

    def offer(self, alert: Alert) -> None:
        """Take an alert, if it is wanted, new, and there is room. Never waits."""
        queue = self._waiting.get(alert.kind)
        if queue is None:
            return
        now = self._clock.monotonic()
        told = self._told.get(alert.sameness)
        if told is not None and now < told.again_at:
            told.repeated += 1
            self._counted(alert.kind, "repeated")
            return
        if len(queue) >= ALERTS_WAITING:
            self._dropped[alert.kind] += 1
            self._counted(alert.kind, "dropped")
            return
        queue.append(Waiting(alert=alert, repeated=told.repeated if told else 0, dropped=self._dropped[alert.kind]))
        self._dropped[alert.kind] = 0
        self._told[alert.sameness] = _Told(now + ALERT_AGAIN_SECONDS)
        self._told.move_to_end(alert.sameness)
        if len(self._told) > ALERTS_REMEMBERED:
            self._told.popitem(last=False)
        self._some.set()
        self._none.clear()

    async def take(self) -> Waiting:
        """The next one, as soon as there is one; `done` or `again` ends it."""
        while True:
            await self._some.wait()
            for _ in range(len(self._turns)):
                self._turns.rotate(-1)
                if queue := self._waiting[self._turns[-1]]:
                    self._taken += 1
                    return queue.popleft()
            self._some.clear()

    def again(self, waiting: Waiting) -> None:
        """Have it wait behind the others: what one place cannot hear must not keep the rest from it."""
        self._taken -= 1
        self._waiting[waiting.alert.kind].append(replace(waiting, tries=waiting.tries + 1))
        self._some.set()

    def done(self, waiting: Waiting, came_to: str) -> None:
        """Somebody was told of it, or nobody ever will be.

        Args:
            waiting: what `take` gave.
            came_to: `sent` or `failed`.
        """
        self._counted(waiting.alert.kind, came_to)
        self._taken -= 1
        if not len(self):
            self._none.set()

    async def empty(self) -> None:
        """Wait until nothing waits."""
        await self._none.wait()
