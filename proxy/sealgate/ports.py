"""What the core needs from outside, as protocols, with what each may raise. `adapters/` implements them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Candidate, LoggedEntry, RejectedCandidate, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor
from sealgate.oci.naming import DEFAULT
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.strict_json import Json
from sealgate.policy.access import Right
from sealgate.policy.decision import Decision
from sealgate.policy.hold import Hold
from sealgate.policy.identity import Identity
from sealgate.policy.model import Operation
from sealgate.policy.record import Caller as Caller
from sealgate.policy.record import DecisionRecord as DecisionRecord


class Clock(Protocol):
    """Time. The only source of it."""

    def now(self) -> datetime:
        """The wall clock, in UTC, aware."""

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""


@dataclass(frozen=True, slots=True)
class Access:
    """With whose right the upstream is asked: the client's own `Authorization`, passed through and never shown.

    Args:
        authorization: the header's value.
        upstream: the one registry, by its name in the settings, that it is for.
        by_gate: whether the gate asks for itself: the client's credentials are not for this upstream, and its challenge
            is not for the client.
        warned: told the text of each `Warning` in the upstream's answers (distribution-spec 1.1, "Warnings").
    """

    authorization: str | None = field(default=None, repr=False)
    upstream: str = DEFAULT
    by_gate: bool = False
    warned: Callable[[str], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedManifest:
    """A manifest as the upstream served it, hashed by us."""

    raw: bytes = field(repr=False)
    content_type: str
    digest: Digest  # SHA-256 of `raw`, whatever algorithm was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobHead:
    """What the upstream says of a blob it has; `digest` is what it calls it by."""

    size: int
    content_type: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """One range of bytes of a request (RFC 9110 section 14.1.2), both ends included.

    Args:
        first: where it begins; None for the last so many bytes.
        last: where it ends, None being the end of the blob; without `first`, how many bytes.
    """

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStream:
    """A blob on its way.

    Args:
        status: 200, or 206 for a range.
        digest: what the upstream calls the blob by: as it was asked for, or by another algorithm.
        size: how many bytes come.
        content_range: the upstream's `Content-Range`, when `status` is 206, rebuilt from its numbers.
        chunks: the bytes; iterating raises `UpstreamUnavailable` when they end early or stop coming.
    """

    status: int
    digest: Digest
    size: int
    content_range: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRedirect:
    """Where a blob is: a URL on another host, for the client to follow and to check the digest of what it gets."""

    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """What the upstream answered to a manifest PUT that it took."""

    subject: Digest | None  # of its `OCI-Subject` header


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadProgress:
    """Where an upload stands.

    Args:
        location: path and query at the upstream to go on with; only ever on the upstream's own origin.
        received: how many bytes the upstream has, when it said so.
        minimum_chunk: its `OCI-Chunk-Min-Length`, when it said so.
    """

    location: str
    received: int | None = None
    minimum_chunk: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPage:
    """One page of a tag listing; `last` is where the next one begins, None at the end."""

    tags: tuple[Tag, ...]
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPage:
    """One page of the repositories of a registry; `last` is where the next one begins, None at the end."""

    repositories: tuple[Repository, ...]
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrersPage:
    """The referrers of a digest, from the API, over all its pages.

    Args:
        supported: False when the registry has no referrers API (then the fallback tag is all there is).
        complete: False when a cap was hit before the last page.
    """

    supported: bool
    descriptors: tuple[Descriptor, ...] = ()
    complete: bool = True


class Upstream(Protocol):
    """The registries behind the gate, asked by canonical names.

    Every method may raise `UpstreamUnavailable` (no usable answer) and `UpstreamRefused` (its own 4xx: 404 is one).
    Each asks with the given access, and only at the configured origin.
    """

    async def manifest(
        self, repository: Repository, reference: Reference, accept: Sequence[str], access: Access
    ) -> FetchedManifest:
        """Fetch a manifest, once, whole.

        Raises:
            TooLarge: past `limits.MANIFEST_BYTES`.
            ContentMismatch: asked for by digest, and the bytes have another; or there are more than were stated.
        """

    async def referrers(self, repository: Repository, digest: Digest, access: Access) -> ReferrersPage:
        """What the referrers API lists for a digest, within `limits`."""

    async def small_blob(self, repository: Repository, digest: Digest, most: int, access: Access) -> bytes:
        """A blob of at most `most` bytes, hashed.

        Raises:
            TooLarge, ContentMismatch.
        """

    async def blob_head(self, repository: Repository, digest: Digest, access: Access) -> BlobHead:
        """`HEAD` of a blob."""

    def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AbstractAsyncContextManager[BlobStream | BlobRedirect]:
        """A blob, streamed; leaving the context ends the transfer. Or where it is, if clients are to go there."""

    async def put_manifest(
        self,
        repository: Repository,
        reference: Reference,
        content_type: str,
        raw: bytes,
        access: Access,
    ) -> StoredManifest:
        """Store exactly these bytes.

        Raises:
            ManifestMalformed: the content type is not one of a manifest.
        """

    async def delete_manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        """Delete a tag, or a manifest by its digest."""

    async def delete_blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        """Delete a blob."""

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        """Begin an upload session."""

    async def push_blob(
        self, repository: Repository, digest: Digest, body: AsyncIterator[bytes], length: int | None, access: Access
    ) -> UploadProgress | None:
        """Push a whole blob in one request. Raises as `upload_chunk`.

        Returns:
            None when it is stored; the session that a registry without such pushes began instead.
        """

    async def mount_blob(
        self, repository: Repository, digest: Digest, source: Repository, access: Access
    ) -> UploadProgress | None:
        """Take a blob over from another repository.

        Returns:
            None when it is there; the session that the registry began instead.
        """

    async def upload_chunk(
        self,
        repository: Repository,
        location: str,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> UploadProgress:
        """Send one chunk (or, without `content_range`, a stream) into a session (`PATCH`).

        Raises:
            Malformed: the location or the range is not of the form it must have.
            ContentMismatch: the body is not of the length announced. What the body itself raises comes out as it is.
        """

    async def finish_upload(
        self,
        repository: Repository,
        location: str,
        digest: Digest,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> Digest:
        """Close a session (`PUT`), with or without last bytes. Raises as `upload_chunk`.

        Returns:
            What the upstream calls the blob by: this digest, or one by another algorithm.
        """

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:
        """Ask where a session stands (`GET`)."""

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:
        """Give a session up (`DELETE`)."""

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        """One page of the tag listing."""


class Registry(Upstream, Protocol):
    """One registry, asked by its repositories' own names. Raises as `Upstream`."""

    @property
    def name(self) -> str:
        """What the settings call it."""

    async def ping(self, access: Access) -> None:
        """`GET /v2/`."""

    async def catalog(self, most: int | None, last: str, access: Access) -> CatalogPage:
        """One page of the repositories."""

    async def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionKey:
    """All that a decision depends on (design section 5). Only an equal key may reuse it."""

    upstream: str
    repository: Repository
    digest: Digest
    operation: Operation
    policies: str  # `Resolved.digest`
    trusted_roots: str
    verifier: str


