"""What is known of the signatures on one digest, once every candidate was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
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
    """A candidate that is one Sigstore bundle (sigstore_bundle.proto), as JSON.

    Args:
        attested: whether any statement about the subject will do, and not only cosign's that it is signed.
    """

    source: Source
    subject: Digest
    raw: bytes
    attested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A candidate of cosign's older format for attestations: a DSSE envelope, and annotations beside it."""

    source: Source
    subject: Digest
    envelope: bytes
    annotations: Mapping[str, str]


Candidate: TypeAlias = SimpleSigning | Bundle | Attestation


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
class LoggedEntry:
    """Which entry of which log: enough to ask that log for its inclusion proof.

    Args:
        log: the fingerprint of the log's key, which is what the log is, whatever it is called (attacks A6).
        index: its place in the log, as the log's promise says.
        leaf: the hash of the entry in the log's tree (RFC 6962 section 2.1).
    """

    log: str
    index: int
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """A transparency log's entry for a signature, which verified.

    Args:
        log_id: which log's, in hexadecimal. Two entries with one are one log's word, and not two (attacks A6).
        proof: how it was proven.
        index: its place in the log; None where nothing signed says.
        at: when the log took it; None where no promise says.
    """

    log_id: str
    proof: LogProof
    index: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """An in-toto statement that was signed, other than cosign's that the subject is signed.

    Args:
        predicate_type: of what kind its predicate is.
        payload: the statement, byte for byte as it was signed; strict JSON.
    """

    predicate_type: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignature:
    """A signature over the subject's digest that verified. Whether it is enough is the policy's business.

    Args:
        log: the strongest proof among its log entries.
        entries: its log entries; every one that came with it verified.
        entry: the log entry of which the log gave its promise; None when there is none.
        timestamps: the times of timestamp authorities; every timestamp that came with it verified.
        signed_at: every time that a log or a timestamp authority vouched for; empty when none did.
        expires: when this fact stops being one, if it does (a key or root with an end).
        reference: what the signed payload calls the artifact, as the signer wrote it; "" where it calls it nothing.
        stated: what was stated, where it is an attestation; then it is no signature in the sense of any rule.
    """

    source: Source
    signer: Signer
    log: LogProof
    entries: tuple[LogRecord, ...] = ()
    entry: LoggedEntry | None = None
    timestamps: tuple[datetime, ...] = ()
    signed_at: tuple[datetime, ...] = ()
    expires: datetime | None = None
    reference: str = ""
    stated: Stated | None = None

    @property
    def log_index(self) -> int | None:
        """The place of the first entry that has one."""
        return next((entry.index for entry in self.entries if entry.index is not None), None)

    def proven(self) -> "VerifiedSignature":
        """The same fact once the log has proven that it holds `entry`."""
        records = tuple(
            replace(one, proof=LogProof.INCLUSION)
            if self.entry is not None and (one.log_id, one.index) == (self.entry.log, self.entry.index)
            else one
            for one in self.entries
        )
        return replace(self, log=LogProof.INCLUSION, entries=records)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAttestation:
    """Somebody stated something about the subject's digest, and the signature over the statement verified.

    Args:
        fact: who signed it, and what is proven of that; `fact.stated` is what was stated.
        verdicts: what the tests came to that were asked of its predicate. One that is not here was not asked.
    """

    fact: VerifiedSignature
    verdicts: Mapping[PredicateTest, PredicateVerdict] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCandidate:
    """A candidate that is no signature over the subject, and why.

    Args:
        detail: one sentence for people; foreign text in it is already made printable.
        attested: whether it states something else than that the subject is signed.
    """

    source: Source
    reason: Reason
    detail: str
    attested: bool = False


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
    attestations: tuple[VerifiedAttestation, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
