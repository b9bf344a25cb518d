"""Holds in memory: those of pushes that are rejected, for a gate without a state file."""

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from itertools import count

from sealgate.adapters.state.turns import Turns
from sealgate.evidence.reason import Reason
from sealgate.limits import HOLDS_IN_MEMORY
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.hold import Hold
from sealgate.ports import HoldTally


class MemoryHolds(Turns):
    """`ports.Holds`, bounded: the oldest are forgotten first. Nothing here outlives the process.

    A hold that releases itself is an acknowledged push: policies that want one are refused with a gate like this.
    """

    def __init__(self, most: int = HOLDS_IN_MEMORY) -> None:
        super().__init__()
        self._most = most
        self._marks = count(1)
        self._holds: OrderedDict[str, Hold] = OrderedDict()  # by their names, which sort by time
        self._tags: dict[tuple[Repository, Tag], str] = {}

    async def of_tag(self, repository: Repository, tag: Tag) -> Hold | None:
        """See `ports.Holds`."""
        name = self._tags.get((repository, tag))
        return None if name is None else self._holds[name]

    async def with_identifier(self, identifier: str) -> Hold | None:
        """See `ports.Holds`."""
        return self._holds.get(identifier)

    async def every(self, after: str, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        return tuple(hold for name, hold in self._holds.items() if name > after)[:most]

    async def tally(self) -> HoldTally:
        """See `ports.Holds`."""
        releasing = sum(hold.releases for hold in self._holds.values())
        oldest = min((hold.held_at for hold in self._holds.values()), default=None)
        return HoldTally(releasing=releasing, rejected=len(self._holds) - releasing, oldest=oldest)

    async def save(self, hold: Hold) -> None:
        """See `ports.Holds`."""
        if (older := self._tags.get((hold.repository, hold.tag))) is not None:
            await self.end(older)
        self._holds[hold.identifier] = hold
        self._tags[hold.repository, hold.tag] = hold.identifier
        if len(self._holds) > self._most:
            await self.end(next(iter(self._holds)))

    async def end(self, identifier: str) -> bool:
        """See `ports.Holds`."""
        ended = self._holds.pop(identifier, None)
        if ended is not None:
            del self._tags[ended.repository, ended.tag]
        return ended is not None

    async def mark_due(self, repository: Repository, digest: Digest, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        found = [
            hold
            for hold in self._holds.values()
            if hold.repository == repository and hold.digest == digest and hold.releases
        ]
        for hold in found:
            self._holds[hold.identifier] = replace(hold, due=next(self._marks))
        return tuple(self._holds[hold.identifier] for hold in found[:most])

    async def ask(self, identifier: str, reason: str) -> bool:
        """See `ports.Holds`."""
        if (hold := self._holds.get(identifier)) is not None:
            self._holds[identifier] = replace(hold, due=next(self._marks), asked=reason)
        return hold is not None

    async def settle(self, identifier: str, due: int, reason: Reason, text: str) -> None:
        """See `ports.Holds`."""
        if (hold := self._holds.get(identifier)) is not None and hold.due == due:
            self._holds[identifier] = replace(hold, due=0, asked="", reason=reason, text=text)

    async def due(self, now: datetime, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        return tuple(hold for hold in self._holds.values() if hold.due or hold.deadline <= now)[:most]

    async def close(self) -> None:
        """See `ports.Holds`."""
