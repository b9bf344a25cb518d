"""What the core needs from outside, as protocols, with what each may raise. `adapters/` implements them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import Candidate, RejectedCandidate, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.policy.decision import Decision
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
    """With whose right the upstream is asked: the client's own `Authorization`, passed through and never shown."""

    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedManifest:
    """A manifest as the upstream served it, hashed by us."""

    raw: bytes = field(repr=False)
    content_type: str
    digest: Digest  # SHA-256 of `raw`, whatever algorithm was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobHead:
    """What the upstream says of a blob it has."""

    size: int
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """One range of bytes of a request (RFC 9110 section 14.1.2), both ends included; `last` None is to the end."""

    first: int
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStream:
    """A blob on its way.

    Args:
        status: 200, or 206 for a range.
        size: how many bytes come.
        content_range: the upstream's `Content-Range`, when `status` is 206, rebuilt from its numbers.
        chunks: the bytes; iterating raises `UpstreamUnavailable` when they end early or stop coming.
    """

    status: int
    size: int
    content_range: str
    chunks: AsyncIterator[bytes]


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
    """The registry behind the gate.

    Every method may raise `UpstreamUnavailable` (no usable answer) and `UpstreamRefused` (its own 4xx: 404 is one).
    Each asks with the given access, and only at the configured origin.
    """

    @property
    def name(self) -> str:
        """What the settings call it."""

    async def ping(self, access: Access) -> None:
        """`GET /v2/`."""

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
    ) -> AbstractAsyncContextManager[BlobStream]:
        """A blob, streamed; leaving the context ends the transfer."""

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

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        """Begin an upload session."""

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
    ) -> None:
        """Close a session (`PUT`), with or without last bytes. Raises as `upload_chunk`."""

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:
        """Ask where a session stands (`GET`)."""

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:
        """Give a session up (`DELETE`)."""

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        """One page of the tag listing."""

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

    async def decision(self, key: DecisionKey) -> Decision | None:
        """A decision saved under an equal key; its `valid_until` is the caller's to look at."""

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """Remember a decision."""

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """Drop every decision on this digest that is not an admission."""

    async def secret(self) -> bytes:
        """32 random bytes, made once and kept: what upload locations are sealed with."""

    async def close(self) -> None:
        """Close it."""


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


class DecisionLog(Protocol):
    """Where decisions are written down, one line each."""

    def record(self, record: DecisionRecord) -> None:
        """Write one down. Never raises; a log that cannot be written changes no decision."""


KeyReader = Callable[[bytes], PublicKey]
"""Reads a PEM public key; raises `KeyRejected`."""

FileReader = Callable[[str], bytes]
"""Reads a file that a policy or the settings name, relative to them; raises `ConfigurationInvalid`."""
