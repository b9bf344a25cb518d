"""Decisions in memory, bounded: the least recently asked for go first."""

from collections import OrderedDict

from sealgate.limits import DECISIONS_IN_MEMORY
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import Clock, DecisionKey


class RecentDecisions:
    """The decisions asked for last, under their whole key.

    Each ends by both hands of the clock: at its `valid_until`, and as long after it was put as it was to hold then. A
    wall clock that is put back prolongs nothing (attacks F15).

    Args:
        clock: by which they end.
        most: how many are kept.
    """

    def __init__(self, clock: Clock, most: int = DECISIONS_IN_MEMORY) -> None:
        self._clock = clock
        self._most = most
        self._decisions: OrderedDict[DecisionKey, tuple[Decision, float]] = OrderedDict()
        self._about: dict[tuple[Repository, Digest], set[DecisionKey]] = {}

    def get(self, key: DecisionKey) -> Decision | None:
        """The decision saved under an equal key; None also when it is over."""
        known = self._decisions.get(key)
        if known is None:
            return None
        decision, end = known
        if decision.valid_until <= self._clock.now() or end <= self._clock.monotonic():
            self._drop(key)
            return None
        self._decisions.move_to_end(key)
        return decision

    def put(self, key: DecisionKey, decision: Decision) -> None:
        """Keep a decision."""
        refuse_undetermined(decision)
        holds = (decision.valid_until - self._clock.now()).total_seconds()
        self._decisions[key] = (decision, self._clock.monotonic() + holds)
        self._decisions.move_to_end(key)
        self._about.setdefault((key.repository, key.digest), set()).add(key)
        if len(self._decisions) > self._most:
            self._drop(next(iter(self._decisions)))

    def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """Drop every decision on this digest that is not an admission."""
        for key in tuple(self._about.get((repository, digest), ())):
            if self._decisions[key][0].outcome is not Outcome.ADMIT:
                self._drop(key)

    def forget(self, repository: Repository) -> None:
        """Drop every decision of this repository."""
        for key in [key for key in self._decisions if key.repository == repository]:
            self._drop(key)

    def _drop(self, key: DecisionKey) -> None:
        del self._decisions[key]
        keys = self._about[key.repository, key.digest]
        keys.discard(key)
        if not keys:
            del self._about[key.repository, key.digest]


def refuse_undetermined(decision: Decision) -> None:
    """A doubt is not kept, by anybody (design section 2): whoever tries has a fault."""
    if decision.outcome is Outcome.UNDETERMINED:
        raise ValueError("an undetermined decision is not kept")
