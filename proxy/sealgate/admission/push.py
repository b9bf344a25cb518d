"""Push: a tag moves only to what the policies admit (design section 6).

By digest anything well-formed is stored, and nobody can pull it until it is admitted: that is how multi-platform images
and signatures arrive. A tag is the admission point. What is refused there is stored by digest only, so that it can be
signed; after that the same push succeeds.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from sealgate.admission.carriers import brings_signatures, carrier_subject
from sealgate.admission.holds import Awaited, Holds
from sealgate.admission.judge import Artifact, Judge, Judgement
from sealgate.admission.manifests import Manifests
from sealgate.admission.protection import Protection
from sealgate.admission.recorder import Recorder
from sealgate.admission.search import pieces
from sealgate.errors import ContentMismatch, RightMissing, SealgateError, StateUnavailable
from sealgate.evidence.reason import Reason
from sealgate.limits import KNOWN_CARRIERS
from sealgate.oci.digest import NO_CONTENT, Digest
from sealgate.oci.manifest import Index
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.referrers import fallback_subject
from sealgate.policy.access import Right
from sealgate.policy.decide import refuse
from sealgate.policy.decision import Decision, Finding, Outcome, Subject
from sealgate.policy.hold import Hold
from sealgate.policy.model import Operation
from sealgate.ports import (
    Access,
    Caller,
    Clock,
    Confirm,
    DecisionRecord,
    FetchedManifest,
    Rights,
    Store,
    StoredManifest,
    Upstream,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedManifest:
    """What became of a manifest PUT.

    Args:
        digest: SHA-256 of the bytes.
        record: the decision; None when it was stored by digest, as asked, and there was nothing to decide.
        stored: what the upstream answered; None when nothing was stored.
        moved: whether what was asked for was done. Else it was stored by digest only, or not at all.
        hold: what holds the tag, where the push lacks nothing but a signature.
        awaited: what came of the tags that this signature was awaited for.
        lacking: why what was signed is not admitted even so; "" where it is, or nobody knows.
    """

    digest: Digest
    record: DecisionRecord | None
    stored: StoredManifest | None
    moved: bool
    hold: Hold | None = None
    awaited: tuple[Awaited, ...] = ()
    lacking: str = ""


class Push:
    """Manifests on their way in."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        store: Store,
        manifests: Manifests,
        judge: Judge,
        recorder: Recorder,
        clock: Clock,
        holds: Holds,
        rights: Rights | None = None,
    ) -> None:
        self._holds = holds
        self._rights = rights
        self._protection = Protection(upstream, manifests, judge, clock)
        self._upstream = upstream
        self._store = store
        self._manifests = manifests
        self._judge = judge
        self._recorder = recorder
        self._clock = clock

    def may_upload(self, repository: Repository, caller: Caller) -> DecisionRecord | None:
        """None when some push into this repository could be admitted; else the refusal, before the layers travel."""
        if self._judge.policies.may_take(repository.name):
            return None
        return self._uncovered(repository, None, NO_CONTENT, caller)

    async def manifest(
        self,
        repository: Repository,
        reference: Reference,
        content_type: str,
        raw: bytes,
        access: Access,
        caller: Caller,
    ) -> PushedManifest:
        """Store a manifest, and move the tag to it if the policies admit it.

        Raises:
            ManifestMalformed, TooLarge: it is no manifest.
            ContentMismatch: it has another digest than it was sent to.
            UpstreamRefused, UpstreamUnavailable: the upstream did not take it.
            StateUnavailable: what it lists cannot be remembered.
            RightMissing: the caller may push and not sign, or the other way round, and this is the other.
        """
        started = self._recorder.started()
        digest = Digest.of(raw)
        if isinstance(reference, Digest) and not reference.matches(raw):
            raise ContentMismatch(f"the manifest has the digest {digest}, not {reference}")
        fetched = FetchedManifest(raw=raw, content_type=content_type, digest=digest)
        artifact = Artifact(
            repository=repository,
            digest=digest,
            manifest=self._manifests.learn(repository, fetched),
            tag_subject=carrier_subject(reference),
        )
        if not self._judge.policies.may_take(repository.name):
            record = self._uncovered(repository, reference, digest, caller)
            return PushedManifest(digest=digest, record=record, stored=None, moved=False)
        if isinstance(reference, Digest):
            carrier = await self._judge.as_carrier(artifact, access)
            self._check_right(artifact, caller, carrier)
            await self._due(artifact, carrier)
            answer = await self._put(artifact, fetched, reference, carrier, access)
            pushed = PushedManifest(digest=digest, record=None, stored=answer, moved=True)
            return await self._looked_at(pushed, artifact, carrier, access)
        judgement = await self._judge.for_push(artifact, reference.name, access)
        self._check_right(artifact, caller, judgement)
        await self._due(artifact, judgement)
        async with self._holds.turn(repository, reference) as confirm:
            pushed = await self._at_tag(artifact, fetched, reference, judgement, access, caller, started, confirm)
        if pushed.moved and isinstance(artifact.manifest, Index):
            await self._lacking(repository, digest, access)
        return await self._looked_at(pushed, artifact, judgement, access)

    async def _at_tag(
        self,
        artifact: Artifact,
        fetched: FetchedManifest,
        tag: Tag,
        judgement: Judgement,
        access: Access,
        caller: Caller,
        started: float,
        confirm: Confirm,
    ) -> PushedManifest:
        """In the tag's turn: whatever was held there is over, before anything is stored."""
        repository = artifact.repository
        decision = await self._or_immutable(artifact, tag, judgement, access)
        lost = await self._protection.lost(artifact, tag, access) if decision.admitted or decision.curable else None
        strips = lost is not None and self._rights is not None and self._rights.may_delete(repository, caller)
        if lost is not None and not strips:
            decision = await self._protection.refusal(artifact, lost, access) or decision
        keep = decision.curable or decision.outcome is Outcome.UNDETERMINED
        await self._holds.end(repository, tag)
        pointed = await self._holds.points_to(repository, tag, access) if decision.curable else None
        stored: StoredManifest | None = None
        if decision.admitted or keep:
            await confirm()
            target: Tag | Digest = tag if decision.admitted else artifact.digest
            stored = await self._put(artifact, fetched, target, judgement, access)
        if strips and decision.admitted:  # it was a delete in all but name
            await self._judge.forget(repository, fallback_subject(tag))
        record = self._recorder.record(
            decision,
            caller=caller,
            operation=Operation.PUSH,
            repository=repository,
            reference=tag,
            cached=False,
            started=started,
            event="held" if decision.curable else "",
        )
        hold = await self._holds.hold(artifact, tag, pointed, record) if decision.curable else None
        return PushedManifest(digest=artifact.digest, record=record, stored=stored, moved=decision.admitted, hold=hold)

    async def _or_immutable(self, artifact: Artifact, tag: Tag, judgement: Judgement, access: Access) -> Decision:
        """The decision, unless the tag is one that never moves and points to something else already."""
        decision = judgement.decision
        policy = self._judge.policies.resolve(artifact.repository.name, Operation.PUSH, tag.name).immutable(tag.name)
        if policy is None or judgement.carrier_of is not None or decision.outcome is Outcome.UNDETERMINED:
            return decision
        points_to = await self._holds.points_to(artifact.repository, tag, access)
        if points_to is None or points_to == artifact.digest:
            return decision
        finding = Finding(reason=Reason.TAG_IMMUTABLE, text=f"the tag points to {points_to}, and never moves")
        refused = refuse(
            Subject(digest=artifact.digest, kinds=()), finding, self._clock.now(), "push it as another tag"
        )
        return replace(refused, policy=policy.name, description=policy.description)

    async def _due(self, artifact: Artifact, judgement: Judgement | None) -> tuple[Hold, ...]:
        """The tags that wait for what this carries: marked, before it is passed on."""
        if judgement is None or judgement.carrier_of is None:
            return ()
        return await self._holds.coming(artifact.repository, judgement.carrier_of)

    async def _looked_at(
        self,
        pushed: PushedManifest,
        artifact: Artifact,
        judgement: Judgement | None,
        access: Access,
    ) -> PushedManifest:
        """What a signature that is stored now has changed: the tags that waited for it, or what else it lacks."""
        if judgement is None or judgement.carrier_of is None or not pushed.moved:
            return pushed
        # Marked anew: who looked at them before it was stored has settled the first marks without it.
        due = await self._due(artifact, judgement)
        await self._remember(artifact, judgement.carrier_of, access)
        if due:
            pushed = replace(pushed, awaited=await self._holds.came(due))
        lacking = await self._lacking(artifact.repository, judgement.carrier_of, access)
        return pushed if due else replace(pushed, lacking=lacking)

    async def _remember(self, artifact: Artifact, subject: Digest, access: Access) -> None:
        """Look which of the signatures that came count, so that they are read first from now on."""
        at_tag = artifact.tag_subject is not None
        if at_tag or artifact.manifest.subject is not None:
            found = pieces(artifact.digest, artifact.manifest, attested=True, at_tag=at_tag)
            with suppress(StateUnavailable):  # then they are looked for like all others
                known = await self._store.carriers(artifact.repository, subject, KNOWN_CARRIERS)
                new = [piece for piece in found if piece.name not in known]
                await self._judge.counting(artifact.repository, subject, new, access)

    async def _lacking(self, repository: Repository, digest: Digest, access: Access) -> str:
        """Why it is not admitted, for lack of what; "" where it is: then what it lists is known to be, too."""
        try:
            manifest = await self._manifests.by_digest(repository, digest, access)
            subject = Artifact(repository=repository, digest=digest, manifest=manifest, by_digest=True)
            judged = await self._judge.for_pull(subject, access)
            decision = judged.decision
            if decision.admitted and judged.carrier_of is None:
                await self._judge.listings.record(repository, digest, manifest, admitted=True)
        except SealgateError:  # it is not there yet, or cannot be read: the signature is stored all the same
            return ""
        return decision.finding.text if decision.outcome is Outcome.DENY and decision.finding else ""

    async def _put(
        self,
        artifact: Artifact,
        sent: FetchedManifest,
        target: Reference,
        judgement: Judgement | None,
        access: Access,
    ) -> StoredManifest:
        stored = await self._upstream.put_manifest(artifact.repository, target, sent.content_type, sent.raw, access)
        carrier_of = judgement.carrier_of if judgement is not None else None
        await self._judge.listings.record(
            artifact.repository, artifact.digest, artifact.manifest, admitted=False, covers=carrier_of is None
        )
        if carrier_of is not None:  # a refusal must not outlive the signature that mends it
            await self._judge.forget_denials(artifact.repository, carrier_of)
        return stored

    def _check_right(self, artifact: Artifact, caller: Caller, judgement: Judgement | None) -> None:
        """Carriers are pushed by those who may sign, everything else by those who may push.

        What is no carrier and brings signatures along all the same takes both rights: discovery reads those too.
        """
        carrier = judgement is not None and judgement.carrier_of is not None
        for right, asked in ((Right.SIGN, carrier or brings_signatures(artifact.manifest)), (Right.PUSH, not carrier)):
            if asked and self._rights is not None and not self._rights.may(right, artifact.repository, caller):
                raise RightMissing(f"no right to {right} here")

    def _uncovered(
        self, repository: Repository, reference: Reference | None, digest: Digest, caller: Caller
    ) -> DecisionRecord:
        finding = Finding(reason=Reason.REPOSITORY_NOT_COVERED, text="no policy covers pushes to this repository")
        cure = "ask the platform team for a policy that covers it"
        decision: Decision = refuse(Subject(digest=digest, kinds=()), finding, self._clock.now(), cure)
        return self._recorder.record(
            decision,
            caller=caller,
            operation=Operation.PUSH,
            repository=repository,
            reference=reference,
            cached=False,
            started=self._recorder.started(),
        )
