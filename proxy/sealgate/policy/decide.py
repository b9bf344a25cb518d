"""The decision: total, synchronous, deterministic. It picks among facts and establishes none.

Read `decide` from the top; each step below it is one sentence of design section 3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import Evidence
from sealgate.limits import ADMIT_TTL_SECONDS, DENY_TTL_SECONDS
from sealgate.policy.decision import Decision, Finding, Outcome, RuleResult, Subject
from sealgate.policy.model import Mode, Policy, Resolved, Unmatched
from sealgate.policy.rules import applies, judge

ALLOW_UNSIGNED: Final = "allow_unsigned"
"""What the result of a policy that lets anything pass is called, where a rule's name stands otherwise."""


def decide(
    resolved: Resolved,
    subject: Subject,
    evidence: Evidence,
    now: datetime,
    admit_seconds: float = ADMIT_TTL_SECONDS,
) -> Decision:
    """Decide about one artifact.

    Every required rule that applies, of every policy that covers, must be satisfied; and something must apply.

    Args:
        resolved: the policies that cover the request.
        subject: the digest of the bytes in question, and what they claim to be.
        evidence: what was found about that digest.
        now: the time at which this is decided, in UTC.
        admit_seconds: how long an admission holds at most.
    """
    if evidence.subject != subject.digest:
        raise ValueError("the evidence is about another digest")
    if not resolved.policies:
        return _unmatched(resolved.unmatched, subject, now, admit_seconds)
    results = tuple(result for policy in resolved.policies for result in _results(policy, subject, evidence, now))
    until = min(
        (signature.expires for signature in evidence.signatures if signature.expires is not None),
        default=now + timedelta(seconds=admit_seconds),
    )
    until = min(until, now + timedelta(seconds=admit_seconds), *_ends(resolved, now))
    return _conclude(subject, resolved, results, _uncovered(resolved.policies, subject), now, until)


def _ends(resolved: Resolved, now: datetime) -> Iterable[datetime]:
    """When keys end that count today: what they signed at an unknown time counts until then."""
    for policy in resolved.policies:
        for wanted in policy.named_keys:
            if wanted.not_after is not None and wanted.not_after >= now:
                yield wanted.not_after


def cover(child: Decision, indexes: Iterable[Decision], resolved: Resolved, now: datetime) -> Decision:
    """What becomes of a decision once the indexes that list its subject are known.

    A rule that the child does not satisfy counts as satisfied where an *admitted* index satisfied the same rule of the
    same policy: an index covers a child only for rules that applied to it. One index must stand in for all that is
    missing. Where none does and one could not be decided, neither can the child.

    Args:
        child: what was decided about the child itself.
        indexes: what is decided, now, in the same repository and under the same policies, about each index listing it.
        resolved: those policies.
        now: the time of the decision.
    """
    if child.admitted or not child.policy:  # nothing to stand in for: only a rule's refusal can be covered
        return child
    undetermined: Decision | None = None
    for index in indexes:
        if index.outcome is Outcome.UNDETERMINED:
            undetermined = undetermined or index
        if not index.admitted:
            continue
        stood_for = {(result.policy, result.rule) for result in index.results if result.satisfied}
        results = tuple(
            replace(result, satisfied=True, finding=None)
            if not result.satisfied and (result.policy, result.rule) in stood_for
            else result
            for result in child.results
        )
        covered = _conclude(Subject(digest=child.digest, kinds=()), resolved, results, None, now, index.valid_until)
        if covered.admitted:
            return replace(covered, covered_by=index.digest)
    if undetermined is not None:
        return replace(
            child, outcome=Outcome.UNDETERMINED, finding=undetermined.finding, valid_until=now, results=child.results
        )
    return child


def refuse(subject: Subject, finding: Finding, now: datetime, cure: str = "") -> Decision:
    """A refusal on grounds of the gate's own: malformed content, a blob nothing admitted lists, and the like."""
    undetermined = finding.reason in UNDETERMINED
    return Decision(
        outcome=Outcome.UNDETERMINED if undetermined else Outcome.DENY,
        digest=subject.digest,
        valid_until=now if undetermined else now + timedelta(seconds=DENY_TTL_SECONDS),
        finding=finding,
        cure=cure,
    )


