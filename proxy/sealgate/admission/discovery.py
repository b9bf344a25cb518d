"""Evidence about a digest: found in every place it may be kept, read within bounds, verified off the event loop.

Collect, then decide: what comes of this is a value, complete or with its shortfalls named. Nothing in it depends on the
order in which the registry answered.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from typing import Final, TypeVar

from sealgate.admission.manifests import Manifests
from sealgate.admission.predicates import asked
from sealgate.errors import (
    ContentMismatch,
    LogUnavailable,
    ManifestMalformed,
    SealgateError,
    TooLarge,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import (
    Attestation,
    Bundle,
    Candidate,
    Evidence,
    RejectedCandidate,
    Shortfall,
    SimpleSigning,
    Source,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.limits import (
    CANDIDATES,
    DISCOVERIES,
    DISCOVERY_FETCHES,
    DISCOVERY_SECONDS,
    SIGNATURE_BLOB_BYTES,
    VERIFICATION_THREADS,
)
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index, Manifest
from sealgate.oci.media_types import BUNDLES, COSIGN_SIGNATURE_ARTIFACT, DSSE_ENVELOPE, EMPTY, MANIFESTS, SIMPLE_SIGNING
from sealgate.oci.reference import Repository, Tag
from sealgate.oci.referrers import attestation_tag, fallback_tag, signature_tag
from sealgate.policy.model import Rule
from sealgate.policy.rules import wants_proof
from sealgate.ports import Access, Clock, LogProofs, PredicateJudge, SignatureVerifier, Upstream

_T = TypeVar("_T")

_NOT_FOUND: Final = 404
_TOO_MANY_REQUESTS: Final = 429


class Discovery:
    """Finds and verifies the signatures on a digest.

    A queue for each registry (`DISCOVERIES`) bounds it, so that one that hangs keeps nobody from another (attacks F1);
    and `DISCOVERY_SECONDS` each. Past them evidence has a shortfall, and what was read until then still counts.

    Args:
        upstream: where signatures are looked for.
        manifests: how carriers are read.
        verifier: judges them.
        logs: proves their log entries, where a policy wants that.
        predicates: asks of attestations what the rules ask.
        clock: the time.
        upstream_of: the name of the registry that a repository is at.
    """

    def __init__(
        self,
        upstream: Upstream,
        manifests: Manifests,
        verifier: SignatureVerifier,
        logs: LogProofs,
        predicates: PredicateJudge,
        clock: Clock,
        upstream_of: Callable[[Repository], str] = lambda _: "",
    ) -> None:
        self._upstream = upstream
        self._manifests = manifests
        self._upstream_of = upstream_of
        self._verifier = verifier
        self._logs = logs
        self._predicates = predicates
        self._clock = clock
        self._queues: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(DISCOVERIES))
        self._threads = asyncio.Semaphore(VERIFICATION_THREADS)

    def by(self, verifier: SignatureVerifier) -> "Discovery":
        """The same with another verifier; queues and threads are shared."""
        other = copy(self)
        other._verifier = verifier  # noqa: SLF001 - its own class
        return other

    async def gather(
        self,
        repository: Repository,
        digest: Digest,
        keys: Sequence[PublicKey],
        access: Access,
        rules: Sequence[Rule] = (),
        elsewhere: Sequence[Repository] = (),
    ) -> Evidence:
        """All that is known of the signatures on `digest`, and of the attestations about it.

        Raises nothing: what goes wrong is a shortfall.

        Args:
            repository: where it is.
            digest: what the signatures are on.
            keys: those that may have signed.
            access: with whose right the registry is asked.
            rules: the rules it is for. A log is asked only where one of them wants its proof (attacks A16, A29), and
                attestations are read only where one of them asks for any.
            elsewhere: other repositories of the same registry in which signatures on it may be.
        """
        found = _Findings(digest)
        try:
            async with asyncio.timeout(DISCOVERY_SECONDS), self._queues[self._upstream_of(repository)]:
                attested = any(rule.predicate_type for rule in rules)
                searches = [
                    _Search(self._upstream, self._manifests, place, digest, access, found, attested)
                    for place in (repository, *elsewhere)
                ]
                candidates = await asyncio.gather(*(search.candidates() for search in searches))
                # The same carrier may be in several places; it is one candidate.
                each = {candidate.source: candidate for several in candidates for candidate in several}
                async with asyncio.TaskGroup() as verifying:
                    for candidate in each.values():
                        verifying.create_task(self._verify(candidate, repository, keys, rules, found))
        except TimeoutError:
            found.lack(Reason.VERIFICATION_TIMEOUT, f"its signatures could not be read in {DISCOVERY_SECONDS:.0f} s")
        return found.evidence()

    async def _verify(
        self,
        candidate: Candidate,
        repository: Repository,
        keys: Sequence[PublicKey],
        rules: Sequence[Rule],
        found: "_Findings",
    ) -> None:
        now = self._clock.now()
        async with self._threads:
            verdict = await asyncio.to_thread(self._verifier.verify, candidate, keys, now)
        if isinstance(verdict, RejectedCandidate):
            if verdict.reason in UNDETERMINED:
                found.lack(verdict.reason, verdict.detail)
            else:
                found.rejected.append(verdict)
            return
        known = found.verified(verdict)
        if verdict.entry is not None and wants_proof(rules, verdict, now):
            try:
                if await self._logs.proves(verdict.entry):
                    verdict = found.proven(known)
            except LogUnavailable as lost:
                found.lack(Reason.LOG_UNAVAILABLE, str(lost))
        if verdict.stated is not None:
            await self._ask(known, verdict, repository, candidate.subject, rules, found)

    async def _ask(
        self,
        known: Source,
        fact: VerifiedSignature,
        repository: Repository,
        digest: Digest,
        rules: Sequence[Rule],
        found: "_Findings",
    ) -> None:
        """What the rules ask of an attestation's predicate."""
        async for test, verdict in asked(self._predicates, rules, fact, repository, digest, self._clock.now()):
            found.answered(known, test, verdict)


