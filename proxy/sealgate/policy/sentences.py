"""What policies ask for, in sentences: what `policy explain` tells people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sealgate.evidence.signature import LogProof
from sealgate.policy.freshness import spoken
from sealgate.policy.model import (
    Denied,
    Exemption,
    KeylessRequirement,
    Mode,
    OnUnsignedPush,
    Operation,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    SignatureType,
    Unmatched,
)
from sealgate.policy.moments import told
from sealgate.policy.predicate_types import short

_UNMATCHED: Final = {
    Unmatched.DENY: "it is denied",
    Unmatched.WARN: "it is let through, with a warning",
    Unmatched.ADMIT: "it is let through",
}
_LOGS: Final = {
    LogProof.INCLUSION: "the transparency log must prove that it holds the signature",
    LogProof.PROMISE: "the transparency log's promise is enough",
    LogProof.NONE: "no transparency log is asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one policy asks for, in sentences.

    Args:
        tags: which tags of a push it guards; () is all.
        captures: what its captures stand for in this repository.
        rules: each rule's name, and what it asks for.
        further: what else there is to know.
    """

    policy: str
    description: str
    tags: tuple[str, ...]
    captures: Mapping[str, str]
    rules: tuple[tuple[str, str], ...]
    further: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is asked of one operation in one repository.

    Args:
        covering: the policies that cover it: all of them must be satisfied.
        further: what becomes of what no policy or rule covers, and which policies except this repository.
    """

    operation: Operation
    covering: tuple[Told, ...]
    further: tuple[str, ...]


def explain(policies: PolicySet, repository: str, operation: Operation) -> Explanation:
    """What is asked of an operation in a repository.

    Args:
        policies: all that are in force.
        repository: its canonical name.
        operation: pull or push; a push of any tag.
    """
    anywhere = PolicySet(
        policies=tuple(replace(policy, tags=()) for policy in policies.policies),
        unmatched=policies.unmatched,
        names=policies.names,
    )
    tags = {policy.name: tuple(matcher.text for matcher in policy.tags) for policy in policies.policies}
    captured = {policy.name: policy.covers(repository, operation, None) or {} for policy in anywhere.policies}
    resolved = anywhere.resolve(repository, operation).policies
    covering = tuple(_told(policy, tags[policy.name], captured[policy.name]) for policy in resolved)
    further = [*_uncovered(resolved, tags, policies.unmatched, operation), *_excluding(policies, repository, operation)]
    return Explanation(operation=operation, covering=covering, further=tuple(further))


def _told(policy: Policy, tags: tuple[str, ...], captures: Mapping[str, str]) -> Told:
    rules = [(rule.name, rule_told(rule)) for rule in policy.rules]
    if policy.allow_unsigned:
        rules = [("allow_unsigned", "anything may pass, as far as this policy goes")]
    further = [_exempted(one) for one in policy.exemptions]
    if policy.denied != Denied():
        further.append(f"denied, whatever else is true: {', '.join(_denied(policy.denied))}")
    if policy.mode is Mode.WARN:
        further.append(
            "mode: warn: what it would deny is told and let through"
            + (", but for what is denied by name" if policy.denied != Denied() else "")
        )
    if policy.immutable_tags:
        further.append(
            f"tags that never move once they are admitted: {_or([tag.text for tag in policy.immutable_tags])}"
        )
    if policy.on_unsigned_push is OnUnsignedPush.HOLD:
        further.append("a push that lacks nothing but a signature is held: its tag moves once the signature has come")
    return Told(
        policy=policy.name,
        description=policy.description,
        tags=tags,
        captures=dict(captures),
        rules=tuple(rules),
        further=tuple(further),
    )


def rule_told(rule: Rule) -> str:
    """What a rule asks for, in a sentence without its full stop."""
    what = _types(rule.artifact_types)
    if rule.allow_unsigned:
        return f"{what} may pass without a signature"
    if rule.signature_type not in (SignatureType.COSIGN, SignatureType.ATTESTATION):
        kind = rule.signature_type.value
        return f"{what} must carry a {kind} signature, which cannot be checked yet: they are denied"
    carried = f"must carry an attestation of type {short(rule.predicate_type)} signed by"
    told_of = [f"{what} {carried if rule.predicate_type else 'must be signed by'} {_whose(rule)}", *_conditions(rule)]
    if not rule.required:
        told_of.append("not required: where this fails, it is only warned of")
    return "; ".join(told_of)


def _types(types: frozenset[str] | None) -> str:
    if types is None:
        return "all artifacts"
    images = types & {"docker", "oci"}
    others = sorted(types - images)
    named = (["images"] if images else []) + ([f"artifacts of type {_or(others)}"] if others else [])
    return " and ".join(named)


def _whose(rule: Rule) -> str:
    names = [_requirement(one) for one in rule.alternatives]
    if rule.threshold > 1:
        return f"{rule.threshold} distinct signers of: {', '.join(names)}"
    return names[0] if len(names) == 1 else f"one of: {', '.join(names)}"


def _requirement(wanted: Requirement) -> str:
    if isinstance(wanted, KeylessRequirement):
        root = "" if wanted.trusted_root == "default" else f", trusted root {wanted.trusted_root}"
        claims = "".join(f", {name} {matcher.text}" for name, matcher in sorted(wanted.claims.items()))
        return f"{wanted.identity.text} (issuer {wanted.issuer.text}{root}{claims})"
    window = (f" from {told(wanted.not_before)}" if wanted.not_before else "") + (
        f" until {told(wanted.not_after)}" if wanted.not_after else ""
    )
    return f"key {wanted.name}" + (f" (counts{window})" if window else "")


def _conditions(rule: Rule) -> Iterator[str]:
    yield _LOGS[rule.log] + (", and is asked for the proof where a signature brings none" if rule.fetches_proof else "")
    if rule.predicate.schema:
        yield "its predicate must fit the rule's schema"
    yield from (f"its predicate must satisfy {' '.join(text.split())}" for text in rule.predicate.conditions)
    if rule.max_age is not None:
        yield f"signed not longer ago than {spoken(rule.max_age)}"
    if rule.min_signed_at is not None:
        yield f"signed {told(rule.min_signed_at)} or later"
    if rule.references is not None:
        yield "what was signed must name this repository"
    if not rule.covers_children:
        yield "each platform's manifest is signed itself: a signed index does not cover what it lists"


def _exempted(one: Exemption) -> str:
    by = f", approved by {one.approved_by}" if one.approved_by else ""
    return f"exception: {one.digest} passes this policy until {told(one.expires)} ({one.reason}{by})"


def _denied(denied: Denied) -> Iterator[str]:
    yield from sorted(str(digest) for digest in denied.digests)
    yield from sorted(matcher.text for matcher in denied.identities)
    yield from sorted({f"key {wanted.name}" for wanted in denied.keys})


def _uncovered(
    covering: Iterable[Policy], tags: Mapping[str, tuple[str, ...]], unmatched: Unmatched, operation: Operation
) -> Iterator[str]:
    """What becomes of what nothing is said about."""
    always = [policy for policy in covering if not tags[policy.name]]
    if not always:
        what = f"a {operation.value}" + (" of any other tag" if list(covering) else "")
        yield f"no policy covers {what}: {_UNMATCHED[unmatched]} (unmatched: {unmatched.value})"
        return
    if any(policy.allow_unsigned for policy in always):
        return
    rules = [rule for policy in always for rule in policy.rules if rule.required or rule.allow_unsigned]
    if any(rule.artifact_types is None for rule in rules):
        return
    types = frozenset(name for rule in rules for name in rule.artifact_types or ())
    denied = "denied" if any(policy.mode is Mode.ENFORCE for policy in always) else "warned of"
    yield f"artifacts that are {_none_of(types)} are {denied}: no rule is for them"


def _excluding(policies: PolicySet, repository: str, operation: Operation) -> Iterator[str]:
    """The policies that would cover it, but for what they say."""
    for policy in sorted(policies.policies, key=lambda policy: policy.name):
        if all(pattern.capture(repository) is None for pattern in policy.repositories):
            continue
        if operation not in policy.operations:
            judged = ", ".join(sorted(policy.operations))
            yield f"policy {policy.name} does not cover it: it is about operations: [{judged}]"
        for pattern in policy.exclude_repositories:
            if pattern.capture(repository) is not None:
                yield f"policy {policy.name} does not cover it: exclude_repositories has {pattern.text}"


def _none_of(types: frozenset[str]) -> str:
    images = bool(types & {"docker", "oci"})
    others = _or(sorted(types - {"docker", "oci"}))
    if images and others:
        return f"neither images nor of type {others}"
    return "no images" if images else f"not of type {others}"


def _or(names: list[str]) -> str:
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} or {names[-1]}"
