"""What is measured becomes a table: each row beside a peer, as a ratio, with a goal."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row should come to.

    Args:
        of: the ratio to the peer, or the value itself.
        sense: which side is good.
        bound: the number that is still good.
    """

    of: Literal["ratio", "value"]
    sense: Literal[">=", "<="]
    bound: float

    def met(self, ratio: float, value: float) -> bool:
        """Whether it is met."""
        measured = ratio if self.of == "ratio" else value
        return measured >= self.bound if self.sense == ">=" else measured <= self.bound

    def __str__(self) -> str:
        times = "×" if self.of == "ratio" else ""
        return f"{self.sense} {self.bound:g}{times}"


def at_least(times: float) -> Goal:
    """So many times the peer, or more."""
    return Goal("ratio", ">=", times)


def at_most(times: float) -> Goal:
    """So many times the peer, or less."""
    return Goal("ratio", "<=", times)


def no_more_than(value: float) -> Goal:
    """So much in the row's own unit, or less, whatever the peer."""
    return Goal("value", "<=", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison.

    Args:
        name: what was measured.
        unit: of both values.
        ours: the gate's value, the median of its runs.
        against: who the peer is.
        peer: its value, the median of its runs.
        ratio: ours over the peer's: the median of the ratios of runs that stood side by side.
        goal: what it should come to; None where the row only informs.
    """

    name: str
    unit: str
    ours: float
    against: str
    peer: float
    ratio: float
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return self.goal.met(self.ratio, self.ours) if self.goal else None

    def as_json(self) -> dict[str, object]:
        """For `build/bench.json`."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "against": self.against,
            "peer": self.peer,
            "ratio": self.ratio,
            "goal": str(self.goal) if self.goal else None,
            "met": self.met,
        }


def compare(
    name: str, unit: str, ours: Sequence[float], against: str, peer: Sequence[float], goal: Goal | None = None
) -> Row:
    """Make a row of runs that stood side by side, pair by pair."""
    return Row(
        name=name,
        unit=unit,
        ours=statistics.median(ours),
        against=against,
        peer=statistics.median(peer),
        ratio=statistics.median(mine / theirs for mine, theirs in zip(ours, peer, strict=True)),
        goal=goal,
    )


def interleaved(rounds: int, runs: Mapping[str, Callable[[], _T]]) -> dict[str, list[_T]]:
    """Run everything once, then everything again, and so on: what the machine does meanwhile falls on all alike."""
    results: dict[str, list[_T]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
    return results
