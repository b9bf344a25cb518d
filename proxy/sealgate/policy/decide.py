"""The decision: total, synchronous, deterministic. It picks among facts and establishes none.

Read `decide` from the top; each step below it is one sentence of design section 3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    Signer,
    VerifiedSignature,
)
from sealgate.limits import ADMIT_TTL_SECONDS, DENY_TTL_SECONDS
from sealgate.policy.decision import Decision, Finding, Outcome, RuleResult, Subject
from sealgate.policy.model import (
    KeylessRequirement,
    KeyRequirement,
    Mode,
    Policy,
    Resolved,
    Rule,
    SignatureType,
    Unmatched,
)

ALLOW_UNSIGNED: Final = "allow_unsigned"
"""What the result of a policy that lets anything pass is called, where a rule's name stands otherwise."""

# From the nearest to being satisfied to the farthest: of several things that are wrong, people are told the one that
# is least work to mend. Reasons that are not here come last.
_NEAREST: Final = (
    Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET,
    Reason.THRESHOLD_NOT_MET,
    Reason.LOG_PROOF_MISSING,
    Reason.LOG_ENTRY_MISSING,
    Reason.TIMESTAMP_MISSING,
    Reason.SIGNED_IN_THE_FUTURE,
    Reason.IDENTITY_MISMATCH,
    Reason.ISSUER_MISMATCH,
    Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY,
    Reason.LOG_ENTRY_MISMATCH,
    Reason.LOG_PROMISE_INVALID,
    Reason.LOG_PROOF_INVALID,
    Reason.LOG_CHECKPOINT_INVALID,
    Reason.TIMESTAMP_INVALID,
    Reason.CERTIFICATE_NOT_VALID_AT_SIGNING,
    Reason.SCT_INVALID,
    Reason.CERTIFICATE_CHAIN_UNTRUSTED,
    Reason.CERTIFICATE_INVALID,
    Reason.KEY_NOT_TRUSTED,
    Reason.SIGNATURE_INVALID,
    Reason.SUBJECT_MISMATCH,
    Reason.PREDICATE_TYPE_MISMATCH,
    Reason.PAYLOAD_TYPE_UNKNOWN,
    Reason.PAYLOAD_MALFORMED,
    Reason.CARRIER_MALFORMED,
)
_RANK: Final = {reason: rank for rank, reason in enumerate(_NEAREST)}
_PROOFS: Final = {LogProof.NONE: 0, LogProof.PROMISE: 1, LogProof.INCLUSION: 2}


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
    until = min(until, now + timedelta(seconds=admit_seconds))
    return _conclude(subject, resolved, results, _uncovered(resolved.policies, subject), now, until)


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
        if _applies(rule, subject):
            yield _result(policy, rule, evidence, now)


def _applies(rule: Rule, subject: Subject) -> bool:
    return rule.artifact_types is None or any(kind.names & rule.artifact_types for kind in subject.kinds)


def _uncovered(policies: Sequence[Policy], subject: Subject) -> Finding | None:
    """Why nothing applies to this artifact, if so.

    A required rule that applies is enough: a signature vouches for the whole. Rules that ask for nothing must between
    them name every kind the artifact claims to be, else the pusher would choose its rule by adding a claim.
    """
    rules = [rule for policy in policies for rule in policy.rules if _applies(rule, subject)]
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


def _result(policy: Policy, rule: Rule, evidence: Evidence, now: datetime) -> RuleResult:
    result = RuleResult(
        policy=policy.name,
        rule=rule.name,
        enforced=rule.required and policy.mode is Mode.ENFORCE,
        required=rule.required,
        satisfied=False,
        cure=rule.fix or policy.fix or _command(rule),
    )
    if rule.allow_unsigned:
        return replace(result, satisfied=True, cure="")
    if rule.signature_type is not SignatureType.COSIGN:
        return replace(
            result,
            finding=Finding(
                reason=Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET,
                text=f"it must carry a {rule.signature_type.value} signature, which cannot be checked yet",
            ),
            cure=rule.fix or policy.fix,
        )
    signers: set[Signer] = set()
    findings = [_rejected(bad, rule) for bad in evidence.rejected]
    for signature in evidence.signatures:
        finding = _weigh(signature, rule, now)
        if finding is None:
            signers.add(signature.signer)
        else:
            findings.append(finding)
    findings.sort(key=lambda finding: (_RANK.get(finding.reason, len(_RANK)), finding.source, finding.text))
    names = tuple(sorted(_called(signer, rule) for signer in signers))
    if len(signers) >= rule.threshold:
        return replace(result, satisfied=True, signers=names, findings=tuple(findings), cure="")
    return replace(result, signers=names, findings=tuple(findings), finding=_nearest(rule, names, findings, evidence))


