"""One rule, judged against the evidence: which signatures count, and how near it came where they do not suffice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sealgate.evidence.predicate import PredicateTest
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    RejectedCandidate,
    Signer,
    Source,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.policy import freshness
from sealgate.policy.decision import Finding, RuleResult, Subject
from sealgate.policy.model import KeyRequirement, Mode, Policy, Rule, SignatureType
from sealgate.policy.predicate_types import short
from sealgate.policy.weigh import called, expected, weigh

# From the nearest to being satisfied to the farthest: of several things that are wrong, people are told the one that
# is least work to mend. Reasons that are not here come last.
_NEAREST: Final = (
    Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET,
    Reason.THRESHOLD_NOT_MET,
    Reason.CONDITION_FALSE,
    Reason.CONDITION_ERROR,
    Reason.PREDICATE_REJECTED,
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
_CHECKED: Final = frozenset({SignatureType.COSIGN, SignatureType.ATTESTATION})
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
    if rule.signature_type not in _CHECKED:
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
    for fact, finding in _weighed(rule, evidence, now):
        if finding is None:
            signers.add(fact.signer)
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
    for fact, finding in _weighed(rule, evidence, now):
        if finding is None:
            person, end = _person(fact.signer), freshness.end(fact, rule.max_age)
            ends[person] = max(ends.get(person, end), end)
    lasting = sorted(ends.values(), reverse=True)
    return lasting[rule.threshold - 1] if len(lasting) >= rule.threshold else None


def counting(rules: Iterable[Rule], evidence: Evidence, now: datetime) -> frozenset[Source]:
    """Which signatures and attestations count towards any of these rules, alone or with others."""
    return frozenset(fact.source for _, fact in _counting(rules, evidence, now))


def standing(rules: Iterable[Rule], evidence: Evidence, now: datetime) -> frozenset[tuple[int, object]]:
    """Who counts towards which of these rules, by its place among them; by whichever of his signatures."""
    return frozenset((place, _person(fact.signer)) for place, fact in _counting(rules, evidence, now))


def _counting(rules: Iterable[Rule], evidence: Evidence, now: datetime) -> Iterable[tuple[int, VerifiedSignature]]:
    for place, rule in enumerate(rules):
        if not rule.allow_unsigned and rule.signature_type in _CHECKED:
            yield from ((place, fact) for fact, finding in _weighed(rule, evidence, now) if finding is None)


def _weighed(rule: Rule, evidence: Evidence, now: datetime) -> Iterable[tuple[VerifiedSignature, Finding | None]]:
    """What may count towards the rule, and what each lacks. An attestation must satisfy all that is asked at once."""
    if not rule.predicate_type:
        yield from ((signature, weigh(signature, rule, now)) for signature in evidence.signatures)
    for attestation in evidence.attestations:
        fact = attestation.fact
        yield fact, weigh(fact, rule, now) or _unproven(attestation, rule)


def _unproven(attestation: VerifiedAttestation, rule: Rule) -> Finding | None:
    """What the predicate lacks. A test that was not asked, or not answered in time, is a doubt."""
    source = str(attestation.fact.source)
    if rule.predicate == PredicateTest():
        return None
    verdict = attestation.verdicts.get(rule.predicate)
    if verdict is None:
        return Finding(reason=Reason.VERIFICATION_TIMEOUT, text="its predicate was not looked at", source=source)
    return None if verdict.reason is None else Finding(reason=verdict.reason, text=verdict.text, source=source)


def _person(signer: Signer) -> Signer:
    """Who a signer is when signers are counted: the same identity of the same issuer, whichever root vouched."""
    return replace(signer, trusted_root="") if isinstance(signer, KeylessSigner) else signer


def _rejected(bad: RejectedCandidate, rule: Rule) -> Finding:
    if bad.attested and not rule.predicate_type:
        text = "an attestation is no signature"
        return Finding(reason=Reason.PREDICATE_TYPE_MISMATCH, text=text, source=str(bad.source))
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
    doubt = next((finding for finding in findings if finding.reason in UNDETERMINED), None)
    if doubt is not None:
        return doubt
    if signers:
        return Finding(
            reason=Reason.THRESHOLD_NOT_MET,
            text=f"signed by {', '.join(signers)} only, {rule.threshold} distinct signers are asked for",
        )
    if findings:
        return findings[0]
    if rule.predicate_type:
        text = f"no attestation of type {short(rule.predicate_type)} found, expected one by {expected(rule)}"
        return Finding(reason=Reason.ATTESTATION_MISSING, text=text)
    return Finding(reason=Reason.SIGNATURE_MISSING, text=f"no signature found, expected {expected(rule)}")


def _command(rule: Rule) -> str:
    """What would satisfy the rule, for the first of its alternatives."""
    first = rule.alternatives[0] if rule.alternatives else None
    key = ""
    if isinstance(first, KeyRequirement):
        key = f"--key {first.sign_with or f'<private key of {first.name}>'} "
    if rule.predicate_type:
        asked = f"--type {short(rule.predicate_type)} --predicate <file>"
        return f"have it attested with `cosign attest {asked} {key}{{reference}}`"
    return f"sign it with `cosign sign {key}{{reference}}`"