def _unmatched(unmatched: Unmatched, subject: Subject, now: datetime, admit_seconds: float) -> Decision:
    finding = Finding(reason=Reason.REPOSITORY_NOT_COVERED, text="no policy covers this repository")
    if unmatched is Unmatched.DENY:
        return refuse(subject, finding, now, "ask the platform team for a policy that covers it")
    return Decision(
        outcome=Outcome.ADMIT,
        digest=subject.digest,
        valid_until=now + timedelta(seconds=admit_seconds),
        warnings=(f"would be denied: {finding.text}",) if unmatched is Unmatched.WARN else (),
    )


def _results(policy: Policy, subject: Subject, evidence: Evidence, now: datetime) -> Iterable[RuleResult]:
    if policy.allow_unsigned:
        yield RuleResult(
            policy=policy.name, rule=ALLOW_UNSIGNED, enforced=policy.mode is Mode.ENFORCE, required=True, satisfied=True
        )
    for rule in policy.rules:
        if applies(rule, subject):
            yield judge(policy, rule, evidence, now)


def _uncovered(policies: Sequence[Policy], subject: Subject) -> Finding | None:
    """Why nothing applies to this artifact, if so.

    A required rule that applies is enough: a signature vouches for the whole. Rules that ask for nothing must between
    them name every kind the artifact claims to be, else the pusher would choose its rule by adding a claim.
    """
    rules = [rule for policy in policies for rule in policy.rules if applies(rule, subject)]
    if any(policy.allow_unsigned for policy in policies) or any(
        rule.required and not rule.allow_unsigned for rule in rules
    ):
        return None
    free = frozenset(name for rule in rules if rule.allow_unsigned for name in rule.artifact_types or ())
    missed = [kind for kind in subject.kinds if not kind.names & free]
    if not missed and subject.kinds:
        return None
    names = ", ".join(sorted(name for kind in missed for name in kind.names))
    return Finding(
        reason=Reason.ARTIFACT_TYPE_NOT_COVERED,
        text=f"no rule of the policies that cover this repository is for artifacts of type {names}",
    )


def _conclude(
    subject: Subject,
    resolved: Resolved,
    results: tuple[RuleResult, ...],
    uncovered: Finding | None,
    now: datetime,
    until: datetime,
) -> Decision:
    """Combine: refusals before doubts, doubts before admission. The mode is applied here and nowhere else."""
    failing = [result for result in results if result.finding is not None]
    enforced = [result for result in failing if result.enforced]
    warnings = tuple(_told(result) for result in failing if not result.enforced)
    denials = [result for result in enforced if result.finding and result.finding.reason not in UNDETERMINED]
    if enforced:
        first = (denials or enforced)[0]
        return Decision(
            outcome=Outcome.DENY if denials else Outcome.UNDETERMINED,
            digest=subject.digest,
            valid_until=now + timedelta(seconds=DENY_TTL_SECONDS) if denials else now,
            finding=first.finding,
            policy=first.policy,
            description=next((policy.description for policy in resolved.policies if policy.name == first.policy), ""),
            rule=first.rule,
            cure=first.cure if denials else "",
            results=results,
            warnings=warnings,
        )
    if uncovered is not None:
        if any(policy.mode is Mode.ENFORCE for policy in resolved.policies):
            refusal = refuse(subject, uncovered, now, "ask the platform team for a rule for its type")
            return replace(refusal, results=results, warnings=warnings)
        warnings = (*warnings, f"would be denied: {uncovered.text}")
    return Decision(outcome=Outcome.ADMIT, digest=subject.digest, valid_until=until, results=results, warnings=warnings)


def _told(result: RuleResult) -> str:
    text = result.finding.text if result.finding else ""
    would = "would be denied by" if result.required else "not satisfied:"
    return f"{would} policy {result.policy}, rule {result.rule}: {text}"
