"""What a rule asks for, and what a policy says about single artifacts: the parts that `policy.model` is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeAlias

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest
from sealgate.evidence.signature import LogProof
from sealgate.oci.digest import Digest


class SignatureType(StrEnum):
    """What kind of evidence a rule asks for."""

    COSIGN = "cosign"
    ATTESTATION = "attestation"
    GPG = "gpg"
    NOTATION = "notation"
    DCT = "dct"


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
    """Signed with a certificate of this identity, issued on the word of this OIDC issuer.

    Args:
        claims: what Fulcio's other extensions must say, by name (fulcio docs/oid-info.md); one that is absent does not.
    """

    identity: Matcher
    issuer: Matcher
    trusted_root: str = "default"
    claims: Mapping[str, Matcher] = field(default_factory=lambda: MappingProxyType({}))

    def fill(self, captures: Mapping[str, str]) -> "KeylessRequirement":
        """The same with what was captured written in."""
        return replace(
            self,
            identity=self.identity.fill(captures),
            issuer=self.issuer.fill(captures),
            claims={name: matcher.fill(captures) for name, matcher in self.claims.items()},
        )


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
        references: what a signature must call the artifact, as `naming.spelt` writes it; one of these. None: anything.
        max_age: how long after it was signed a signature counts; None is for ever.
        min_signed_at: from when on it must be signed; None is always.
        predicate_type: the URI of the attestation that is asked for; "" where a signature is.
        predicate: what that attestation's predicate must satisfy.
        covers_children: whether an index that satisfies it satisfies it for the manifests it lists, too.
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
    references: frozenset[str] | None = None
    max_age: timedelta | None = None
    min_signed_at: datetime | None = None
    predicate_type: str = ""
    predicate: PredicateTest = field(default_factory=PredicateTest)
    covers_children: bool = True
    allow_unsigned: bool = False
    fix: str = ""

    def fill(self, captures: Mapping[str, str]) -> "Rule":
        """The same with what was captured written in."""
        return replace(
            self,
            alternatives=tuple(
                wanted.fill(captures) if isinstance(wanted, KeylessRequirement) else wanted
                for wanted in self.alternatives
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A digest that passes for a time, and on whose word: one of a policy's `exceptions`.

    Args:
        expires: from when on it is nothing.
        approved_by: "" where the policy does not say.
    """

    digest: Digest
    reason: str
    expires: datetime
    approved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """What a policy admits under no condition.

    Args:
        digests: of manifests and indexes.
        identities: of certificates, whoever issued them.
        keys: with the names that the policy calls them by.
    """

    digests: frozenset[Digest] = frozenset()
    identities: tuple[Matcher, ...] = ()
    keys: tuple[KeyRequirement, ...] = ()

    @property
    def names_signers(self) -> bool:
        """Whether somebody's signature is enough to be denied."""
        return bool(self.identities or self.keys)
