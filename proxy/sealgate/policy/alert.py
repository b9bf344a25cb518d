"""What somebody should be told of while it happens, of all that the decision log holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sealgate.oci.digest import NO_CONTENT
from sealgate.policy.decision import Outcome
from sealgate.policy.record import DecisionRecord


class AlertKind(StrEnum):
    """For what there are alerts."""

    DENIED = "denied"
    UNDETERMINED = "undetermined"
    EXCEPTION_USED = "exception-used"
    HOLD_EXPIRED = "hold-expired"
    RELOAD_FAILED = "reload-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that happened.

    Args:
        identifier: a ULID; the decision's, where it is about one.
        subject: what it is about: a reference, or what could not be read.
        text: why, in a sentence. It may hold what signers and clients say of themselves.
        facts: what else there is to say of it, by name.
    """

    identifier: str
    kind: AlertKind
    at: datetime
    subject: str
    text: str
    facts: Mapping[str, str]

    @property
    def sameness(self) -> tuple[str, ...]:
        """Who was told of an alert knows what another one with the same of this would tell."""
        return self.kind, self.subject, *(self.facts.get(name, "") for name in ("reason", "policy", "rule"))


def alerts_in(record: DecisionRecord) -> tuple[Alert, ...]:
    """What is to be told of a decision: mostly nothing.

    A push that waits for its signature is not told of: every image that is pushed and then signed waits. Nor is what
    was served to somebody who inspects.
    """
    decision = record.decision
    kinds: list[AlertKind] = []
    if record.event == "hold-expired":
        kinds.append(AlertKind.HOLD_EXPIRED)
    elif decision.outcome is Outcome.UNDETERMINED:
        kinds.append(AlertKind.UNDETERMINED)
    elif decision.outcome is Outcome.DENY and not record.event and not record.inspected:
        kinds.append(AlertKind.DENIED)
    if decision.admitted and decision.exceptions:
        kinds.append(AlertKind.EXCEPTION_USED)
    return tuple(_alert(kind, record) for kind in kinds)


def reload_failed(identifier: str, at: datetime, problem: str) -> Alert:
    """What is in force stays in force, though the files say something else.

    Args:
        identifier: a ULID.
        at: when.
        problem: why, a line for each problem.
    """
    return Alert(
        identifier=identifier, kind=AlertKind.RELOAD_FAILED, at=at, subject="policies, keys and trusted roots",
        text=problem, facts={},
    )  # fmt: skip


def _alert(kind: AlertKind, record: DecisionRecord) -> Alert:
    decision, finding = record.decision, record.decision.finding
    excepted = kind is AlertKind.EXCEPTION_USED
    facts = {
        "operation": record.operation.value,
        "digest": "" if decision.digest == NO_CONTENT else str(decision.digest),
        "reason": finding.reason.value if finding else "",
        "policy": ", ".join(sorted({one.policy for one in decision.exceptions})) if excepted else decision.policy,
        "rule": "" if excepted else decision.rule,
        "address": record.caller.address,
        "user": record.caller.name,
    }
    told = "; ".join(str(one) for one in decision.exceptions) if excepted else finding.text if finding else ""
    return Alert(
        identifier=record.identifier, kind=kind, at=record.at, subject=record.reference, text=told,
        facts={name: value for name, value in facts.items() if value},
    )  # fmt: skip
