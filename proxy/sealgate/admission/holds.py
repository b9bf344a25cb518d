"""Pushes that wait for their signature: held, judged again when evidence comes, released, over (design section 6).

A tag moves by itself only while it still points where it pointed when the push came, only to what the policies admit at
that moment, and inside its turn: every push of a tag takes the same turn and ends the hold first. So a late
signature never rolls a tag back, however slowly it comes (attacks B8, B19).

Before a signature is passed on, the holds that it may release are marked as due, on the disk. Whatever becomes of the
gate after that, they are judged again: at once, or by the sweep of the one that is started next.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from sealgate.admission.carriers import carrier_subject
from sealgate.admission.judge import Artifact, Judge, Judgement
from sealgate.admission.manifests import Manifests
from sealgate.admission.recorder import Recorder
from sealgate.errors import SealgateError, UpstreamRefused
from sealgate.evidence.reason import Reason
from sealgate.limits import HOLD_SECONDS, HOLD_SWEEP_SECONDS, HOLDS_PER_DIGEST, HOLDS_PER_SWEEP
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Repository, Tag, named
from sealgate.policy.decide import refuse
from sealgate.policy.decision import Decision, Finding, Outcome, Subject
from sealgate.policy.hold import Hold, releases
from sealgate.policy.model import Operation
from sealgate.policy.moments import told
from sealgate.ports import Access, Caller, Clock, Confirm, DecisionRecord, FetchedManifest, Upstream
from sealgate.ports import Holds as Store

_LOG: Final = logging.getLogger(__name__)
_NOT_FOUND: Final = 404
_GATE: Final = Access(by_gate=True)


class _End(Enum):
    RELEASED = auto()
    WAITS = auto()
    OVER = auto()  # ended by another push, or by what became of the tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What came of a hold that a signature was looked at for.

    Args:
        hold: it.
        released: whether its tag has moved.
        text: what is still missing, or that the tag has moved; for people.
    """

    hold: Hold
    released: bool
    text: str


