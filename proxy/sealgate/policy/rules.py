"""One rule, judged against the evidence: which signatures count, and how near it came where they do not suffice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence, KeylessSigner, RejectedCandidate, Signer, VerifiedSignature
from sealgate.policy import freshness
from sealgate.policy.decision import Finding, RuleResult, Subject
from sealgate.policy.model import KeyRequirement, Mode, Policy, Rule, SignatureType
from sealgate.policy.weigh import called, expected, weigh

# From the nearest to being satisfied to the farthest: of several things that are wrong, people are told the one that
# is least work to mend. Reasons that are not here come last.
_NEAREST: Final = (
    Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET,
    Reason.THRESHOLD_NOT_MET,
    Reason.LOG_PROOF_MISSING,
    Reason.LOG_ENTRY_MISSING,
    Reason.TIMESTAMP_MISSING,
    Reason.SIGNATURE_TOO_OLD,
    Reason.REFERENCE_MISMATCH,
    Reason.SIGNED_IN_THE_FUTURE,
    Reason.KEY_OUTSIDE_VALIDITY,
    Reason.CLAIM_MISMATCH,
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


def applies(rule: Rule, subject: Subject) -> bool:
    """Whether the rule is for this artifact: for one of the kinds it claims to be is enough."""
    return rule.artifact_types is None or any(kind.names & rule.artifact_types for kind in subject.kinds)


def wants_proof(rules: Iterable[Rule], signature: VerifiedSignature, now: datetime) -> bool:
    """Whether the log is to be asked for a signature's proof: that is all it lacks, and the rule lets it be fetched."""
    findings = (weigh(signature, rule, now) for rule in rules if rule.fetches_proof)
    return any(finding is not None and finding.reason is Reason.LOG_PROOF_MISSING for finding in findings)


def judge(policy: Policy, rule: Rule, evidence: Evidence, now: datetime) -> RuleResult:
    """What one rule comes to.

    Args:
        policy: whose rule it is.
        rule: a rule that applies.
        evidence: what was found about the artifact.
        now: the time of the decision.
    """
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
        finding = weigh(signature, rule, now)
        if finding is None:
            signers.add(signature.signer)
        else:
            findings.append(finding)
    findings.sort(key=lambda one: (_RANK.get(one.reason, len(_RANK)), one.source, one.text, one.reason))
    names = tuple(sorted(called(signer, rule) for signer in signers))
    if len({_person(signer) for signer in signers}) >= rule.threshold:
        return replace(result, satisfied=True, signers=names, findings=tuple(findings), cure="")
    return replace(result, signers=names, findings=tuple(findings), finding=_nearest(rule, names, findings, evidence))


def rests_until(rule: Rule, evidence: Evidence, now: datetime) -> datetime | None:
    """When what satisfies the rule now is too old; None when that is never, or nothing does."""
    if rule.max_age is None:
        return None
    ends: dict[Signer, datetime] = {}
    for signature in evidence.signatures:
        if weigh(signature, rule, now) is None:
            person, end = _person(signature.signer), freshness.end(signature, rule.max_age)
            ends[person] = max(ends.get(person, end), end)
    lasting = sorted(ends.values(), reverse=True)
    return lasting[rule.threshold - 1] if len(lasting) >= rule.threshold else None


def _person(signer: Signer) -> Signer:
    """Who a signer is when signers are counted: the same identity of the same issuer, whichever root vouched."""
    return replace(signer, trusted_root="") if isinstance(signer, KeylessSigner) else signer


def _rejected(bad: RejectedCandidate, rule: Rule) -> Finding:
    # Which key would do is the rule's to say: the verifier knows only that none of all the policies' keys does.
    who = f", expected {expected(rule)}" if bad.reason is Reason.KEY_NOT_TRUSTED else ""
    return Finding(reason=bad.reason, text=bad.detail + who, source=str(bad.source))


def _nearest(rule: Rule, signers: tuple[str, ...], findings: Sequence[Finding], evidence: Evidence) -> Finding:
    # Something was not read: what was read does not satisfy, but it is not all there is. That a log did not answer says
    # something to the rules that ask it.
    for shortfall in evidence.shortfalls:
        if shortfall.reason is Reason.LOG_UNAVAILABLE and not rule.fetches_proof:
            continue
        return Finding(reason=shortfall.reason, text=shortfall.detail)
    if signers:
        return Finding(
            reason=Reason.THRESHOLD_NOT_MET,
            text=f"signed by {', '.join(signers)} only, {rule.threshold} distinct signers are asked for",
        )
    if findings:
        return findings[0]
    return Finding(reason=Reason.SIGNATURE_MISSING, text=f"no signature found, expected {expected(rule)}")


def _command(rule: Rule) -> str:
    """What would satisfy the rule, for the first of its alternatives."""
    first = rule.alternatives[0] if rule.alternatives else None
    if isinstance(first, KeyRequirement):
        return f"sign it with `cosign sign --key {first.sign_with or f'<private key of {first.name}>'} {{reference}}`"
    return "sign it with `cosign sign {reference}`"
