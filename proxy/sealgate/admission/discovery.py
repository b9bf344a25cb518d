"""Evidence about a digest: found in every place it may be kept, read within bounds, verified off the event loop.

Collect, then decide: what comes of this is a value, complete or with its shortfalls named. Nothing in it depends on the
order in which the registry answered.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import copy

from sealgate.admission.findings import Findings
from sealgate.admission.manifests import Manifests
from sealgate.admission.predicates import asked
from sealgate.admission.search import Piece, Search, named
from sealgate.errors import LogUnavailable, StateUnavailable
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import Candidate, Evidence, RejectedCandidate, Source, VerifiedSignature
from sealgate.limits import DISCOVERIES, DISCOVERY_SECONDS, KNOWN_CARRIERS, VERIFICATION_THREADS
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.model import Rule
from sealgate.policy.rules import counting, wants_proof
from sealgate.ports import (
    Access,
    Clock,
    LogProofs,
    PredicateJudge,
    SignatureVerifier,
    Stage,
    Store,
    Took,
    Upstream,
    nobody_asks,
)


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
        store: what counted before.
        upstream_of: the name of the registry that a repository is at.
        took: told how long it took.
    """

    def __init__(
        self,
        upstream: Upstream,
        manifests: Manifests,
        verifier: SignatureVerifier,
        logs: LogProofs,
        predicates: PredicateJudge,
        clock: Clock,
        store: Store,
        upstream_of: Callable[[Repository], str] = lambda _: "",
        took: Took = nobody_asks,
    ) -> None:
        self._took = took
        self._upstream = upstream
        self._manifests = manifests
        self._upstream_of = upstream_of
        self._verifier = verifier
        self._logs = logs
        self._predicates = predicates
        self._clock = clock
        self._store = store
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
        look = _Look(repository, Findings(digest), keys, rules)

        async def everywhere() -> None:
            async with asyncio.TaskGroup() as places:
                for place in dict.fromkeys((repository, *elsewhere)):
                    places.create_task(self._everything(self._search(place, digest, access, look), look))

        started = self._clock.monotonic()
        await self._in_time(look, everywhere)
        self._took(Stage.DISCOVERY, self._clock.monotonic() - started)
        return await self._concluded(digest, look)

    async def counting(
        self,
        repository: Repository,
        digest: Digest,
        found: Sequence[Piece],
        keys: Sequence[PublicKey],
        access: Access,
        rules: Sequence[Rule],
    ) -> tuple[frozenset[Digest], Evidence]:
        """Which of these count towards any of the rules, by name; and what they are.

        They are remembered, so that they are read first from now on. Raises nothing: what goes wrong is a shortfall.

        Args:
            repository: where they are kept.
            digest: what they are about.
            found: at most `CANDIDATES` of them are read.
            keys: those that may have signed.
            access: with whose right the registry is asked.
            rules: whatever they may count for.
        """
        look = _Look(repository, Findings(digest), keys, rules)
        search = self._search(repository, digest, access, look)
        await self._in_time(look, lambda: self._read(search, search.first(found), look))
        evidence = await self._concluded(digest, look)
        return frozenset(look.called[source][1] for source in counting(rules, evidence, self._clock.now())), evidence

    def _search(self, place: Repository, digest: Digest, access: Access, look: "_Look") -> Search:
        return Search(self._upstream, self._manifests, place, digest, access, look.found, look.attested)

    async def _in_time(self, look: "_Look", work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(DISCOVERY_SECONDS), self._queues[self._upstream_of(look.repository)]:
                await work()
        except TimeoutError:
            text = f"its signatures could not be read in {DISCOVERY_SECONDS:.0f} s"
            look.found.lack(Reason.VERIFICATION_TIMEOUT, text)

    async def _everything(self, search: Search, look: "_Look") -> None:
        """What counted before, while the rest is being listed; then the likeliest of that."""
        known = look.known[search.repository] = await self._known(search.repository, look.found.subject)
        async with asyncio.TaskGroup() as group:
            listing = group.create_task(search.listed())
            first, tagged = named(await search.tagged(), known)
            at_tags = {piece.name for piece in first}
            first += await search.referrers(name for name in known if name not in at_tags)
            await self._read(search, search.first(first), look)
        listed = search.first([carrier for carrier in await listing if carrier not in known])
        rest = sorted((*tagged, *await search.referrers(listed)), key=lambda piece: piece.source)
        await self._read(search, search.first(rest), look)

    async def _read(self, search: Search, found: Sequence[Piece], look: "_Look") -> None:
        async with asyncio.TaskGroup() as reading:
            for piece in found:
                reading.create_task(self._one(search, piece, look))

    async def _one(self, search: Search, piece: Piece, look: "_Look") -> None:
        candidate = await search.read(piece)
        if candidate is not None and piece.source not in look.called:  # the same carrier may be in several places
            look.called[piece.source] = (search.repository, piece.name)
            await self._verify(candidate, look.repository, look.keys, look.rules, look.found)

    async def _concluded(self, digest: Digest, look: "_Look") -> Evidence:
        """The evidence; where it counts, that is where to look first from now on."""
        evidence = look.found.evidence()
        at: defaultdict[Repository, set[Digest]] = defaultdict(set)
        for source in counting(look.rules, evidence, self._clock.now()):
            place, name = look.called[source]
            at[place].add(name)
        for place, names in at.items():
            with suppress(StateUnavailable):  # it changes no decision (attacks B34)
                if new := names.difference(look.known[place]):
                    await self._store.record_carriers(place, digest, frozenset(new))
        return evidence

    async def _known(self, place: Repository, digest: Digest) -> tuple[Digest, ...]:
        try:
            return await self._store.carriers(place, digest, KNOWN_CARRIERS)
        except StateUnavailable:
            return ()

    async def _verify(
        self,
        candidate: Candidate,
        repository: Repository,
        keys: Sequence[PublicKey],
        rules: Sequence[Rule],
        found: Findings,
    ) -> None:
        now = self._clock.now()
        async with self._threads:
            started = self._clock.monotonic()
            verdict = await asyncio.to_thread(self._verifier.verify, candidate, keys, now)
            self._took(Stage.VERIFICATION, self._clock.monotonic() - started)
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
        found: Findings,
    ) -> None:
        """What the rules ask of an attestation's predicate."""
        async for test, verdict in asked(self._predicates, rules, fact, repository, digest, self._clock.now()):
            found.answered(known, test, verdict)


class _Look:
    """What is looked for, and what came of it so far.

    Args:
        repository: where it is that the signatures are about.
        found: what is collected.
        keys: those that may have signed.
        rules: what it is for.
    """

    def __init__(
        self, repository: Repository, found: Findings, keys: Sequence[PublicKey], rules: Sequence[Rule]
    ) -> None:
        self.repository = repository
        self.found = found
        self.keys = keys
        self.rules = rules
        self.attested = any(rule.predicate_type for rule in rules)
        self.known: defaultdict[Repository, tuple[Digest, ...]] = defaultdict(tuple)  # what counted before
        self.called: dict[Source, tuple[Repository, Digest]] = {}  # where each was found, and what it is called