class Store(Protocol):
    """What is remembered between requests. It says what lists what, never that something is good.

    Every method may raise `StateUnavailable`.
    """

    async def record_manifest(
        self,
        repository: Repository,
        manifest: Digest,
        *,
        blobs: frozenset[Digest],
        children: frozenset[Digest],
        admitted: bool = False,
    ) -> None:
        """Remember which blobs and which manifests this one lists. Recording it again changes nothing but `admitted`.

        Args:
            repository: where it is.
            manifest: its digest.
            blobs: what it lists as blobs.
            children: what it lists as manifests.
            admitted: whether it is admitted now. What ever was comes first in listings, so that others which list the
                same digest cannot crowd it out; that is a place to look first, never a decision.
        """

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """Whether this digest was ever recorded as a manifest of the repository."""

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        """Manifests that list a blob, at most so many: those ever admitted first, then those recorded last."""

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        """Indexes that list a manifest, at most so many, in the same order."""

    async def record_carriers(self, repository: Repository, subject: Digest, carriers: frozenset[Digest]) -> None:
        """Remember where evidence about a digest was found that counted.

        Args:
            repository: where it is kept.
            subject: what it is about.
            carriers: what it is called (`admission.search.Piece.name`).
        """

    async def carriers(self, repository: Repository, subject: Digest, most: int) -> tuple[Digest, ...]:
        """What was recorded of a digest, at most so many, last first: a place to look first, and never evidence."""

    async def forget_carriers(self, repository: Repository, subject: Digest) -> None:
        """Drop what was recorded of a digest: somebody who may has taken some of it away."""

    async def decision(self, key: DecisionKey) -> Decision | None:
        """A decision saved under an equal key; its `valid_until` is the caller's to look at."""

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """Remember a decision."""

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """Drop every decision on this digest that is not an admission."""

    async def forget_decisions(self, repository: Repository) -> None:
        """Drop every decision on anything in this repository."""

    async def secret(self) -> bytes:
        """32 random bytes, made once and kept: what upload locations are sealed with."""

    async def close(self) -> None:
        """Close it."""


