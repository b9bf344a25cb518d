"""What a policy denies by name, whatever else is true of it: digests, and what certain signers signed (attacks A25).

A signer's word that must not be trusted any more makes all that it vouched for suspect, also what somebody else signed
besides: so one signature of theirs that verifies is enough. And where what there is could not be read, whether they
signed is not known: a doubt, whatever else satisfies. Not where there is more than is read: junk takes no admission
away.
"""

from collections.abc import Iterable
from typing import Final

from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import Evidence, KeylessSigner, Signer
from sealgate.policy.decision import Finding, RuleResult, Subject
from sealgate.policy.model import Denied, Policy

DENIED: Final = "denied"
"""What the result of what a policy denies is called, where a rule's name stands otherwise."""

# A signature whose log did not answer was read; of too many, cosign's tag and the likeliest referrers were.
_KNOWN_ALL_THE_SAME: Final = frozenset({Reason.LOG_UNAVAILABLE, Reason.EVIDENCE_TOO_MUCH})


def denials(policy: Policy, subject: Subject, evidence: Evidence) -> Iterable[RuleResult]:
    """What of this artifact the policy denies. The mode makes no difference: to name a thing is to mean it."""
    findings = sorted(_findings(policy.denied, subject, evidence), key=lambda one: (one.source, one.text))
    findings = findings or _doubts(policy.denied, evidence)
    if findings:
        yield RuleResult(
            policy=policy.name,
            rule=DENIED,
            enforced=True,
            required=True,
            satisfied=False,
            finding=findings[0],
            findings=tuple(findings),
            cure=policy.fix,
        )


def is_final(result: RuleResult) -> bool:
    """Whether a result is that of a denial, or of a doubt about one, which no index makes up for.

    A rule may be called `denied` too: where that is in doubt, so are the manifests that an index lists.
    """
    if result.finding is None:
        return False
    in_doubt = result.rule == DENIED and result.finding.reason in UNDETERMINED
    return in_doubt or result.finding.reason is Reason.DENIED_BY_POLICY


def _doubts(denied: Denied, evidence: Evidence) -> list[Finding]:
    """What leaves open whether somebody who is denied signed."""
    if not denied.names_signers:
        return []
    return [
        Finding(reason=one.reason, text=f"{one.detail}, and whoever the policy denies may have signed it")
        for one in evidence.shortfalls
        if one.reason not in _KNOWN_ALL_THE_SAME
    ]


def _findings(denied: Denied, subject: Subject, evidence: Evidence) -> Iterable[Finding]:
    if subject.digest in denied.digests:
        yield Finding(reason=Reason.DENIED_BY_POLICY, text="this digest is denied by name")
    for signature in (*evidence.signatures, *(attestation.fact for attestation in evidence.attestations)):
        if (who := _denied(denied, signature.signer)) is not None:
            text = f"it is signed {who}, and what they sign is denied"
            yield Finding(reason=Reason.DENIED_BY_POLICY, text=text, source=str(signature.source))


def _denied(denied: Denied, signer: Signer) -> str | None:
    """How a signer who is denied signed, for people; None for anybody else."""
    if isinstance(signer, KeylessSigner):
        return f"by {signer.identity}" if any(one.matches(signer.identity) for one in denied.identities) else None
    names = sorted(wanted.name for wanted in denied.keys if wanted.key.fingerprint == signer.fingerprint)
    return f"with key {names[0]}" if names else None
