"""Where the evidence about one digest is, in one repository: what is there, in which order it is read, and its bytes.

Anybody who may push can attach more than is ever read (`CANDIDATES`). So what counted before is read before the rest,
and junk never displaces it (design section 5). That it counted before is no evidence: it is read and verified again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sealgate.admission.findings import Findings
from sealgate.admission.manifests import Manifests
from sealgate.errors import (
    ContentMismatch,
    ManifestMalformed,
    SealgateError,
    TooLarge,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Attestation,
    Bundle,
    Candidate,
    RejectedCandidate,
    SimpleSigning,
    Source,
)
from sealgate.limits import CANDIDATES, DISCOVERY_FETCHES, SIGNATURE_BLOB_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, Index, Manifest
from sealgate.oci.media_types import BUNDLES, COSIGN_SIGNATURE_ARTIFACT, DSSE_ENVELOPE, EMPTY, MANIFESTS, SIMPLE_SIGNING
from sealgate.oci.reference import Repository, Tag
from sealgate.oci.referrers import attestation_tag, fallback_tag, signature_tag
from sealgate.ports import Access, Upstream

_T = TypeVar("_T")

_NOT_FOUND: Final = 404
_TOO_MANY_REQUESTS: Final = 429
_SIGNATURES: Final = frozenset({SIMPLE_SIGNING, *BUNDLES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A blob that may be a signature or an attestation, unread.

    Args:
        source: where it was found.
        blob: what names it.
        name: what it is called for good: the manifest's digest where that says itself what it is about; else, at a
            tag whose manifest is another one after each addition, the digest of the layer's entry in it.
    """

    source: Source
    blob: Descriptor
    name: Digest


def pieces(carrier: Digest, manifest: Manifest, *, attested: bool, at_tag: bool) -> tuple[Piece, ...]:
    """The blobs of a manifest that may be evidence. Media types choose a parser, nothing else (attacks A14).

    Args:
        carrier: the manifest's digest.
        manifest: what it says.
        attested: whether attestations of cosign's older format are asked for.
        at_tag: whether it is found at a tag, and not by what it says that it is about.
    """
    if isinstance(manifest, Index):
        return ()
    read = _SIGNATURES | {DSSE_ENVELOPE} if attested else _SIGNATURES
    return tuple(
        Piece(source=Source(carrier, position), blob=layer, name=_entry(layer) if at_tag else carrier)
        for position, layer in enumerate(manifest.layers)
        if layer.media_type in read
    )


def _entry(layer: Descriptor) -> Digest:
    """The digest of all that a layer's descriptor says: several signatures may be over the same payload."""
    said = [layer.media_type, str(layer.digest), layer.size, sorted(layer.annotations.items())]
    return Digest.of(json.dumps(said).encode())