Confirm: TypeAlias = Callable[[], Awaitable[None]]
"""Asks whether a turn is still one's own, right before what must happen in it. Raises `StateUnavailable`."""


class Stage(StrEnum):
    """What the time of a request goes into."""

    UPSTREAM = "upstream"
    DISCOVERY = "discovery"
    VERIFICATION = "verification"
    DECISION = "decision"


Took = Callable[[Stage, float], None]
"""Told how many seconds one stage took, when it is over; in the task whose request it was."""


Onward = Callable[[], Mapping[str, str]]
"""Gives the headers that tell an upstream what its request is part of; called in the task whose request it is."""


def nothing_onward() -> Mapping[str, str]:
    """`Onward`, where nobody traces."""
    return {}


def nobody_asks(_stage: Stage, _seconds: float) -> None:
    """`Took`, where nobody measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTally:
    """How many pushes wait.

    Args:
        releasing: those that move their tag by themselves.
        rejected: those that were answered 403.
        oldest: since when the oldest of all waits.
    """

    releasing: int = 0
    rejected: int = 0
    oldest: datetime | None = None


class Holds(Protocol):
    """Pushes that wait for a signature, and whose turn it is to move a tag.

    Every method may raise `StateUnavailable`. What is written is durable when a method returns.
    """

    def turn(self, repository: Repository, tag: Tag) -> AbstractAsyncContextManager[Confirm]:
        """Whoever moves a tag does so inside: one at a time, over all replicas (attacks B2, B8)."""

    async def of_tag(self, repository: Repository, tag: Tag) -> Hold | None:
        """The hold of a tag."""

    async def with_identifier(self, identifier: str) -> Hold | None:
        """A hold by its name."""

    async def every(self, after: str, most: int) -> tuple[Hold, ...]:
        """At most so many holds whose names come after this one, oldest first."""

    async def tally(self) -> HoldTally:
        """How many there are."""

    async def save(self, hold: Hold) -> None:
        """Hold a tag. An older hold of the same tag is ended."""

    async def end(self, identifier: str) -> bool:
        """End a hold; False when it was ended already."""

    async def mark_due(self, repository: Repository, digest: Digest, most: int) -> tuple[Hold, ...]:
        """All holds of a digest that release themselves are to be judged again; at most so many of them, as marked."""

    async def ask(self, identifier: str, reason: str) -> bool:
        """To be judged again because somebody asks, even where it does not release itself; False when it is gone."""

    async def settle(self, identifier: str, due: int, reason: Reason, text: str) -> None:
        """It has been judged again for this mark, and why it still waits. A mark that came meanwhile stays."""

    async def due(self, now: datetime, most: int) -> tuple[Hold, ...]:
        """At most so many holds that are to be judged again or are over, oldest first."""

    async def close(self) -> None:
        """Close it."""


class Rights(Protocol):
    """Who may do what at the gate, beside what the upstream grants: the settings' `access:` table."""

    def may(self, right: Right, repository: Repository, caller: Caller) -> bool:
        """Whether this caller has this right here."""

    def may_pull(self, repository: Repository, caller: Caller) -> bool:
        """Whether this caller may read here."""

    def may_delete(self, repository: Repository, caller: Caller) -> bool:
        """Whether this caller may delete here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a client shows of itself.

    Args:
        authorization: the `Authorization` header's value.
        certificate: its TLS certificate, as `ssl.SSLSocket.getpeercert` gives one that was verified; else None.
    """

    authorization: str | None = field(default=None, repr=False)
    certificate: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A bearer token, and for how many seconds it is good."""

    token: str = field(repr=False)
    seconds: int


class Authenticator(Protocol):
    """Who a client of the gate is. What cannot be checked just now raises `AuthenticationUnavailable`."""

    @property
    def challenge(self) -> Literal["basic", "bearer"] | None:
        """How a client is asked who it is; None when nothing that it could write would tell."""

    @property
    def admits_nobody(self) -> bool:
        """Whether one who shows nothing may come in, as nobody."""

    async def identify(self, presented: Presented) -> Identity | None:
        """Who it is; `NOBODY` when nothing is shown, None when what is shown is wrong."""

    async def issue(self, presented: Presented) -> IssuedToken | None:
        """A token that stands for what is shown, for clients that are asked for one; None as `identify`."""


class TokenRelay(Protocol):
    """An upstream's token server, asked on behalf of a client that cannot reach it."""

    async def token(self, scopes: Sequence[str], presented: Presented) -> IssuedToken:
        """The token that the upstream's server gives for these credentials.

        Args:
            scopes: `repository:<name>:<actions>`, parsed and put together again.
            presented: the client's own.

        Raises:
            UpstreamRefused, UpstreamUnavailable.
        """


