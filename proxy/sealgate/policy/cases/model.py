"""A case, ready to be judged; and what came of it."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome, Subject
from sealgate.policy.model import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An artifact, and all that is found about it."""

    subject: Subject
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBy:
    """An index that lists the artifact.

    Args:
        index: the index, and what is found about it.
        bare: whether it lists the artifact for no real platform (BuildKit's attestations).
    """

    index: Facts
    bare: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must be decided.

    Args:
        reasons: of all that stands in the way.
        warns: of all that only warns; None is not looked at.
    """

    outcome: Outcome
    reasons: frozenset[Reason] = frozenset()
    warns: frozenset[Reason] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request, what is found about the artifact, and what must be decided.

    Args:
        line: where in its file it stands, from 1.
        resolved: the policies that cover the request.
        now: when it is decided.
    """

    name: str
    line: int
    repository: Repository
    resolved: Resolved
    artifact: Facts
    listed_by: ListedBy | None
    now: datetime
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a case.

    Args:
        decisions: about the artifact itself, about the index that lists it, and with that: the last one is the answer.
    """

    case: Case
    decisions: tuple[Decision, ...]

    @property
    def decision(self) -> Decision:
        """The answer."""
        return self.decisions[-1]

    @property
    def reasons(self) -> frozenset[Reason]:
        """Why: of all that stands in the way."""
        found = {result.finding.reason for result in self.decision.results if result.enforced and result.finding}
        return frozenset(found | {self.decision.finding.reason} if self.decision.finding else found)

    @property
    def warns(self) -> frozenset[Reason]:
        """Of all that only warns."""
        return frozenset(
            result.finding.reason for result in self.decision.results if not result.enforced and result.finding
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """In what the answer is not the expected one, for people; none when it is."""
        wanted = self.case.expected
        told: list[str] = []
        if self.decision.outcome is not wanted.outcome:
            told.append(f"expected {wanted.outcome.value}, and it is {self.decision.outcome.value}")
        if self.reasons != wanted.reasons:
            told.append(f"expected {_listed(wanted.reasons)}, and the reasons are {_listed(self.reasons)}")
        if wanted.warns is not None and self.warns != wanted.warns:
            told.append(f"expected warnings: {_listed(wanted.warns)}; there are: {_listed(self.warns)}")
        return tuple(told)


def _listed(reasons: frozenset[Reason]) -> str:
    return ", ".join(sorted(reasons)) or "none"
