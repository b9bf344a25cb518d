"""A decision as JSON, and back: how the state store keeps it.

What is read back was at rest where others may write. So reading is strict: every field is there and of its type, no
other is, and the answer does not contradict its own grounds. What fails any of this is no decision (attacks B31, B32).
"""

from typing import Final

from sealgate.errors import PayloadMalformed
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.oci.strict_json import Json
from sealgate.policy.decision import Decision, Excepted, Finding, Outcome, RuleResult
from sealgate.policy.json_fields import digest, fields, flag, member, moment, moment_text, optional, several, text

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
        "valid_until": moment_text(decision.valid_until),
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
    found = fields(value, _DECISION_FIELDS)
    decision = Decision(
        outcome=member(Outcome, found["outcome"]),
        digest=digest(found["digest"]),
        valid_until=moment(found["valid_until"]),
        finding=optional(_finding, found["finding"]),
        policy=text(found["policy"]),
        description=text(found["description"]),
        rule=text(found["rule"]),
        cure=text(found["cure"]),
        results=several(_result, found["results"]),
        warnings=several(text, found["warnings"]),
        covered_by=optional(digest, found["covered_by"]),
        exceptions=several(_excepted, found["exceptions"]),
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
    found = fields(value, _FINDING_FIELDS)
    return Finding(
        reason=member(Reason, found["reason"]),
        text=text(found["text"]),
        source=text(found["source"]),
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
    found = fields(value, _RESULT_FIELDS)
    return RuleResult(
        policy=text(found["policy"]),
        rule=text(found["rule"]),
        enforced=flag(found["enforced"]),
        required=flag(found["required"]),
        satisfied=flag(found["satisfied"]),
        signers=several(text, found["signers"]),
        finding=optional(_finding, found["finding"]),
        findings=several(_finding, found["findings"]),
        cure=text(found["cure"]),
    )


def _excepted_json(excepted: Excepted) -> dict[str, Json]:
    return {
        "policy": excepted.policy,
        "digest": str(excepted.digest),
        "reason": excepted.reason,
        "expires": moment_text(excepted.expires),
        "approved_by": excepted.approved_by,
    }


def _excepted(value: Json) -> Excepted:
    found = fields(value, _EXCEPTED_FIELDS)
    return Excepted(
        policy=text(found["policy"]),
        digest=digest(found["digest"]),
        reason=text(found["reason"]),
        expires=moment(found["expires"]),
        approved_by=text(found["approved_by"]),
    )
