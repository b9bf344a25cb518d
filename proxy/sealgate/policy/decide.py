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
from sealgate.oci.digest import Digest
from sealgate.policy.decision import Decision, Excepted, Finding, Outcome, RuleResult, Subject
from sealgate.policy.denied import denials
from sealgate.policy.exceptions import excepted, expired
from sealgate.policy.model import Mode, Policy, Resolved, Unmatched
from sealgate.policy.rules import applies, judge, rests_until

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
    # What is denied comes first: nothing else is said of it, and nothing makes up for it.
    results = [result for policy in resolved.policies for result in denials(policy, subject, evidence)]
    exceptions: list[Excepted] = []
    for policy in resolved.policies:
        judged = _results(policy, subject, evidence, now)
        exemption = policy.exemption(subject.digest)
        if exemption is None:
            results.extend(judged)
        elif exemption.expires <= now:
            results.extend(expired(result, exemption) for result in judged)
        else:
            results.extend(replace(result, satisfied=True, finding=None, cure="") for result in judged)
            exceptions.append(excepted(policy, exemption))
    until = now + timedelta(seconds=admit_seconds)
    until = min([until, *_ends(resolved, subject, evidence, now), *(one.expires for one in exceptions)])
    uncovered = None if exceptions else _uncovered(resolved.policies, subject)
    return conclude(subject.digest, resolved, tuple(results), uncovered, now, until, tuple(exceptions))


def _ends(resolved: Resolved, subject: Subject, evidence: Evidence, now: datetime) -> Iterable[datetime]:
    """When a fact on which the decision may rest stops being one."""
    for signature in (*evidence.signatures, *(attestation.fact for attestation in evidence.attestations)):
        if signature.expires is not None:
            yield signature.expires
    for attestation in evidence.attestations:
        for verdict in attestation.verdicts.values():
            if verdict.expires is not None:
                yield verdict.expires
    for policy in resolved.policies:
        for wanted in policy.named_keys:  # what a key signed at an unknown time counts until the key ends
            if wanted.not_after is not None and wanted.not_after >= now:
                yield wanted.not_after
        for rule in policy.rules:
            if applies(rule, subject) and (end := rests_until(rule, evidence, now)) is not None:
                yield end


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


def conclude(
    digest: Digest,
    resolved: Resolved,
    results: tuple[RuleResult, ...],
    uncovered: Finding | None,
    now: datetime,
    until: datetime,
    exceptions: tuple[Excepted, ...] = (),
) -> Decision:
    """Combine: refusals before doubts, doubts before admission. The mode is applied here and nowhere else.

    Args:
        digest: what the decision is about.
        resolved: the policies that cover the request.
        results: what their rules came to.
        uncovered: why no rule applies, if so.
        now: the time of the decision.
        until: when what the results rest on ends.
        exceptions: those that are in force.
    """
    failing = [(result, result.finding) for result in results if result.finding is not None]
    enforced = [(result, finding) for result, finding in failing if result.enforced]
    warned = (_told(result, finding) for result, finding in failing if not result.enforced)
    warnings = (*map(str, exceptions), *warned)
    denials = [(result, finding) for result, finding in enforced if finding.reason not in UNDETERMINED]
    if enforced:
        first, nearest = (denials or enforced)[0]
        return Decision(
            outcome=Outcome.DENY if denials else Outcome.UNDETERMINED,
            digest=digest,
            valid_until=min(until, now + timedelta(seconds=DENY_TTL_SECONDS)) if denials else now,
            finding=nearest,
            policy=first.policy,
            description=next((policy.description for policy in resolved.policies if policy.name == first.policy), ""),
            rule=first.rule,
            cure=first.cure if denials else "",
            results=results,
            warnings=warnings,
            exceptions=exceptions,
        )
    if uncovered is not None:
        if any(policy.mode is Mode.ENFORCE for policy in resolved.policies):
            subject = Subject(digest=digest, kinds=())
            refusal = refuse(subject, uncovered, now, "ask the platform team for a rule for its type")
            return replace(refusal, results=results, warnings=warnings)
        warnings = (*warnings, f"would be denied: {uncovered.text}")
    return Decision(
        outcome=Outcome.ADMIT,
        digest=digest,
        valid_until=until,
        results=results,
        warnings=warnings,
        exceptions=exceptions,
    )


def _told(result: RuleResult, finding: Finding) -> str:
    would = "would be denied by" if result.required else "not satisfied:"
    return f"{would} policy {result.policy}, rule {result.rule}: {finding.text}"
