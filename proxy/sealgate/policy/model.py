"""A policy as it is enforced: made by `policy.load` from a file, immutable, with nothing left to interpret."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from sealgate.errors import ReferenceMalformed
from sealgate.evidence.keys import PublicKey
from sealgate.oci.digest import Digest
from sealgate.oci.naming import Names
from sealgate.oci.reference import Repository
from sealgate.policy.repositories import RepositoryGlob
from sealgate.policy.rule import Denied as Denied
from sealgate.policy.rule import Exemption as Exemption
from sealgate.policy.rule import KeylessRequirement as KeylessRequirement
from sealgate.policy.rule import KeyRequirement as KeyRequirement
from sealgate.policy.rule import Matcher as Matcher
from sealgate.policy.rule import Requirement as Requirement
from sealgate.policy.rule import Rule as Rule
from sealgate.policy.rule import SignatureType as SignatureType


class Mode(StrEnum):
    """What a policy's refusal does. `disabled` never gets here: such a policy is dropped when it is loaded."""

    ENFORCE = "enforce"
    WARN = "warn"


class OnUnsignedPush(StrEnum):
    """What becomes of a push by tag that lacks nothing but a signature (design section 6)."""

    REJECT = "reject"
    HOLD = "hold"


class Operation(StrEnum):
    """What a client does with an artifact."""

    PULL = "pull"
    PUSH = "push"


