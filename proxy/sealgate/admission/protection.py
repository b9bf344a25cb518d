"""What a push of a `sha256-…` tag would take away: signatures and attestations may be added there, not stripped.

Such a tag holds everything that was signed with cosign's older format, or the referrers of a registry without the API,
in one manifest that each signer reads, adds to and puts back. Two at the same time, and the later one leaves out what
the earlier one added; or somebody leaves out on purpose what an admission rests on (design section 6, attacks B21).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealgate.admission.judge import Artifact, Judge
from sealgate.admission.manifests import Manifests
from sealgate.admission.search import Piece, pieces
from sealgate.errors import ContentMismatch, ManifestMalformed, TooLarge, UpstreamRefused
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence
from sealgate.limits import CANDIDATES
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Index
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.decide import refuse
from sealgate.policy.decision import Decision, Finding, Subject
from sealgate.ports import Access, Clock, Upstream

_NOT_FOUND: Final = 404
_CURE: Final = (
    "sign again, so that what was added meanwhile is kept; to take a signature away needs the right to delete"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What is at a tag now, and not in what is to take its place.

    Args:
        subject: what it is about.
        found: layers that may be signatures.
        listed: manifests that an index lists.
        instead: what is in its place, and was not there: layers, and manifests that an index lists.
    """

    subject: Digest
    found: tuple[Piece, ...] = ()
    listed: tuple[Digest, ...] = ()
    instead: tuple[tuple[Piece, ...], tuple[Digest, ...]] = ((), ())


class Protection:
    """Compares what is pushed to a tag of signatures with what is there.

    Args:
        upstream: where it is.
        manifests: how it is read.
        judge: says what of it counts.
        clock: the time of decisions.
    """

    def __init__(self, upstream: Upstream, manifests: Manifests, judge: Judge, clock: Clock) -> None:
        self._upstream = upstream
        self._manifests = manifests
        self._judge = judge
        self._clock = clock

    async def lost(self, artifact: Artifact, tag: Tag, access: Access) -> Lost | None:
        """What would be lost; None where nothing would, or the tag speaks of no digest. To be called in its turn.

        Raises:
            UpstreamRefused, UpstreamUnavailable, ContentMismatch: what is there cannot be read.
        """
        subject, new = artifact.tag_subject, artifact.manifest
        if subject is None:
            return None
        try:
            fetched = await self._upstream.manifest(artifact.repository, tag, MANIFESTS, access)
            current = self._manifests.learn(artifact.repository, fetched)
        except UpstreamRefused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None
        except (ManifestMalformed, TooLarge):  # nobody finds a signature in it either
            return None
        if isinstance(current, Index):
            kept = [entry.digest for entry in new.manifests] if isinstance(new, Index) else []
            were = [entry.digest for entry in current.manifests]
            listed = tuple(digest for digest in were if digest not in kept)
            instead = tuple(digest for digest in kept if digest not in were)
            return Lost(subject=subject, listed=listed, instead=((), instead)) if listed else None
        sent = pieces(artifact.digest, new, attested=True, at_tag=True)
        there = pieces(fetched.digest, current, attested=True, at_tag=True)
        found, others = _without(there, sent), _without(sent, there)
        return Lost(subject=subject, found=found, instead=(others, ())) if found else None

    async def refusal(self, artifact: Artifact, lost: Lost, access: Access) -> Decision | None:
        """Why it must not be lost: something of it counts, or that cannot be told; None where it is junk.

        Raises:
            UpstreamRefused, UpstreamUnavailable: what an index lists cannot be read.
        """
        names, evidence = await self._counting(artifact.repository, lost.subject, lost.found, lost.listed, access)
        about = Subject(digest=artifact.digest, kinds=())
        if names and not evidence.shortfalls and len(lost.listed) <= CANDIDATES:
            # `cosign attest --replace`: the same people say it anew.
            _, instead = await self._counting(artifact.repository, lost.subject, *lost.instead, access)
            if self._judge.covers(artifact.repository, kept=instead, lost=evidence):
                return None
        if names:
            text = f"it leaves out a signature or attestation of {lost.subject} that is there and counts"
            return refuse(about, Finding(reason=Reason.SIGNATURE_IN_USE, text=text), self._clock.now(), _CURE)
        if len(lost.listed) > CANDIDATES:
            text = f"it leaves out more than {CANDIDATES} entries, which are not all read"
            return refuse(about, Finding(reason=Reason.EVIDENCE_TOO_MUCH, text=text), self._clock.now())
        for lack in evidence.shortfalls:
            text = f"whether what it leaves out counts is not known: {lack.detail}"
            return refuse(about, Finding(reason=lack.reason, text=text), self._clock.now())
        return None

    async def _counting(
        self, repository: Repository, subject: Digest, found: Sequence[Piece], listed: Sequence[Digest], access: Access
    ) -> tuple[frozenset[Digest], Evidence]:
        every = [*found]
        for digest in listed[:CANDIDATES]:
            every += await self._listed(repository, digest, subject, access)
        return await self._judge.counting(repository, subject, every, access)

    async def _listed(
        self, repository: Repository, digest: Digest, subject: Digest, access: Access
    ) -> tuple[Piece, ...]:
        try:
            manifest = await self._manifests.by_digest(repository, digest, access)
        except (ContentMismatch, ManifestMalformed, TooLarge):
            return ()
        except UpstreamRefused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return ()
        if manifest.subject is None or manifest.subject.digest != subject:
            return ()
        return pieces(digest, manifest, attested=True, at_tag=False)


def _without(these: Sequence[Piece], those: Sequence[Piece]) -> tuple[Piece, ...]:
    names = {piece.name for piece in those}
    return tuple(piece for piece in these if piece.name not in names)
