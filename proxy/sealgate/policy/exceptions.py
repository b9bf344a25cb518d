"""Exceptions: digests that pass a policy for a time, on somebody's word (design section 3, "break-glass").

One satisfies its own policy and no other; it stands in the decision, its log line and a `Warning`. An expired one is
nothing, but for a finding that says so.
"""

from dataclasses import replace

from sealgate.evidence.reason import CURABLE, Reason
from sealgate.policy.decision import Excepted, Finding, RuleResult
from sealgate.policy.model import Exemption, Policy
from sealgate.policy.moments import told


def excepted(policy: Policy, exemption: Exemption) -> Excepted:
    """The record of an exemption that is in force."""
    return Excepted(
        policy=policy.name,
        digest=exemption.digest,
        reason=exemption.reason,
        expires=exemption.expires,
        approved_by=exemption.approved_by,
    )


def expired(result: RuleResult, exemption: Exemption) -> RuleResult:
    """What a rule came to, with a finding that its policy's exemption is over.

    That is also why the rule is not satisfied, unless that cannot be known, or no signature could change it.
    """
    text = f"its exception ({exemption.reason}) expired {told(exemption.expires)}"
    finding = result.finding
    if finding is None or finding.reason not in CURABLE:
        over = Finding(reason=Reason.EXCEPTION_EXPIRED, text=text)
        return replace(result, findings=(*result.findings, over))
    over = Finding(reason=Reason.EXCEPTION_EXPIRED, text=f"{text}; {finding.text}")
    others = result.findings if finding in result.findings else (finding, *result.findings)
    return replace(result, finding=over, findings=others)
