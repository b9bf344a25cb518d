"""One decision as it was given to one caller: what the decision log writes down and a refusal names."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision
from sealgate.policy.identity import NOBODY, Identity
from sealgate.policy.model import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asked: as far as it is known, and never with a secret.

    Args:
        name: for the decision log. Whom the gate has authenticated; else the user name that the request states, which
            only the upstream checks.
        identity: whom the gate has authenticated. Rights follow from this and from nothing else here.
        request: the gate's own name for the request; "" where there was none.
    """

    address: str = ""
    user_agent: str = ""
    name: str = ""
    identity: Identity = NOBODY
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision as it was given to one caller.

    Args:
        identifier: a ULID; what a refusal names.
        reference: what was asked for, as `repo:tag` or `repo@digest`.
        cached: whether it was reused.
        took_ms: milliseconds that it took to reach.
        inspected: whether it was served though it is not admitted, to a caller with the right to inspect.
        event: what became of a push: `held`, `released`, `hold-ended`, `hold-expired`; "" where nothing did.
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
    inspected: bool = False
    event: str = ""

    @property
    def served(self) -> bool:
        """Whether the caller gets what was asked for."""
        return self.decision.admitted or self.inspected
