"""A policy as it is enforced: made by `policy.load` from a file, immutable, with nothing left to interpret."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import LogProof


class Mode(StrEnum):
    """What a policy's refusal does. `disabled` never gets here: such a policy is dropped when it is loaded."""

    ENFORCE = "enforce"
    WARN = "warn"


class Operation(StrEnum):
    """What a client does with an artifact."""

    PULL = "pull"
    PUSH = "push"


class SignatureType(StrEnum):
    """What kind of evidence a rule asks for."""

    COSIGN = "cosign"
    ATTESTATION = "attestation"
    GPG = "gpg"
    NOTATION = "notation"
    DCT = "dct"


class Unmatched(StrEnum):
    """What happens to a repository that no policy covers (settings)."""

    DENY = "deny"
    WARN = "warn"
    ADMIT = "admit"


class Matcher(Protocol):
    """A test of one string: an exact one, a glob or a regular expression; always of the whole string."""

    @property
    def text(self) -> str:
        """What the policy says, with captures filled in."""

    def matches(self, value: str) -> bool:
        """Whether the whole value is matched."""

    def fill(self, captures: Mapping[str, str]) -> "Matcher":
        """The same with each `{name}` replaced by what the repository's pattern captured, as literal text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessRequirement:
    """Signed with a certificate of this identity, issued on the word of this OIDC issuer."""

    identity: Matcher
    issuer: Matcher
    trusted_root: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequirement:
    """Signed with this key.

    Args:
        name: what to call the key: its name in the key ring, its file, or "inline key".
        sign_with: what stands after `cosign sign --key`, when the key ring says so; else "".
        not_before: from when on it may have signed; None is always.
        not_after: until when, that moment included; None is for ever (attacks A7).
    """

    name: str
    key: PublicKey
    sign_with: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None

    def allows(self, moment: datetime) -> bool:
        """Whether the key may have signed at that moment."""
        return (self.not_before is None or self.not_before <= moment) and (
            self.not_after is None or moment <= self.not_after
        )


Requirement: TypeAlias = KeylessRequirement | KeyRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a policy.

    Args:
        artifact_types: short names and media types it applies to; None is everything.
        alternatives: one of these satisfies it (or `threshold` distinct signers among them).
        log: the least proof of a transparency log entry that counts; `LogProof.NONE` asks for no entry.
        fetches_proof: whether a proof that a signature does not bring is fetched from the log.
        allow_unsigned: artifacts of `artifact_types` pass without a signature; then there are no alternatives.
        fix: the team's own words on what to do.
    """

    name: str
    signature_type: SignatureType = SignatureType.COSIGN
    required: bool = True
    artifact_types: frozenset[str] | None = None
    alternatives: tuple[Requirement, ...] = ()
    threshold: int = 1
    log: LogProof = LogProof.INCLUSION
    fetches_proof: bool = False
    allow_unsigned: bool = False
    fix: str = ""