class _Findings:
    """What is collected so far, so that a deadline does not lose it."""

    def __init__(self, subject: Digest) -> None:
        self._subject = subject
        self._verified: dict[Source, VerifiedSignature] = {}
        self._verdicts: defaultdict[Source, dict[PredicateTest, PredicateVerdict]] = defaultdict(dict)
        self.rejected: list[RejectedCandidate] = []
        self._shortfalls: set[tuple[str, Reason]] = set()

    def lack(self, reason: Reason, detail: str) -> None:
        self._shortfalls.add((detail, reason))

    def verified(self, fact: VerifiedSignature) -> Source:
        self._verified[fact.source] = fact
        return fact.source

    def proven(self, source: Source) -> VerifiedSignature:
        """The same fact, now that the log has proven its entry."""
        self._verified[source] = self._verified[source].proven()
        return self._verified[source]

    def answered(self, source: Source, test: PredicateTest, verdict: PredicateVerdict) -> None:
        self._verdicts[source][test] = verdict

    def evidence(self) -> Evidence:
        """The same value whatever order the registry answered in."""
        facts = [fact for _, fact in sorted(self._verified.items())]
        return Evidence(
            subject=self._subject,
            signatures=tuple(fact for fact in facts if fact.stated is None),
            attestations=tuple(
                VerifiedAttestation(fact=fact, verdicts=self._verdicts[fact.source])
                for fact in facts
                if fact.stated is not None
            ),
            rejected=tuple(sorted(self.rejected, key=lambda one: (one.source, one.reason))),
            shortfalls=tuple(Shortfall(reason=reason, detail=detail) for detail, reason in sorted(self._shortfalls)),
        )