class Holds:
    """Holds tags, and releases them.

    Args:
        upstream: where tags move, by the gate's own right.
        store: the holds.
        judge: who says whether a tag may move.
        manifests: how what is held is read.
        recorder: where it is written down.
        clock: the time.
        seconds: how long a tag is held.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        store: Store,
        judge: Judge,
        manifests: Manifests,
        recorder: Recorder,
        clock: Clock,
        seconds: float = HOLD_SECONDS,
    ) -> None:
        self._upstream = upstream
        self._store = store
        self._judge = judge
        self._manifests = manifests
        self._recorder = recorder
        self._clock = clock
        self._seconds = seconds

    def turn(self, repository: Repository, tag: Tag) -> AbstractAsyncContextManager[Confirm]:
        """The right to move a tag, one at a time. Raises `StateUnavailable`."""
        return self._store.turn(repository, tag)

    async def hold(self, artifact: Artifact, tag: Tag, pointed: Digest | None, record: DecisionRecord) -> Hold:
        """Hold a tag whose push was denied for lack of a signature. To be called in the tag's turn.

        Args:
            artifact: what the tag was to point to; it is stored by its digest.
            tag: the tag.
            pointed: what it points to.
            record: the denial.

        Raises:
            StateUnavailable: it cannot be remembered.
        """
        decision, finding = record.decision, record.decision.finding
        resolved = self._judge.policies.resolve(artifact.repository.name, Operation.PUSH, tag.name)
        hold = Hold(
            identifier=record.identifier,
            repository=artifact.repository,
            tag=tag,
            digest=artifact.digest,
            pointed=pointed,
            pusher=record.caller.name or record.caller.address,
            held_at=record.at,
            deadline=record.at + timedelta(seconds=self._seconds),
            releases=(moves := releases(resolved, decision)),
            # Its signature may have come while it was judged, when nothing was held yet that it could have marked.
            due=int(moves),
            policy=decision.policy,
            reason=finding.reason if finding else Reason.SIGNATURE_MISSING,
            text=finding.text if finding else "",
        )
        await self._store.save(hold)
        return hold

    async def end(self, repository: Repository, tag: Tag) -> None:
        """End the hold of a tag: somebody pushes it again. To be called in its turn, before the push is passed on.

        Raises:
            StateUnavailable: it is not known whether there is one.
        """
        if (hold := await self._store.of_tag(repository, tag)) is not None:
            await self._store.end(hold.identifier)

    async def of_tag(self, repository: Repository, tag: Tag) -> Hold | None:
        """The hold of a tag, unless it is over. Raises `StateUnavailable`."""
        hold = await self._store.of_tag(repository, tag)
        return hold if hold is not None and hold.deadline > self._clock.now() else None

    def awaiting(self, hold: Hold) -> Decision:
        """What a reader of a held tag is told, who would otherwise find no such tag."""
        moves = "it moves by itself once it is signed" if hold.releases else "push it again once it is signed"
        finding = Finding(
            reason=Reason.AWAITING_SIGNATURE,
            text=f"pushed {told(hold.held_at)} and held until {told(hold.deadline)}: {hold.text}",
        )
        return refuse(Subject(digest=hold.digest, kinds=()), finding, self._clock.now(), moves)

    async def coming(self, repository: Repository, subject: Digest) -> tuple[Hold, ...]:
        """The tags that a signature may release. They will be judged, come what may.

        To be called before it is passed on, and once more when it is stored: somebody may have judged them in between,
        without it.

        Args:
            repository: where it is pushed.
            subject: what it is about.

        Raises:
            StateUnavailable: that cannot be remembered.
        """
        return await self._store.mark_due(repository, subject, HOLDS_PER_DIGEST)

    async def came(self, holds: Iterable[Hold]) -> tuple[Awaited, ...]:
        """Judge again what `coming` gave, now that the signature is stored. Raises nothing: what fails stays due."""
        return tuple([await self._again(hold) for hold in holds])

    async def due(self) -> tuple[Hold, ...]:
        """What is to be judged again, and what is over. Raises `StateUnavailable`."""
        return tuple(await self._store.due(self._clock.now(), HOLDS_PER_SWEEP))

    async def look_at(self, hold: Hold) -> None:
        """Judge a hold if that is due, and end it if it is over. Raises `StateUnavailable`."""
        if hold.due:
            await self._again(hold)
        if hold.deadline <= self._clock.now():
            await self._expire(hold)

    async def _again(self, hold: Hold) -> Awaited:
        try:
            end, text = await self._release(hold)
        except SealgateError as lost:  # it stays due: the next sweep comes back to it
            _LOG.warning("%s waits, and could not be judged: %s", named(hold.repository, hold.tag), lost)
            return Awaited(hold=hold, released=False, text="it could not be judged just now, and will be soon")
        return Awaited(hold=hold, released=end is _End.RELEASED, text=text)

    async def _release(self, hold: Hold) -> tuple[_End, str]:
        started = self._recorder.started()
        fetched = await self._fetched(hold.repository, hold.digest)
        if fetched is None:
            text = f"{hold.digest} is no longer in the registry"
            await self._ended(hold, Finding(reason=Reason.CONTENT_GONE, text=text), "hold-ended", started)
            return _End.OVER, text
        judgement = await self._judged(hold, fetched)
        decision = judgement.decision
        if decision.outcome is Outcome.UNDETERMINED:  # it stays due
            return _End.WAITS, decision.finding.text if decision.finding else ""
        if not decision.admitted:
            finding = decision.finding or Finding(reason=hold.reason, text=hold.text)
            await self._store.settle(hold.identifier, hold.due, finding.reason, finding.text)
            return _End.WAITS, finding.text
        async with self._store.turn(hold.repository, hold.tag) as confirm:
            current = await self._store.of_tag(hold.repository, hold.tag)
            if current is None or current.identifier != hold.identifier:
                return _End.OVER, "the tag was pushed again"
            points_to = await self.points_to(hold.repository, hold.tag, _GATE)
            if points_to not in (hold.pointed, hold.digest):
                finding = Finding(
                    reason=Reason.AWAITING_SIGNATURE,
                    text="the tag was moved past the gate, and does not point where it pointed when this was pushed",
                )
                await self._ended(hold, finding, "hold-ended", started)
                return _End.OVER, finding.text
            if points_to != hold.digest:
                resolved = self._judge.policies.resolve(hold.repository.name, Operation.PUSH, hold.tag.name)
                if points_to is not None and (policy := resolved.immutable(hold.tag.name)) is not None:
                    text = f"policy {policy.name} lets no such tag move"
                    await self._ended(hold, Finding(reason=Reason.TAG_IMMUTABLE, text=text), "hold-ended", started)
                    return _End.OVER, text
                await confirm()
                await self._upstream.put_manifest(hold.repository, hold.tag, fetched.content_type, fetched.raw, _GATE)
            await self._store.end(hold.identifier)
        if hold.asked:
            decision = replace(decision, warnings=(*decision.warnings, f"released on request: {hold.asked}"))
        self._record(hold, decision, "released", started)
        return _End.RELEASED, "the tag has moved"

    async def _judged(self, hold: Hold, fetched: FetchedManifest) -> Judgement:
        artifact = Artifact(
            repository=hold.repository,
            digest=hold.digest,
            manifest=self._manifests.learn(hold.repository, fetched),
            tag_subject=carrier_subject(hold.tag),
        )
        return await self._judge.for_push(artifact, hold.tag.name, _GATE)

    async def points_to(self, repository: Repository, tag: Tag, access: Access) -> Digest | None:
        """What a tag points to at the registry; None when there is no such tag.

        Raises:
            UpstreamRefused, UpstreamUnavailable: the registry does not say.
        """
        try:
            return (await self._upstream.manifest(repository, tag, MANIFESTS, access)).digest
        except UpstreamRefused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None

    async def _fetched(self, repository: Repository, digest: Digest) -> FetchedManifest | None:
        try:
            return await self._upstream.manifest(repository, digest, MANIFESTS, _GATE)
        except UpstreamRefused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None

    async def _expire(self, hold: Hold) -> None:
        text = f"nobody signed it in time: {hold.text}"
        await self._ended(hold, Finding(reason=Reason.AWAITING_SIGNATURE, text=text), "hold-expired", None)

    async def _ended(self, hold: Hold, finding: Finding, event: str, started: float | None) -> None:
        if await self._store.end(hold.identifier):  # by one of all replicas
            decision = refuse(Subject(digest=hold.digest, kinds=()), finding, self._clock.now(), "push it again")
            self._record(hold, decision, event, self._recorder.started() if started is None else started)

    def _record(self, hold: Hold, decision: Decision, event: str, started: float) -> None:
        self._recorder.record(
            decision,
            caller=Caller(name=hold.pusher),
            operation=Operation.PUSH,
            repository=hold.repository,
            reference=hold.tag,
            cached=False,
            started=started,
            event=event,
        )


async def sweeping(holds: Callable[[], Holds]) -> None:
    """Look at what is due, until cancelled. The first sweep replays what was due when the last gate ended.

    Args:
        holds: those that know the policies in force; asked for each hold, as for each request.
    """
    while True:
        try:
            for hold in await holds().due():
                await _look_at(holds(), hold)
        except SealgateError as lost:
            _LOG.warning("holds cannot be looked at: %s", lost)
        except Exception:  # noqa: BLE001
            _LOG.exception("a sweep of the holds ended in an error that nobody foresaw")
        await asyncio.sleep(HOLD_SWEEP_SECONDS)


async def _look_at(holds: Holds, hold: Hold) -> None:
    """One that nobody can look at does not keep the others waiting."""
    try:
        await holds.look_at(hold)
    except SealgateError:
        raise  # the state does not answer: the others would wait for it, too
    except Exception:  # noqa: BLE001
        _LOG.exception("%s could not be judged, for an error that nobody foresaw", named(hold.repository, hold.tag))