class Unmatched(StrEnum):
    """What happens to a repository that no policy covers (settings)."""

    DENY = "deny"
    WARN = "warn"
    ADMIT = "admit"


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
        exemptions: digests that its rules ask nothing of, for a time.
        denied: what it admits under no condition, whatever its mode.
        on_unsigned_push: what becomes of a push that comes before its signature.
        immutable_tags: which tags never move to something else.
        signature_repository: where signatures are besides the artifact's own repository; None: nowhere else.
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
    exemptions: tuple[Exemption, ...] = ()
    denied: Denied = field(default_factory=Denied)
    on_unsigned_push: OnUnsignedPush = OnUnsignedPush.REJECT
    immutable_tags: tuple[Matcher, ...] = ()
    signature_repository: Matcher | None = None

    def covers(self, repository: str, operation: Operation, tag: str | None) -> Mapping[str, str] | None:
        """What this policy's captures stand for where it covers the request; None where it does not.

        Args:
            repository: its canonical name.
            operation: pull or push.
            tag: the tag that a push would move. None: there is none, and a policy that guards some tags does not cover.
        """
        if operation not in self.operations:
            return None
        if self.tags and (tag is None or not any(matcher.matches(tag) for matcher in self.tags)):
            return None
        return self.captures(repository)

    def captures(self, repository: str) -> Mapping[str, str] | None:
        """What its captures stand for in a repository that it is for; None in any other."""
        if any(pattern.capture(repository) is not None for pattern in self.exclude_repositories):
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

    def exemption(self, digest: Digest) -> Exemption | None:
        """The exemption of this digest that ends last, in force or not."""
        return max((one for one in self.exemptions if one.digest == digest), key=lambda one: one.expires, default=None)

    def fill(self, captures: Mapping[str, str]) -> "Policy":
        """This policy with what was captured written into its requirements."""
        if not captures:
            return self
        elsewhere = self.signature_repository
        return replace(
            self,
            rules=tuple(rule.fill(captures) for rule in self.rules),
            signature_repository=None if elsewhere is None else elsewhere.fill(captures),
        )


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
    def rules(self) -> tuple[Rule, ...]:
        """Every rule of theirs."""
        return tuple(rule for policy in self.policies for rule in policy.rules)

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """Every key that a policy names or denies, each once, in a stable order."""
        found = {
            wanted.key.fingerprint: wanted.key
            for policy in self.policies
            for wanted in (*policy.named_keys, *policy.denied.keys)
        }
        return tuple(found[fingerprint] for fingerprint in sorted(found))

    @property
    def asks_nothing(self) -> bool:
        """Whether nothing at all is asked of any artifact, so that a blob needs no manifest to vouch for it."""
        if not self.policies:
            return self.unmatched is not Unmatched.DENY
        return all(policy.allow_unsigned and not policy.rules and policy.denied == Denied() for policy in self.policies)

    @property
    def signature_repositories(self) -> tuple[Repository, ...]:
        """Where signatures are looked for besides the artifact's own repository."""
        found: set[Repository] = set()
        for policy in self.policies:
            if policy.signature_repository is not None:
                # What was captured makes no name of it: then nothing can be there.
                with suppress(ReferenceMalformed):
                    found.add(Repository.parse(policy.signature_repository.text))
        return tuple(sorted(found))

    def immutable(self, tag: str) -> Policy | None:
        """The policy that forbids a tag to move to something else; None when none does."""
        return next(
            (
                policy
                for policy in self.policies
                if policy.mode is Mode.ENFORCE and any(matcher.matches(tag) for matcher in policy.immutable_tags)
            ),
            None,
        )

    @property
    def needs_evidence(self) -> bool:
        """Whether who signed matters to any of them at all."""
        return any(
            policy.denied.names_signers or any(not rule.allow_unsigned for rule in policy.rules)
            for policy in self.policies
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """All the policies in force: whole, or not at all.

    Args:
        policies: they.
        unmatched: what becomes of a repository that none of them covers.
        names: the registries behind the gate; where they are not known, no signature's reference names a repository.
    """

    policies: tuple[Policy, ...]
    unmatched: Unmatched = Unmatched.DENY
    names: Names | None = None

    def resolve(self, repository: str, operation: Operation, tag: str | None = None) -> Resolved:
        """The policies that cover this request."""
        return self._resolved(repository, [(one, one.covers(repository, operation, tag)) for one in self.policies])

    def concerning(self, repository: str) -> Resolved:
        """The policies to which a signature kept in this repository may matter, whatever the operation and the tag.

        Those too that look there for signatures on what is elsewhere (`signature_repository`).
        """
        return self._resolved(repository, [(one, _concerns(one, repository)) for one in self.policies])

    def _resolved(self, repository: str, found: Sequence[tuple[Policy, Mapping[str, str] | None]]) -> Resolved:
        filled = [policy.fill(captures) for policy, captures in found if captures is not None]
        covering = tuple(self._named(policy, repository) for policy in sorted(filled, key=lambda policy: policy.name))
        told = "\n".join(_canonical(policy) for policy in covering)
        return Resolved(
            policies=covering,
            unmatched=self.unmatched,
            digest=hashlib.sha256(f"{self.unmatched}\n{told}".encode()).hexdigest(),
        )

    def _named(self, policy: Policy, repository: str) -> Policy:
        """The policy with what references call this repository, in the rules that ask for it."""
        if self.names is None or all(rule.references is None for rule in policy.rules):
            return policy
        try:
            spellings = self.names.spellings(Repository(repository))
        except ReferenceMalformed:  # a name that no registry behind the gate has
            spellings = frozenset()
        return replace(
            policy,
            rules=tuple(
                rule if rule.references is None else replace(rule, references=spellings) for rule in policy.rules
            ),
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
        """The names of the trusted roots that certificates are judged by: those of the rules, and what is denied."""
        found = {
            wanted.trusted_root
            for policy in self.policies
            for rule in policy.rules
            for wanted in rule.alternatives
            if isinstance(wanted, KeylessRequirement)
        }
        return frozenset(found | {"default"} if any(policy.denied.identities for policy in self.policies) else found)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the whole set: what logs and health call it by."""
        told = "\n".join(
            f"{[p.text for p in policy.repositories]} {[p.text for p in policy.exclude_repositories]} "
            f"{sorted(policy.operations)} {[t.text for t in policy.tags]} {_canonical(policy)}"
            for policy in sorted(self.policies, key=lambda policy: policy.name)
        )
        return hashlib.sha256(f"{self.unmatched}\n{told}".encode()).hexdigest()


def _concerns(policy: Policy, repository: str) -> Mapping[str, str] | None:
    captures = policy.captures(repository)
    if captures is None and policy.signature_repository is not None:
        return RepositoryGlob(policy.signature_repository.text).capture(repository)
    return captures


def _canonical(policy: Policy) -> str:
    """Everything of a resolved policy that can change a decision or what is said about it."""
    rules = [
        (
            rule.name, rule.signature_type.value, rule.required, rule.allow_unsigned, rule.threshold,
            rule.log.value, rule.fetches_proof, rule.fix,
            None if rule.references is None else sorted(rule.references),
            str(rule.max_age), str(rule.min_signed_at), rule.covers_children,
            rule.predicate_type, rule.predicate.schema, list(rule.predicate.conditions),
            None if rule.artifact_types is None else sorted(rule.artifact_types),
            [
                (
                    "keyless", repr(wanted.identity), repr(wanted.issuer), wanted.trusted_root,
                    sorted((name, repr(matcher)) for name, matcher in wanted.claims.items()),
                )
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
            policy.on_unsigned_push.value,
            [matcher.text for matcher in policy.immutable_tags],
            policy.signature_repository and policy.signature_repository.text,
            rules,
            sorted((str(one.digest), str(one.expires), one.reason, one.approved_by) for one in policy.exemptions),
            sorted(str(digest) for digest in policy.denied.digests),
            sorted(repr(matcher) for matcher in policy.denied.identities),
            sorted((wanted.name, wanted.key.fingerprint) for wanted in policy.denied.keys),
        )
    )
