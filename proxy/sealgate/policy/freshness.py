"""How fresh a signature must be: `max_age` and `min_signed_at` (attacks A25).

A signature was made at the latest at the earliest time that a log or a timestamp authority vouches for: that time
counts, so that a further timestamp makes no old signature young. What nobody vouches for is not fresh.
"""

from datetime import datetime, timedelta

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import VerifiedSignature
from sealgate.policy.decision import Finding
from sealgate.policy.model import Rule
from sealgate.policy.moments import told


def stale(rule: Rule, signature: VerifiedSignature, now: datetime) -> Finding | None:
    """Why a signature is not fresh enough for a rule; None when it is."""
    if rule.max_age is None and rule.min_signed_at is None:
        return None
    if not signature.signed_at:
        text = "nobody vouches for when it was signed, and the rule asks for a fresh signature"
        return Finding(reason=Reason.SIGNATURE_TOO_OLD, text=text)
    signed = min(signature.signed_at)
    if rule.min_signed_at is not None and signed < rule.min_signed_at:
        text = f"signed {told(signed)}, expected {told(rule.min_signed_at)} or later"
        return Finding(reason=Reason.SIGNATURE_TOO_OLD, text=text)
    if rule.max_age is not None and now - signed >= rule.max_age:
        text = f"signed {told(signed)}, expected not longer ago than {spoken(rule.max_age)}"
        return Finding(reason=Reason.SIGNATURE_TOO_OLD, text=text)
    return None


def end(signature: VerifiedSignature, max_age: timedelta) -> datetime:
    """When a signature that is fresh enough is too old."""
    return min(signature.signed_at) + max_age


def spoken(length: timedelta) -> str:
    """A length of time in the largest unit that it is a multiple of."""
    count, unit = length // timedelta(minutes=1), "minute"
    for size, larger in ((60, "hour"), (24, "day")):
        if count % size:
            break
        count, unit = count // size, larger
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