class RepositoryPattern(Protocol):
    """A glob over canonical repository names, with `{captures}`."""

    @property
    def text(self) -> str:
        """What the policy says."""

    def capture(self, name: str) -> Mapping[str, str] | None:
        """What each capture stands for in this name; None when the pattern does not match it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy file.

    Args:
        tags: which tags it guards, on push only; () is all.
        allow_unsigned: anything may pass as far as this policy goes; then there are no rules.
    """

    name: str
    description: str = ""
    fix: str = ""
    mode: Mode = Mode.ENFORCE
    repositories: tuple[RepositoryPattern, ...]
    exclude_repositories: tuple[RepositoryPattern, ...] = ()
    operations: frozenset[Operation] = field(default_factory=lambda: frozenset(Operation))
    tags: tuple[Matcher, ...] = ()
    allow_unsigned: bool = False
    rules: tuple[Rule, ...] = ()

    def covers(self, repository: str, operation: Operation, tag: str | None) -> Mapping[str, str] | None:
        """What this policy's captures stand for where it covers the request; None where it does not.

        Args:
            repository: its canonical name.
            operation: pull or push.
            tag: the tag that a push would move. None: there is none, and a policy that guards some tags does not cover.
        """
        if operation not in self.operations:
            return None
        if any(pattern.capture(repository) is not None for pattern in self.exclude_repositories):
            return None
        if self.tags and (tag is None or not any(matcher.matches(tag) for matcher in self.tags)):
            return None
        for pattern in self.repositories:
            if (captures := pattern.capture(repository)) is not None:
                return captures
        return None

    @property
    def named_keys(self) -> tuple[KeyRequirement, ...]:
        """Every key that its rules name."""
        return tuple(
            wanted for rule in self.rules for wanted in rule.alternatives if isinstance(wanted, KeyRequirement)
        )

    def fill(self, captures: Mapping[str, str]) -> "Policy":
        """This policy with what was captured written into its requirements."""
        return replace(self, rules=tuple(_fill(rule, captures) for rule in self.rules)) if captures else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The policies that cover one request, by name, captures filled in.

    Args:
        digest: SHA-256 (hexadecimal) of all that can change a decision: policies, key material, `unmatched`.
    """

    policies: tuple[Policy, ...]
    unmatched: Unmatched
    digest: str

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """Every key that a rule names, each once, in a stable order."""
        found = {wanted.key.fingerprint: wanted.key for policy in self.policies for wanted in policy.named_keys}
        return tuple(found[fingerprint] for fingerprint in sorted(found))

    @property
    def asks_nothing(self) -> bool:
        """Whether nothing at all is asked of any artifact, so that a blob needs no manifest to vouch for it."""
        if not self.policies:
            return self.unmatched is not Unmatched.DENY
        return all(policy.allow_unsigned and not policy.rules for policy in self.policies)

    @property
    def needs_evidence(self) -> bool:
        """Whether any rule of them asks for a signature at all."""
        return any(not rule.allow_unsigned for policy in self.policies for rule in policy.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """All the policies in force: whole, or not at all."""

    policies: tuple[Policy, ...]
    unmatched: Unmatched = Unmatched.DENY

    def resolve(self, repository: str, operation: Operation, tag: str | None = None) -> Resolved:
        """The policies that cover this request."""
        covering = tuple(
            policy.fill(captures)
            for policy in sorted(self.policies, key=lambda policy: policy.name)
            if (captures := policy.covers(repository, operation, tag)) is not None
        )
        told = "\n".join(_canonical(policy) for policy in covering)
        return Resolved(
            policies=covering,
            unmatched=self.unmatched,
            digest=hashlib.sha256(f"{self.unmatched}\n{told}".encode()).hexdigest(),
        )

    def may_take(self, repository: str) -> bool:
        """Whether a push of some tag into this repository could end in an admission at all."""
        return self.unmatched is not Unmatched.DENY or any(
            Operation.PUSH in policy.operations
            and any(pattern.capture(repository) is not None for pattern in policy.repositories)
            and not any(pattern.capture(repository) is not None for pattern in policy.exclude_repositories)
            for policy in self.policies
        )

    @property
    def trusted_roots(self) -> frozenset[str]:
        """The names of the trusted roots that a rule needs for certificates."""
        return frozenset(
            wanted.trusted_root
            for policy in self.policies
            for rule in policy.rules
            for wanted in rule.alternatives
            if isinstance(wanted, KeylessRequirement)
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the whole set: what logs and health call it by."""
        told = "\n".join(
            f"{[p.text for p in policy.repositories]} {[p.text for p in policy.exclude_repositories]} "
            f"{sorted(policy.operations)} {[t.text for t in policy.tags]} {_canonical(policy)}"
            for policy in sorted(self.policies, key=lambda policy: policy.name)
        )
        return hashlib.sha256(f"{self.unmatched}\n{told}".encode()).hexdigest()


def _fill(rule: Rule, captures: Mapping[str, str]) -> Rule:
    return replace(
        rule,
        alternatives=tuple(
            replace(wanted, identity=wanted.identity.fill(captures), issuer=wanted.issuer.fill(captures))
            if isinstance(wanted, KeylessRequirement)
            else wanted
            for wanted in rule.alternatives
        ),
    )


def _canonical(policy: Policy) -> str:
    """Everything of a resolved policy that can change a decision or what is said about it."""
    rules = [
        (
            rule.name, rule.signature_type.value, rule.required, rule.allow_unsigned, rule.threshold,
            rule.log.value, rule.fetches_proof, rule.fix,
            None if rule.artifact_types is None else sorted(rule.artifact_types),
            [
                ("keyless", repr(wanted.identity), repr(wanted.issuer), wanted.trusted_root)
                if isinstance(wanted, KeylessRequirement)
                else (
                    "key", wanted.name, wanted.key.fingerprint, wanted.sign_with,
                    str(wanted.not_before), str(wanted.not_after),
                )
                for wanted in rule.alternatives
            ],
        )
        for rule in policy.rules
    ]  # fmt: skip
    return repr(
        (
            policy.name,
            policy.description,
            policy.fix,
            policy.mode.value,
            policy.allow_unsigned,
            rules,
        )
    )
