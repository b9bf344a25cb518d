"""One rule, judged against the evidence: which signatures count, and how near it came where they do not suffice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    Signer,
    VerifiedSignature,
)
from sealgate.policy.decision import Finding, RuleResult, Subject
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Mode, Policy, Rule, SignatureType

# From the nearest to being satisfied to the farthest: of several things that are wrong, people are told the one that
# is least work to mend. Reasons that are not here come last.
_NEAREST: Final = (
    Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET,
    Reason.THRESHOLD_NOT_MET,
    Reason.LOG_PROOF_MISSING,
    Reason.LOG_ENTRY_MISSING,
    Reason.TIMESTAMP_MISSING,
    Reason.SIGNED_IN_THE_FUTURE,
    Reason.KEY_OUTSIDE_VALIDITY,
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


def applies(rule: Rule, subject: Subject) -> bool:
    """Whether the rule is for this artifact: for one of the kinds it claims to be is enough."""
    return rule.artifact_types is None or any(kind.names & rule.artifact_types for kind in subject.kinds)


def wants_proof(rules: Iterable[Rule], signature: VerifiedSignature, now: datetime) -> bool:
    """Whether the log is to be asked for a signature's proof: that is all it lacks, and the rule lets it be fetched."""
    findings = (_weigh(signature, rule, now) for rule in rules if rule.fetches_proof)
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
        finding = _weigh(signature, rule, now)
        if finding is None:
            signers.add(signature.signer)
        else:
            findings.append(finding)
    findings.sort(key=lambda finding: (_RANK.get(finding.reason, len(_RANK)), finding.source, finding.text))
    names = tuple(sorted(_called(signer, rule) for signer in signers))
    if len({_person(signer) for signer in signers}) >= rule.threshold:
        return replace(result, satisfied=True, signers=names, findings=tuple(findings), cure="")
    return replace(result, signers=names, findings=tuple(findings), finding=_nearest(rule, names, findings, evidence))


def _person(signer: Signer) -> Signer:
    """Who a signer is when signers are counted: the same identity of the same issuer, whichever root vouched."""
    return replace(signer, trusted_root="") if isinstance(signer, KeylessSigner) else signer


def _rejected(bad: RejectedCandidate, rule: Rule) -> Finding:
    # Which key would do is the rule's to say: the verifier knows only that none of all the policies' keys does.
    expected = f", expected {_expected(rule)}" if bad.reason is Reason.KEY_NOT_TRUSTED else ""
    return Finding(reason=bad.reason, text=bad.detail + expected, source=str(bad.source))


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
    return Finding(reason=Reason.SIGNATURE_MISSING, text=f"no signature found, expected {_expected(rule)}")


def _weigh(signature: VerifiedSignature, rule: Rule, now: datetime) -> Finding | None:
    """None when this signature counts towards the rule, else what it lacks."""
    source = str(signature.source)
    match signature.signer:
        case KeySigner(fingerprint):
            named = [wanted for wanted in rule.alternatives
                     if isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == fingerprint]  # fmt: skip
            if not named:
                return Finding(
                    reason=Reason.KEY_NOT_TRUSTED,
                    text=f"signed with another key, expected {_expected(rule)}",
                    source=source,
                )
            # Every time that somebody vouched for; where nobody did, the key must be good today (attacks A7).
            times = signature.signed_at or (now,)
            if not any(all(wanted.allows(moment) for moment in times) for wanted in named):
                when = " and ".join(f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in signature.signed_at)
                text = f"signed {when or 'at a time that nobody vouches for'} with key {_windowed(named)}"
                return Finding(reason=Reason.KEY_OUTSIDE_VALIDITY, text=text, source=source)
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
        text=f"signed by {_keyless(signer.identity, signer.issuer, signer.trusted_root)}, expected {_expected(rule)}",
    )


def _expected(rule: Rule) -> str:
    told = [
        f"key {wanted.name}"
        if isinstance(wanted, KeyRequirement)
        else _keyless(wanted.identity.text, wanted.issuer.text, wanted.trusted_root)
        for wanted in rule.alternatives
    ]
    return told[0] if len(told) == 1 else f"one of {', '.join(told)}"


def _called(signer: Signer, rule: Rule) -> str:
    if isinstance(signer, KeylessSigner):
        return _keyless(signer.identity, signer.issuer, signer.trusted_root)
    return next(
        f"key {wanted.name}"
        for wanted in rule.alternatives
        if isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == signer.fingerprint
    )


def _windowed(named: Sequence[KeyRequirement]) -> str:
    told = [
        f"{wanted.name}, which counts"
        + (f" from {wanted.not_before:%Y-%m-%d %H:%M:%S} UTC" if wanted.not_before else "")
        + (f" until {wanted.not_after:%Y-%m-%d %H:%M:%S} UTC" if wanted.not_after else "")
        for wanted in named
    ]
    return " or ".join(told)


def _keyless(identity: str, issuer: str, trusted_root: str) -> str:
    root = "" if trusted_root == "default" else f", trusted root {trusted_root}"
    return f"{identity} (issuer {issuer}{root})"


def _command(rule: Rule) -> str:
    """What would satisfy the rule, for the first of its alternatives."""
    first = rule.alternatives[0] if rule.alternatives else None
    if isinstance(first, KeyRequirement):
        return f"sign it with `cosign sign --key {first.sign_with or f'<private key of {first.name}>'} {{reference}}`"
    return "sign it with `cosign sign {reference}`"
