"""One verified signature, weighed against one rule: whether it counts, and if not, what it lacks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeylessSigner, KeySigner, LogProof, Signer, VerifiedSignature
from sealgate.oci.naming import spelt
from sealgate.policy import freshness
from sealgate.policy.decision import Finding
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Rule
from sealgate.policy.moments import told
from sealgate.policy.predicate_types import short

_PROOFS: Final = {LogProof.NONE: 0, LogProof.PROMISE: 1, LogProof.INCLUSION: 2}


def weigh(signature: VerifiedSignature, rule: Rule, now: datetime) -> Finding | None:
    """None when this signature counts towards the rule, else what it lacks.

    That it lacks the log's proof is said last: the log is asked only for what would then count.
    """
    source = str(signature.source)
    if (other := _other_kind(signature, rule)) is not None:
        return Finding(reason=Reason.PREDICATE_TYPE_MISMATCH, text=other, source=source)
    match signature.signer:
        case KeySigner(fingerprint):
            named = [wanted for wanted in rule.alternatives
                     if isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == fingerprint]  # fmt: skip
            if not named:
                return Finding(
                    reason=Reason.KEY_NOT_TRUSTED,
                    text=f"signed with another key, expected {expected(rule)}",
                    source=source,
                )
            # Every time that somebody vouched for; where nobody did, the key must be good today (attacks A7).
            times = signature.signed_at or (now,)
            if not any(all(wanted.allows(moment) for moment in times) for wanted in named):
                when = " and ".join(told(moment) for moment in signature.signed_at)
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
    if rule.references is not None and spelt(signature.reference) not in rule.references:
        said = f"names {signature.reference}" if signature.reference else "names no repository"
        text = f"what was signed {said}, and the rule asks that it names this one"
        return Finding(reason=Reason.REFERENCE_MISMATCH, text=text, source=source)
    if (stale := freshness.stale(rule, signature, now)) is not None:
        return replace(stale, source=source)
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


def _other_kind(signature: VerifiedSignature, rule: Rule) -> str | None:
    """What it is, where the rule asks for something else: an attestation is no signature, nor one of another type."""
    if signature.stated is None:
        return "it is a signature, and the rule asks for an attestation" if rule.predicate_type else None
    if not rule.predicate_type:
        return f"an attestation of type {short(signature.stated.predicate_type)} is no signature"
    if signature.stated.predicate_type != rule.predicate_type:
        return f"an attestation of type {short(signature.stated.predicate_type)}, expected {short(rule.predicate_type)}"
    return None


def _mismatch(signer: KeylessSigner, rule: Rule) -> Finding | None:
    reason, claim = Reason.IDENTITY_MISMATCH, ""
    for wanted in rule.alternatives:
        if not isinstance(wanted, KeylessRequirement) or wanted.trusted_root != signer.trusted_root:
            continue
        identity, issuer = wanted.identity.matches(signer.identity), wanted.issuer.matches(signer.issuer)
        if identity and issuer:
            lacking = _claim(signer, wanted)
            if not lacking:
                return None
            claim = claim or lacking
        elif identity:
            reason = Reason.ISSUER_MISMATCH
    by = keyless(signer.identity, signer.issuer, signer.trusted_root)
    if claim:
        return Finding(reason=Reason.CLAIM_MISMATCH, text=f"signed by {by}, whose certificate says {claim}")
    if not any(isinstance(wanted, KeylessRequirement) for wanted in rule.alternatives):
        reason = Reason.KEY_NOT_TRUSTED
    return Finding(reason=reason, text=f"signed by {by}, expected {expected(rule)}")


def _claim(signer: KeylessSigner, wanted: KeylessRequirement) -> str:
    """The first claim that is not as it is asked for: what the certificate says of it, and what is expected."""
    for name, matcher in sorted(wanted.claims.items()):
        value = signer.claims.get(name)
        if value is None:  # never as an empty one: `*` would match that
            return f"nothing of {name}, expected {matcher.text}"
        if not matcher.matches(value):
            return f"{name} {value}, expected {matcher.text}"
    return ""


def expected(rule: Rule) -> str:
    """Who would satisfy the rule, for people."""
    names = [
        f"key {wanted.name}"
        if isinstance(wanted, KeyRequirement)
        else keyless(wanted.identity.text, wanted.issuer.text, wanted.trusted_root)
        for wanted in rule.alternatives
    ]
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def called(signer: Signer, rule: Rule) -> str:
    """What people call a signer who counts towards the rule."""
    if isinstance(signer, KeylessSigner):
        return keyless(signer.identity, signer.issuer, signer.trusted_root)
    return next(
        f"key {wanted.name}"
        for wanted in rule.alternatives
        if isinstance(wanted, KeyRequirement) and wanted.key.fingerprint == signer.fingerprint
    )


def _windowed(named: Sequence[KeyRequirement]) -> str:
    windows = [
        f"{wanted.name}, which counts"
        + (f" from {told(wanted.not_before)}" if wanted.not_before else "")
        + (f" until {told(wanted.not_after)}" if wanted.not_after else "")
        for wanted in named
    ]
    return " or ".join(windows)


def keyless(identity: str, issuer: str, trusted_root: str) -> str:
    """What people call the holder of a certificate."""
    root = "" if trusted_root == "default" else f", trusted root {trusted_root}"
    return f"{identity} (issuer {issuer}{root})"
