"""A decision as JSON, and back: how the state store keeps it.

What is read back was at rest where others may write. So reading is strict: every field is there and of its type, no
other is, and the answer does not contradict its own grounds. What fails any of this is no decision (attacks B31, B32).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from sealgate.errors import PayloadMalformed, ReferenceMalformed
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.oci.digest import Digest
from sealgate.oci.strict_json import Json
from sealgate.policy.decision import Decision, Excepted, Finding, Outcome, RuleResult

_T = TypeVar("_T")
_FINDING_FIELDS: Final = frozenset({"reason", "text", "source"})
_EXCEPTED_FIELDS: Final = frozenset({"policy", "digest", "reason", "expires", "approved_by"})
_RESULT_FIELDS: Final = frozenset(
    {"policy", "rule", "enforced", "required", "satisfied", "signers", "finding", "findings", "cure"}
)
_DECISION_FIELDS: Final = frozenset(
    {"outcome", "digest", "valid_until", "finding", "policy", "description", "rule", "cure", "results", "warnings",
     "covered_by", "exceptions"}
)  # fmt: skip


def to_json(decision: Decision) -> dict[str, Json]:
    """The decision as what `json` can write; every field is there."""
    return {
        "outcome": decision.outcome.value,
        "digest": str(decision.digest),
        "valid_until": _moment_text(decision.valid_until),
        "finding": None if decision.finding is None else _finding_json(decision.finding),
        "policy": decision.policy,
        "description": decision.description,
        "rule": decision.rule,
        "cure": decision.cure,
        "results": [_result_json(result) for result in decision.results],
        "warnings": list(decision.warnings),
        "covered_by": None if decision.covered_by is None else str(decision.covered_by),
        "exceptions": [_excepted_json(excepted) for excepted in decision.exceptions],
    }


def from_json(value: Json) -> Decision:
    """The decision that `to_json` wrote.

    Raises:
        PayloadMalformed: a field is missing, unknown or of another type; or the decision contradicts itself: an
            admission with something against it, a refusal with nothing, a doubt that is none.
    """
    found = _object(value, _DECISION_FIELDS)
    decision = Decision(
        outcome=_member(Outcome, found["outcome"]),
        digest=_digest(found["digest"]),
        valid_until=_moment(found["valid_until"]),
        finding=_optional(_finding, found["finding"]),
        policy=_text(found["policy"]),
        description=_text(found["description"]),
        rule=_text(found["rule"]),
        cure=_text(found["cure"]),
        results=_tuple(_result, found["results"]),
        warnings=_tuple(_text, found["warnings"]),
        covered_by=_optional(_digest, found["covered_by"]),
        exceptions=_tuple(_excepted, found["exceptions"]),
    )
    if not _consistent(decision):
        raise PayloadMalformed("a decision contradicts itself")
    return decision


def _consistent(decision: Decision) -> bool:
    if any(result.satisfied != (result.finding is None) for result in decision.results):
        return False
    if decision.finding is None:
        return decision.outcome is Outcome.ADMIT and all(
            result.satisfied for result in decision.results if result.enforced
        )
    undetermined = decision.finding.reason in UNDETERMINED
    return decision.outcome is (Outcome.UNDETERMINED if undetermined else Outcome.DENY)


def _finding_json(finding: Finding) -> dict[str, Json]:
    return {"reason": finding.reason.value, "text": finding.text, "source": finding.source}


def _finding(value: Json) -> Finding:
    found = _object(value, _FINDING_FIELDS)
    return Finding(
        reason=_member(Reason, found["reason"]),
        text=_text(found["text"]),
        source=_text(found["source"]),
    )


def _result_json(result: RuleResult) -> dict[str, Json]:
    return {
        "policy": result.policy,
        "rule": result.rule,
        "enforced": result.enforced,
        "required": result.required,
        "satisfied": result.satisfied,
        "signers": list(result.signers),
        "finding": None if result.finding is None else _finding_json(result.finding),
        "findings": [_finding_json(finding) for finding in result.findings],
        "cure": result.cure,
    }


def _result(value: Json) -> RuleResult:
    found = _object(value, _RESULT_FIELDS)
    return RuleResult(
        policy=_text(found["policy"]),
        rule=_text(found["rule"]),
        enforced=_flag(found["enforced"]),
        required=_flag(found["required"]),
        satisfied=_flag(found["satisfied"]),
        signers=_tuple(_text, found["signers"]),
        finding=_optional(_finding, found["finding"]),
        findings=_tuple(_finding, found["findings"]),
        cure=_text(found["cure"]),
    )


def _excepted_json(excepted: Excepted) -> dict[str, Json]:
    return {
        "policy": excepted.policy,
        "digest": str(excepted.digest),
        "reason": excepted.reason,
        "expires": _moment_text(excepted.expires),
        "approved_by": excepted.approved_by,
    }


def _excepted(value: Json) -> Excepted:
    found = _object(value, _EXCEPTED_FIELDS)
    return Excepted(
        policy=_text(found["policy"]),
        digest=_digest(found["digest"]),
        reason=_text(found["reason"]),
        expires=_moment(found["expires"]),
        approved_by=_text(found["approved_by"]),
    )


def _object(value: Json, fields: frozenset[str]) -> dict[str, Json]:
    if not isinstance(value, dict) or value.keys() != fields:
        raise PayloadMalformed(f"not an object of exactly {', '.join(sorted(fields))}")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise PayloadMalformed("not a string")
    return value


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise PayloadMalformed("not true or false")
    return value


def _member(kind: Callable[[str], _T], value: Json) -> _T:
    try:
        return kind(_text(value))
    except ValueError as error:
        raise PayloadMalformed(str(error)) from error


def _digest(value: Json) -> Digest:
    try:
        return Digest.parse(_text(value))
    except ReferenceMalformed as error:
        raise PayloadMalformed(str(error)) from error


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(value: Json) -> datetime:
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise PayloadMalformed(f"not a time: {error}") from error
    if _moment_text(moment) != text:
        raise PayloadMalformed("not a time in UTC, to the microsecond")
    return moment


def _optional(read: Callable[[Json], _T], value: Json) -> _T | None:
    return None if value is None else read(value)


def _tuple(read: Callable[[Json], _T], value: Json) -> tuple[_T, ...]:
    if not isinstance(value, list):
        raise PayloadMalformed("not a list")
    return tuple(read(entry) for entry in value)