class Search:
    """One look at every place of a repository where one digest's signatures may be.

    Raises nothing: what goes wrong is among the findings.

    Args:
        upstream: where it looks.
        manifests: how carriers are read.
        repository: where in it.
        digest: what the signatures are about.
        access: with whose right.
        found: told what could not be read.
        attested: whether attestations of cosign's older format are asked for.
    """

    def __init__(
        self,
        upstream: Upstream,
        manifests: Manifests,
        repository: Repository,
        digest: Digest,
        access: Access,
        found: Findings,
        attested: bool,
    ) -> None:
        self.repository = repository
        self._attested = attested
        self._upstream = upstream
        self._manifests = manifests
        self._digest = digest
        self._access = access
        self._found = found
        self._fetches = asyncio.Semaphore(DISCOVERY_FETCHES)

    async def tagged(self) -> list[Piece]:
        """Layers of the manifests at cosign's `.sig` tag and, where attestations are asked for, its `.att` tag."""
        tags = [signature_tag(self._digest)] + ([attestation_tag(self._digest)] if self._attested else [])
        carriers = await asyncio.gather(*(self._at_tag(tag) for tag in tags))
        return [
            piece
            for carrier in carriers
            if carrier is not None
            for piece in pieces(*carrier, attested=self._attested, at_tag=True)
        ]

    async def listed(self) -> list[Digest]:
        """What the API and the fallback tag list, together: a registry may have learnt the API after some pushes."""
        entries: dict[Digest, Descriptor] = {}
        page = await self._told(lambda: self._upstream.referrers(self.repository, self._digest, self._access))
        if page is not None:
            entries |= {entry.digest: entry for entry in page.descriptors}
            if not page.complete:
                self._too_much("referrers")
        fallback = await self._at_tag(fallback_tag(self._digest))
        if fallback is not None and isinstance(fallback[1], Index):
            entries |= {entry.digest: entry for entry in fallback[1].manifests}
        return [entry.digest for entry in sorted(entries.values(), key=_likelihood)]

    async def referrers(self, carriers: Iterable[Digest]) -> list[Piece]:
        """What is in those of these manifests that say themselves that they are about the digest."""
        found = await asyncio.gather(*(self._referrer(carrier) for carrier in carriers))
        return [piece for several in found for piece in several]

    async def _referrer(self, carrier: Digest) -> Sequence[Piece]:
        manifest = await self._told(
            lambda: self._manifests.by_digest(self.repository, carrier, self._access), Source(carrier, 0)
        )
        if manifest is None or manifest.subject is None or manifest.subject.digest != self._digest:
            return ()  # listed here, but about something else (attacks A19): no evidence, and no finding either
        return pieces(carrier, manifest, attested=self._attested, at_tag=False)

    async def read(self, piece: Piece) -> Candidate | None:
        """The bytes of a piece; None where they cannot be had."""
        blob, source = piece.blob, piece.source
        if blob.size > SIGNATURE_BLOB_BYTES:
            self._too_much("bytes in one signature")
            return None
        raw = await self._told(
            lambda: self._upstream.small_blob(self.repository, blob.digest, blob.size, self._access), source
        )
        if raw is None:
            return None
        if blob.media_type == SIMPLE_SIGNING:
            return SimpleSigning(source=source, subject=self._digest, payload=raw, annotations=blob.annotations)
        if blob.media_type == DSSE_ENVELOPE:
            return Attestation(source=source, subject=self._digest, envelope=raw, annotations=blob.annotations)
        return Bundle(source=source, subject=self._digest, raw=raw, attested=self._attested)

    def first(self, entries: Sequence[_T]) -> Sequence[_T]:
        """As many as are read; that there are more is a shortfall."""
        if len(entries) > CANDIDATES:
            self._too_much("signatures")
        return entries[:CANDIDATES]

    async def _at_tag(self, tag: Tag) -> tuple[Digest, Manifest] | None:
        fetched = await self._told(lambda: self._upstream.manifest(self.repository, tag, MANIFESTS, self._access))
        if fetched is None:
            return None
        try:
            return fetched.digest, self._manifests.learn(self.repository, fetched)
        except (ManifestMalformed, TooLarge) as bad:
            self._reject(Source(fetched.digest, 0), bad)
            return None

    async def _told(self, ask: Callable[[], Awaitable[_T]], source: Source | None = None) -> _T | None:
        """Ask the upstream; what goes wrong becomes a finding or a shortfall, and "there is none" becomes None."""
        try:
            async with self._fetches:
                return await ask()
        except UpstreamRefused as refused:
            if refused.status == _TOO_MANY_REQUESTS:
                self._found.lack(Reason.UPSTREAM_LIMITED, "the registry limits requests, its signatures were not read")
            elif refused.status != _NOT_FOUND:
                self._unread(refused)
        except (ManifestMalformed, ContentMismatch) as bad:
            if source is None:
                self._unread(bad)
            else:
                self._reject(source, bad)
        except TooLarge:
            self._too_much("bytes")
        except UpstreamUnavailable as lost:
            self._unread(lost)
        return None

    def _reject(self, source: Source, bad: SealgateError) -> None:
        detail = f"what should carry a signature cannot be read: {bad}"
        self._found.rejected.append(RejectedCandidate(source=source, reason=Reason.CARRIER_MALFORMED, detail=detail))

    def _unread(self, error: SealgateError) -> None:
        self._found.lack(Reason.UPSTREAM_UNAVAILABLE, f"its signatures could not be read: {error}")

    def _too_much(self, what: str) -> None:
        self._found.lack(Reason.EVIDENCE_TOO_MUCH, f"there are more {what} about it than the gate reads")


def named(found: Iterable[Piece], names: Collection[Digest]) -> tuple[list[Piece], list[Piece]]:
    """Pieces that are called by one of these names, and the others."""
    called: tuple[list[Piece], list[Piece]] = ([], [])
    for piece in found:
        called[piece.name not in names].append(piece)
    return called


def _likelihood(entry: Descriptor) -> tuple[bool, Digest]:
    """Entries that say they are signatures first, so that other referrers do not use up the bound.

    cosign writes the empty type into the fallback index for its bundles, so that one counts as saying so.
    """
    signature = entry.artifact_type in {"", EMPTY, COSIGN_SIGNATURE_ARTIFACT, *BUNDLES}
    return not signature, entry.digest