class SignatureVerifier(Protocol):
    """Judges one candidate. Synchronous and total: it raises nothing, and calls nobody."""

    @property
    def version(self) -> str:
        """Changes whenever the same candidate could be judged differently."""

    @property
    def trusted_roots_digest(self) -> str:
        """SHA-256 (hexadecimal) of the trusted roots in use."""

    def verify(
        self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """Establish who signed the candidate's subject.

        Every key is tried; a certificate is verified against the trusted roots. What comes back names the signer and
        what is proven about the log entry and the time; whether that satisfies anybody is not its business.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateInput:
    """What a predicate is judged by: the variables of conditions. `predicate` is `statement["predicate"]`.

    Args:
        statement: the in-toto statement, as `oci.strict_json` reads it.
        signer: who signed it.
        artifact: what it is about.
        now: the present.
    """

    statement: Mapping[str, Json] = field(repr=False)
    signer: Mapping[str, Json]
    artifact: Mapping[str, Json]
    now: datetime


class PredicateJudge(Protocol):
    """Asks of an attestation's predicate what a rule asks."""

    async def judge(self, test: PredicateTest, given: PredicateInput) -> PredicateVerdict:
        """Whether the predicate fits the schema and every condition is true; the same input has the same verdict.

        Raises nothing: an answer that does not come in time is the reason `verification-timeout`.
        """


class LogProofs(Protocol):
    """Inclusion proofs from the transparency logs themselves; asked only where a policy says so."""

    async def proves(self, entry: LoggedEntry) -> bool:
        """Whether the log has proven that it holds an entry; False where nobody says where the log can be asked.

        Raises:
            LogUnavailable: the log did not answer, or not with a proof that verifies.
        """


class DecisionLog(Protocol):
    """Where decisions are written down, one line each."""

    def record(self, record: DecisionRecord) -> None:
        """Write one down. Never raises; a log that cannot be written changes no decision."""


KeyReader = Callable[[bytes], PublicKey]
"""Reads a PEM public key; raises `KeyRejected`."""

FileReader = Callable[[str], bytes]
"""Reads a file that a policy or the settings name, relative to them; raises `ConfigurationInvalid`."""
