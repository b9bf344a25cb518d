"""What is known of the signatures on one digest, once every candidate was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where a candidate was found.

    Args:
        carrier: the manifest that carries it.
        position: its place among that manifest's layers, from 0.
    """

    carrier: Digest
    position: int

    def __str__(self) -> str:
        return f"{self.carrier}[{self.position}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleSigning:
    """A candidate of cosign's older format: a payload, and annotations beside it (SIGNATURE_SPEC.md)."""

    source: Source
    subject: Digest
    payload: bytes
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A candidate that is one Sigstore bundle (sigstore_bundle.proto), as JSON."""

    source: Source
    subject: Digest
    raw: bytes


Candidate: TypeAlias = SimpleSigning | Bundle


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signed with a managed key; only its fingerprint counts."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """Signed with a certificate that a trusted root vouches for.

    Two with the same identity, issuer and root are one signer, whatever else their certificates say.

    Args:
        identity: the certificate's one subject alternative name.
        issuer: the OIDC issuer that its extension names.
        claims: the other Fulcio extensions, by name.
        trusted_root: by which name the settings know the root that vouched.
    """

    identity: str
    issuer: str
    trusted_root: str = "default"
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)


Signer: TypeAlias = KeySigner | KeylessSigner


class LogProof(StrEnum):
    """How the transparency log's entry for a signature was proven; only what verified is ever recorded."""

    NONE = "none"  # no entry came with it
    PROMISE = "promise"  # the log's signed promise
    INCLUSION = "inclusion"  # an inclusion proof with a signed checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignature:
    """A signature over the subject's digest that verified. Whether it is enough is the policy's business.

    Args:
        signed_at: every time that a log or a timestamp authority vouched for; empty when none did.
        expires: when this fact stops being one, if it does (a key or root with an end).
    """

    source: Source
    signer: Signer
    log: LogProof
    log_index: int | None = None
    signed_at: tuple[datetime, ...] = ()
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCandidate:
    """A candidate that is no signature over the subject, and why.

    Args:
        detail: one sentence for people; foreign text in it is already made printable.
    """

    source: Source
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Evidence that could not be read, or not all of it: what is not known can only make an answer undetermined."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was found about one digest, in a stable order."""

    subject: Digest
    signatures: tuple[VerifiedSignature, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
