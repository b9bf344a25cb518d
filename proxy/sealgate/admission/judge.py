"""One artifact, judged: from the cache where it may, else from the evidence. Pull, push and `check` all ask here.

An artifact is admitted as a carrier of evidence, or by the policies itself, or (on pull) by an admitted index that
lists it. What the store says is only ever where to look: which manifest lists what is read from bytes that were hashed.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Final

from sealgate.admission.carriers import Carriers, looks_like_carrier
from sealgate.admission.discovery import Discovery
from sealgate.admission.listings import Listings
from sealgate.admission.manifests import Manifests
from sealgate.admission.search import Piece
from sealgate.admission.single_flight import SingleFlight
from sealgate.errors import (
    ContentMismatch,
    ManifestMalformed,
    PayloadMalformed,
    StateUnavailable,
    TooLarge,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence
from sealgate.limits import ADMIT_TTL_SECONDS, INDEX_DEPTH, RESOLUTIONS_IN_MEMORY
from sealgate.oci.artifact import kinds_of
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import NO_PLATFORM, Index, Manifest
from sealgate.oci.reference import Repository
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide, refuse
from sealgate.policy.decision import Decision, Finding, Grounds, Outcome, Subject
from sealgate.policy.model import Operation, PolicySet, Resolved
from sealgate.policy.rules import applies, standing
from sealgate.ports import Access, Clock, DecisionKey, SignatureVerifier, Store

_NOT_FOUND: Final = 404
_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What is to be judged.

    Args:
        tag_subject: the digest that the tag in question speaks about, where the tag has the form of a carrier's.
        by_digest: whether it was asked for by digest; then it may be the child of an index.
    """

    repository: Repository
    digest: Digest
    manifest: Manifest
    tag_subject: Digest | None = None
    by_digest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A decision, and how it came about.

    Args:
        cached: whether it was computed before, or for somebody else at the same time.
        carrier_of: the digest that the artifact carries evidence about, when it is an admitted carrier.
    """

    decision: Decision
    cached: bool = False
    carrier_of: Digest | None = None


@dataclass(slots=True)
class _Passed:
    """How often signatures came, and things were deleted: what was decided meanwhile may not have seen it."""

    signed: int = 0
    deleted: int = 0


class Judge:
    """Judges artifacts under one set of policies.

    Its methods raise nothing about the artifact: what cannot be established is an undetermined decision. They may
    raise `StateUnavailable` when it is not known what lists what.

    Args:
        upstream_of: the name of the registry that a repository is at.
        store: what lists what, and earlier decisions.
        verifier: whose version and trusted roots decisions depend on.
        manifests: how indexes are read.
        discovery: how evidence is found.
        carriers: how carriers are recognised.
        clock: the time of decisions.
        policies: the policies in force.
        admit_seconds: how long an admission holds at most.
    """

    def __init__(
        self,
        *,
        upstream_of: Callable[[Repository], str],
        store: Store,
        verifier: SignatureVerifier,
        manifests: Manifests,
        discovery: Discovery,
        carriers: Carriers,
        clock: Clock,
        policies: PolicySet,
        admit_seconds: float = ADMIT_TTL_SECONDS,
    ) -> None:
        self.listings = Listings(store)
        self._upstream_of = upstream_of
        self._store = store
        self._manifests = manifests
        self._clock = clock
        self._admit_seconds = admit_seconds
        self._carriers = carriers
        self._flights: SingleFlight[Decision] = SingleFlight()
        self._passed = _Passed()
        self._enforce(policies, verifier, discovery)

    def _enforce(self, policies: PolicySet, verifier: SignatureVerifier, discovery: Discovery) -> None:
        self.policies = policies
        self._verifier = verifier
        self._discovery = discovery
        self._resolve: Callable[[str, Operation, str | None], Resolved] = lru_cache(RESOLUTIONS_IN_MEMORY)(
            policies.resolve
        )
        self._concerning: Callable[[str], Resolved] = lru_cache(RESOLUTIONS_IN_MEMORY)(policies.concerning)

    def under(self, policies: PolicySet, verifier: SignatureVerifier) -> "Judge":
        """A judge under other policies and trusted roots.

        All else is one and the same: what is being computed, what is remembered, and what came or went meanwhile.
        """
        other = copy(self)
        other._enforce(policies, verifier, self._discovery.by(verifier))  # noqa: SLF001 - its own class
        return other

    async def for_pull(self, artifact: Artifact, access: Access) -> Judgement:
        """May it be served?"""
        carrier = await self.as_carrier(artifact, access)
        if carrier is not None and carrier.decision.admitted:
            return carrier
        return _either(carrier, await self._by_policies_or_index(artifact, access, depth=0))

    async def for_push(self, artifact: Artifact, tag: str, access: Access) -> Judgement:
        """May the tag move to it? Judged afresh: nothing that is cached is used.

        A carrier passes only at a tag of the digest that it is about; elsewhere it is an artifact like any other.
        """
        carrier = await self.as_carrier(artifact, access, tag) if artifact.tag_subject is not None else None
        if carrier is not None and carrier.decision.admitted:
            return carrier
        resolved = self._resolve(artifact.repository.name, Operation.PUSH, tag)
        return _either(carrier, Judgement(decision=await self._decide(artifact, resolved, access)))

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """Drop what was denied about a digest, for a carrier has come for it; also what is being decided just now.

        Raises:
            StateUnavailable: what is kept cannot be dropped.
        """
        self._passed.signed += 1
        await self._store.forget_denials(repository, digest)

    async def forget(self, repository: Repository, subject: Digest | None = None) -> None:
        """Decide everything in this repository afresh: what an admission rests on may be gone (attacks B21).

        Args:
            repository: where something was deleted.
            subject: whose list of referrers it was, where it was one.

        Raises:
            StateUnavailable: what is kept cannot be dropped.
        """
        self._passed.deleted += 1
        self._manifests.forget(repository)
        if subject is not None:  # what is no longer listed, and still there, must not be found by its name
            await self._store.forget_carriers(repository, subject)
        await self._store.forget_decisions(repository)

    async def counting(
        self, repository: Repository, subject: Digest, found: Sequence[Piece], access: Access
    ) -> tuple[frozenset[Digest], Evidence]:
        """Which of these signatures count for any policy, by name, and what they are; read first from now on.

        Raises nothing: what goes wrong is a shortfall of the evidence.

        Args:
            repository: where they are kept.
            subject: what they are about.
            found: they.
            access: with whose right they are read.
        """
        resolved = self._concerning(repository.name)
        rules = resolved.rules
        return await self._discovery.counting(repository, subject, found, resolved.keys, access, rules)

    def covers(self, repository: Repository, kept: Evidence, lost: Evidence) -> bool:
        """Whether everybody whose evidence is lost stands for the same rules by what is kept."""
        rules, now = self._concerning(repository.name).rules, self._clock.now()
        return standing(rules, lost, now) <= standing(rules, kept, now)

    def lets_anything_pass(self, repository: Repository) -> bool:
        """Whether any artifact at all would be admitted on pull, so that no manifest need vouch for a blob."""
        return self._resolve(repository.name, Operation.PULL, None).asks_nothing

    async def _by_policies_or_index(self, artifact: Artifact, access: Access, depth: int) -> Judgement:
        resolved = self._resolve(artifact.repository.name, Operation.PULL, None)
        judgement = await self._by_policies(artifact, resolved, access)
        decision = judgement.decision
        if decision.admitted or not decision.policy or depth >= INDEX_DEPTH:
            return judgement
        indexes = await self.listings.of_child(artifact.repository, artifact.digest)
        judged: list[Decision] = []
        bare: set[Digest] = set()
        for digest in indexes:
            found = await self._index(artifact, digest, access, depth + 1)
            if found is None:
                continue
            index, platforms = found
            judged.append(index)
            if platforms == {NO_PLATFORM}:
                bare.add(digest)
            if index.admitted:
                covered = cover(decision, judged, resolved, self._clock.now(), frozenset(bare))
                if covered.admitted:
                    return replace(judgement, decision=_listed(covered, decision, judged, bare))
        decision = _listed(
            cover(decision, judged, resolved, self._clock.now(), frozenset(bare)), decision, judged, bare
        )
        if artifact.by_digest and not judged:
            decision = _perhaps_a_child(decision)
        return replace(judgement, decision=decision)

    async def _index(
        self, child: Artifact, digest: Digest, access: Access, depth: int
    ) -> tuple[Decision, set[str]] | None:
        """What is decided about an index that is said to list the child, and for which platforms it lists it.

        None: it does not list it, or is gone.
        """
        try:
            manifest = await self._manifests.by_digest(child.repository, digest, access)
        except (ContentMismatch, ManifestMalformed, TooLarge):
            return None
        except (UpstreamRefused, UpstreamUnavailable) as lost:
            if isinstance(lost, UpstreamRefused) and lost.status == _NOT_FOUND:
                return None
            return self._unread(digest, f"an index that lists it cannot be read: {lost}", lost), set()
        if not isinstance(manifest, Index):
            return None
        platforms = {entry.platform for entry in manifest.manifests if entry.digest == child.digest}
        if not platforms:
            return None
        index = Artifact(repository=child.repository, digest=digest, manifest=manifest)
        return (await self._by_policies_or_index(index, access, depth)).decision, platforms

    async def _by_policies(self, artifact: Artifact, resolved: Resolved, access: Access) -> Judgement:
        key = self._key(artifact, resolved.digest)
        if (known := await self._cached(key)) is not None:
            return Judgement(decision=known, cached=True)

        signed, deleted = self._passed.signed, self._passed.deleted

        async def compute() -> Decision:
            decision = await self._decide(artifact, resolved, access)
            # Not kept: a refusal that has not seen the signature that came meanwhile, and anything that has seen what
            # was deleted meanwhile.
            if deleted == self._passed.deleted and (decision.admitted or signed == self._passed.signed):
                await self._save(key, decision)
            return decision

        decision, shared = await self._flights.run((key, signed, deleted), compute)
        if shared and decision.outcome is Outcome.UNDETERMINED:  # the doubt may be its starter's: a token that ran out
            decision, shared = await self._flights.run((key, signed, deleted, access), compute)
        return Judgement(decision=decision, cached=shared)

    async def _decide(self, artifact: Artifact, resolved: Resolved, access: Access) -> Decision:
        subject = Subject(digest=artifact.digest, kinds=kinds_of(artifact.manifest))
        rules = [rule for policy in resolved.policies for rule in policy.rules if applies(rule, subject)]
        evidence = (
            await self._discovery.gather(
                artifact.repository, artifact.digest, resolved.keys, access, rules, resolved.signature_repositories
            )
            if resolved.needs_evidence
            else Evidence(subject=artifact.digest)
        )
        decision = decide(resolved, subject, evidence, self._clock.now(), self._admit_seconds)
        keys = tuple(key.fingerprint for key in resolved.keys)
        found = evidence if resolved.needs_evidence else None
        return replace(decision, grounds=Grounds(kinds=subject.kinds, evidence=found, keys=keys))

    async def as_carrier(self, artifact: Artifact, access: Access, tag: str | None = None) -> Judgement | None:
        """Is it a carrier? None: it has not the form of one. Admitted: it is. Else: why not, or why that is unknown.

        Args:
            artifact: what may be one.
            access: with whose right it is read.
            tag: the tag that a push would move to it; None on pull.
        """
        if isinstance(artifact.manifest, Index):
            if artifact.tag_subject is None:
                return None
        elif not looks_like_carrier(artifact.manifest):
            return None
        about = Subject(digest=artifact.digest, kinds=())
        try:
            subject = await self._carriers.subject(
                artifact.repository, artifact.digest, artifact.manifest, artifact.tag_subject, access
            )
        except PayloadMalformed as bad:
            finding = Finding(
                reason=Reason.CARRIER_MALFORMED,
                text=f"it has the form of a signature or attestation and is none: {bad}",
            )
            return Judgement(decision=refuse(about, finding, self._clock.now()))
        except (UpstreamUnavailable, UpstreamRefused) as lost:
            return Judgement(decision=self._unread(artifact.digest, f"what it carries cannot be read: {lost}", lost))
        if subject is None:
            return None
        operation = Operation.PULL if tag is None else Operation.PUSH
        resolved = self._resolve(artifact.repository.name, operation, tag)
        if any(artifact.digest in policy.denied.digests for policy in resolved.policies):  # which beats everything
            denied = decide(resolved, about, Evidence(subject=artifact.digest), self._clock.now())
            return Judgement(decision=denied)
        until = self._clock.now() + timedelta(seconds=self._admit_seconds)
        admitted = Decision(outcome=Outcome.ADMIT, digest=artifact.digest, valid_until=until, grounds=Grounds(kinds=()))
        return Judgement(decision=admitted, carrier_of=subject)

    def _unread(self, digest: Digest, text: str, lost: UpstreamError) -> Decision:
        limited = isinstance(lost, UpstreamRefused) and lost.status == _TOO_MANY_REQUESTS
        reason = Reason.UPSTREAM_LIMITED if limited else Reason.UPSTREAM_UNAVAILABLE
        return refuse(Subject(digest=digest, kinds=()), Finding(reason=reason, text=text), self._clock.now())

    async def _cached(self, key: DecisionKey) -> Decision | None:
        """A decision that still holds. A store that cannot be read is a miss: it changes no decision (attacks B34).

        So is one that holds longer than any made now would: the clock was put back since (attacks F15), or the setting
        was made smaller.
        """
        try:
            known = await self._store.decision(key)
        except StateUnavailable:
            return None
        if known is None:
            return None
        now = self._clock.now()
        return known if now < known.valid_until <= now + timedelta(seconds=self._admit_seconds) else None

    async def _save(self, key: DecisionKey, decision: Decision) -> None:
        if decision.outcome is Outcome.UNDETERMINED:
            return
        try:
            await self._store.save_decision(key, replace(decision, grounds=None))
        except StateUnavailable:
            return

    def _key(self, artifact: Artifact, policies: str) -> DecisionKey:
        return DecisionKey(
            upstream=self._upstream_of(artifact.repository),
            repository=artifact.repository,
            digest=artifact.digest,
            operation=Operation.PULL,
            policies=policies,
            trusted_roots=self._verifier.trusted_roots_digest,
            verifier=self._verifier.version,
        )


def _either(carrier: Judgement | None, judgement: Judgement) -> Judgement:
    """What the policies say, unless they deny what has the form of a carrier: why it is none is what people must read.

    A doubt on either side stays a doubt: it may pass the next time.
    """
    if carrier is None or judgement.decision.outcome is not Outcome.DENY:
        return judgement
    return carrier


def _listed(decision: Decision, own: Decision, judged: list[Decision], bare: set[Digest]) -> Decision:
    """A decision with what it was made from: that of the child itself, and which indexes list it."""
    if own.grounds is None:
        return decision
    indexes = tuple((index.digest, index.digest in bare) for index in judged)
    return replace(decision, grounds=replace(own.grounds, indexes=indexes))


def _perhaps_a_child(decision: Decision) -> Decision:
    """Unsigned, asked for by digest, and no index known that lists it: say so, it may be all that is the matter."""
    if decision.finding is None or decision.finding.reason is not Reason.SIGNATURE_MISSING:
        return decision
    finding = Finding(
        reason=Reason.CHILD_OF_UNKNOWN_INDEX,
        text=f"{decision.finding.text}; and the gate has seen no index that lists it",
    )
    cure = "if it is part of a multi-platform image, ask for that image's tag once; else " + (
        decision.cure or "have it signed"
    )
    return replace(decision, finding=finding, cure=cure)