class _Search:
    """One look at every place where one digest's signatures may be."""

    def __init__(
        self,
        upstream: Upstream,
        manifests: Manifests,
        repository: Repository,
        digest: Digest,
        access: Access,
        found: _Findings,
        attested: bool,
    ) -> None:
        self._attested = attested
        self._upstream = upstream
        self._manifests = manifests
        self._repository = repository
        self._digest = digest
        self._access = access
        self._found = found
        self._fetches = asyncio.Semaphore(DISCOVERY_FETCHES)

    async def candidates(self) -> list[Candidate]:
        """Every candidate, at most `CANDIDATES`, likely signatures first."""
        tagged, listed = await asyncio.gather(self._tagged(), self._referrers())
        in_carriers = await asyncio.gather(*(self._in_referrer(entry) for entry in listed))
        blobs = dict([*tagged, *(pair for pairs in in_carriers for pair in pairs)])
        ordered = self._first(sorted(blobs.items(), key=lambda pair: pair[0]))
        read = await asyncio.gather(*(self._read(source, blob) for source, blob in ordered))
        return [candidate for candidate in read if candidate is not None]

    async def _tagged(self) -> list[tuple[Source, Descriptor]]:
        """Layers of the manifests at cosign's `.sig` tag and, where attestations are asked for, its `.att` tag."""
        tags = [signature_tag(self._digest)] + ([attestation_tag(self._digest)] if self._attested else [])
        carriers = await asyncio.gather(*(self._at_tag(tag) for tag in tags))
        return [pair for carrier in carriers if carrier is not None for pair in self._layers(*carrier)]

    async def _referrers(self) -> list[Descriptor]:
        """What the API and the fallback tag list, together: a registry may have learnt the API after some pushes."""
        entries: dict[Digest, Descriptor] = {}
        page = await self._told(lambda: self._upstream.referrers(self._repository, self._digest, self._access))
        if page is not None:
            entries |= {entry.digest: entry for entry in page.descriptors}
            if not page.complete:
                self._too_much("referrers")
        fallback = await self._at_tag(fallback_tag(self._digest))
        if fallback is not None and isinstance(fallback[1], Index):
            entries |= {entry.digest: entry for entry in fallback[1].manifests}
        return self._first(sorted(entries.values(), key=_likelihood))

    async def _in_referrer(self, entry: Descriptor) -> list[tuple[Source, Descriptor]]:
        manifest = await self._told(
            lambda: self._manifests.by_digest(self._repository, entry.digest, self._access),
            Source(entry.digest, 0),
        )
        if manifest is None or manifest.subject is None or manifest.subject.digest != self._digest:
            return []  # listed here, but about something else (attacks A19): no evidence, and no finding either
        return list(self._layers(entry.digest, manifest))

    def _layers(self, carrier: Digest, manifest: Manifest) -> Iterable[tuple[Source, Descriptor]]:
        """The blobs that may be signatures. Media types choose a parser, nothing else (attacks A14)."""
        read = {SIMPLE_SIGNING, *BUNDLES} | ({DSSE_ENVELOPE} if self._attested else set())
        if isinstance(manifest, ImageManifest):
            for position, layer in enumerate(manifest.layers):
                if layer.media_type in read:
                    yield Source(carrier, position), layer

    async def _read(self, source: Source, blob: Descriptor) -> Candidate | None:
        if blob.size > SIGNATURE_BLOB_BYTES:
            self._too_much("bytes in one signature")
            return None
        raw = await self._told(
            lambda: self._upstream.small_blob(self._repository, blob.digest, blob.size, self._access), source
        )
        if raw is None:
            return None
        if blob.media_type == SIMPLE_SIGNING:
            return SimpleSigning(source=source, subject=self._digest, payload=raw, annotations=blob.annotations)
        if blob.media_type == DSSE_ENVELOPE:
            return Attestation(source=source, subject=self._digest, envelope=raw, annotations=blob.annotations)
        return Bundle(source=source, subject=self._digest, raw=raw, attested=self._attested)

    async def _at_tag(self, tag: Tag) -> tuple[Digest, Manifest] | None:
        fetched = await self._told(lambda: self._upstream.manifest(self._repository, tag, MANIFESTS, self._access))
        if fetched is None:
            return None
        try:
            return fetched.digest, self._manifests.learn(self._repository, fetched)
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

    def _first(self, entries: Sequence[_T]) -> list[_T]:
        if len(entries) > CANDIDATES:
            self._too_much("signatures")
        return list(entries[:CANDIDATES])


def _likelihood(entry: Descriptor) -> tuple[bool, Digest]:
    """Entries that say they are signatures first, so that other referrers do not use up the bound.

    cosign writes the empty type into the fallback index for its bundles, so that one counts as saying so.
    """
    signature = entry.artifact_type in {"", EMPTY, COSIGN_SIGNATURE_ARTIFACT, *BUNDLES}
    return not signature, entry.digest