def _rejected(bad: RejectedCandidate, rule: Rule) -> Finding:
    # Which key would do is the rule's to say: the verifier knows only that none of all the policies' keys does.
    expected = f", expected {_expected(rule)}" if bad.reason is Reason.KEY_NOT_TRUSTED else ""
    return Finding(reason=bad.reason, text=bad.detail + expected, source=str(bad.source))


def _nearest(rule: Rule, signers: tuple[str, ...], findings: Sequence[Finding], evidence: Evidence) -> Finding:
    if evidence.shortfalls:  # something was not read: what was read does not satisfy, but it is not all there is
        shortfall = evidence.shortfalls[0]
        return Finding(reason=shortfall.reason, text=shortfall.detail)
    if signers:
        return Finding(
            reason=Reason.THRESHOLD_NOT_MET,
            text=f"signed by {', '.join(signers)} only, {rule.threshold} distinct signers are asked for",
        )
    if findings:
        return findings[0]
    return Finding(reason=Reason.SIGNATURE_MISSING, text=f"no signature found, expected {_expected(rule)}")


def _weigh(signature: VerifiedSignature, rule: Rule, now: datetime) -> Finding | None:
    """None when this signature counts towards the rule, else what it lacks."""
    source = str(signature.source)
    match signature.signer:
        case KeySigner(fingerprint):
            if not any(isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == fingerprint
                       for wanted in rule.alternatives):  # fmt: skip
                return Finding(
                    reason=Reason.KEY_NOT_TRUSTED,
                    text=f"signed with another key, expected {_expected(rule)}",
                    source=source,
                )
        case KeylessSigner():
            mismatch = _mismatch(signature.signer, rule)
            if mismatch is not None:
                return replace(mismatch, source=source)
            if not signature.signed_at:  # a short-lived certificate says nothing without a time (attacks A3)
                return Finding(
                    reason=Reason.TIMESTAMP_MISSING, text="nobody vouches for when it was signed", source=source
                )
    if any(moment > now for moment in signature.signed_at):  # attacks A5
        return Finding(reason=Reason.SIGNED_IN_THE_FUTURE, text="its signing time is in the future", source=source)
    if _PROOFS[signature.log] < _PROOFS[rule.log]:
        if signature.log is LogProof.NONE:
            return Finding(
                reason=Reason.LOG_ENTRY_MISSING,
                text="the signature has no transparency log entry, and the rule asks for one",
                source=source,
            )
        return Finding(
            reason=Reason.LOG_PROOF_MISSING,
            text="its log entry comes with the log's promise only, and the rule asks for an inclusion proof",
            source=source,
        )
    return None


def _mismatch(signer: KeylessSigner, rule: Rule) -> Finding | None:
    reason = Reason.IDENTITY_MISMATCH
    for wanted in rule.alternatives:
        if not isinstance(wanted, KeylessRequirement) or wanted.trusted_root != signer.trusted_root:
            continue
        identity, issuer = wanted.identity.matches(signer.identity), wanted.issuer.matches(signer.issuer)
        if identity and issuer:
            return None
        if identity:
            reason = Reason.ISSUER_MISMATCH
    if not any(isinstance(wanted, KeylessRequirement) for wanted in rule.alternatives):
        reason = Reason.KEY_NOT_TRUSTED
    return Finding(
        reason=reason,
        text=f"signed by {signer.identity} (issuer {signer.issuer}), expected {_expected(rule)}",
    )


def _expected(rule: Rule) -> str:
    told = [
        f"key {wanted.name}"
        if isinstance(wanted, KeyRequirement)
        else f"{wanted.identity.text} (issuer {wanted.issuer.text})"
        for wanted in rule.alternatives
    ]
    return told[0] if len(told) == 1 else f"one of {', '.join(told)}"


def _called(signer: Signer, rule: Rule) -> str:
    if isinstance(signer, KeylessSigner):
        return f"{signer.identity} (issuer {signer.issuer})"
    return next(
        f"key {wanted.name}"
        for wanted in rule.alternatives
        if isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == signer.fingerprint
    )


def _command(rule: Rule) -> str:
    """What would satisfy the rule, for the first of its alternatives."""
    first = rule.alternatives[0] if rule.alternatives else None
    if isinstance(first, KeyRequirement):
        return f"sign it with `cosign sign --key {first.sign_with or f'<private key of {first.name}>'} {{reference}}`"
    return "sign it with `cosign sign {reference}`"


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
