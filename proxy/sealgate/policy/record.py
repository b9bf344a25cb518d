"""One decision as it was given to one caller: what the decision log writes down and a refusal names."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision
from sealgate.policy.model import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asked, for the decision log: as far as it is known, and never with a secret."""

    address: str = ""
    user_agent: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision as it was given to one caller.

    Args:
        identifier: a ULID; what a refusal names.
        reference: what was asked for, as `repo:tag` or `repo@digest`.
        cached: whether it was reused.
        took_ms: milliseconds that it took to reach.
    """

    identifier: str
    at: datetime
    caller: Caller
    operation: Operation
    repository: Repository
    reference: str
    decision: Decision
    policies: str
    cached: bool
    took_ms: float
