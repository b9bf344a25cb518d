"""Pull: what is served is what was judged. Fetch once, hash it, decide on that digest, serve those bytes."""

from dataclasses import dataclass, replace
from typing import Final

from sealgate.admission.carriers import carrier_subject
from sealgate.admission.holds import Holds
from sealgate.admission.judge import Artifact, Judge, Judgement
from sealgate.admission.manifests import Manifests
from sealgate.admission.recorder import Recorder
from sealgate.errors import ContentMismatch, ManifestMalformed, TooLarge, UpstreamRefused, UpstreamUnavailable
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import ImageManifest
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.policy.access import Right
from sealgate.policy.decide import refuse
from sealgate.policy.decision import Decision, Finding, Outcome, Subject
from sealgate.policy.model import Operation
from sealgate.ports import Access, Caller, Clock, DecisionRecord, FetchedManifest, Rights, Store, Upstream

_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledManifest:
    """A manifest, and whether it may be served: only if `record.served`.

    Args:
        manifest: None where there is no such tag, and one is held.
    """

    manifest: FetchedManifest | None
    record: DecisionRecord


class Pull:
    """Manifests and blobs on their way out."""

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
        self._upstream = upstream
        self._store = store
        self._manifests = manifests
        self._judge = judge
        self._recorder = recorder
        self._clock = clock

    async def manifest(
        self, repository: Repository, reference: Reference, accept: tuple[str, ...], access: Access, caller: Caller
    ) -> PulledManifest:
        """Fetch a manifest with the caller's own right, and judge those bytes.

        Raises:
            UpstreamRefused, UpstreamUnavailable, ContentMismatch, TooLarge: there are no bytes to judge.
            StateUnavailable: what this manifest lists cannot be remembered or looked up.
        """
        started = self._recorder.started()
        try:
            fetched = await self._upstream.manifest(repository, reference, accept, access)
        except UpstreamRefused as refused:
            if refused.status != _NOT_FOUND or not isinstance(reference, Tag):
                raise
            hold = await self._holds.of_tag(repository, reference)
            if hold is None:
                raise
            record = self._recorder.record(
                self._holds.awaiting(hold),
                caller=caller,
                operation=Operation.PULL,
                repository=repository,
                reference=reference,
                cached=False,
                started=started,
            )
            return PulledManifest(manifest=None, record=record)
        try:
            manifest = self._manifests.learn(repository, fetched)
        except (ManifestMalformed, TooLarge) as bad:
            judgement = Judgement(decision=self._refused(fetched.digest, Reason.MANIFEST_MALFORMED, f"{bad}"))
        else:
            artifact = Artifact(
                repository=repository,
                digest=fetched.digest,
                manifest=manifest,
                tag_subject=carrier_subject(reference),
                by_digest=isinstance(reference, Digest),
            )
            judgement = await self._judge.for_pull(artifact, access)
            await self._judge.listings.record(
                repository,
                fetched.digest,
                manifest,
                admitted=judgement.decision.admitted,
                covers=judgement.carrier_of is None,
            )
        record = self._recorder.record(
            judgement.decision,
            caller=caller,
            operation=Operation.PULL,
            repository=repository,
            reference=reference,
            cached=judgement.cached,
            started=started,
            inspected=self._inspects(judgement.decision, repository, caller),
        )
        return PulledManifest(manifest=fetched, record=record)

    async def blob(self, repository: Repository, digest: Digest, access: Access, caller: Caller) -> DecisionRecord:
        """May this blob be served? Only while a manifest of the repository that lists it is admitted.

        Raises:
            UpstreamRefused: the upstream lets nobody with this right read a manifest that may list it.
            StateUnavailable: it is not known which manifests list it.
        """
        started = self._recorder.started()
        decision = await self._blob(repository, digest, access)
        return self._recorder.record(
            decision,
            caller=caller,
            operation=Operation.PULL,
            repository=repository,
            reference=digest,
            cached=False,
            started=started,
            quiet=decision.admitted,
            inspected=self._inspects(decision, repository, caller),
        )

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """Whether a digest is known to be that of a manifest: such a thing is never shown as a blob (attacks B9)."""
        return await self._store.is_manifest(repository, digest)

    async def _blob(self, repository: Repository, digest: Digest, access: Access) -> Decision:
        undetermined: Decision | None = None
        refused: UpstreamRefused | None = None
        for listing in await self._judge.listings.of_blob(repository, digest):
            try:
                manifest = await self._manifests.by_digest(repository, listing, access)
            except (ContentMismatch, ManifestMalformed, TooLarge):
                continue
            except UpstreamRefused as error:
                if error.status != _NOT_FOUND:
                    refused = refused or error
                continue
            except UpstreamUnavailable as lost:
                text = f"a manifest that lists it cannot be read: {lost}"
                undetermined = undetermined or self._refused(digest, Reason.UPSTREAM_UNAVAILABLE, text)
                continue
            if not isinstance(manifest, ImageManifest) or digest not in manifest.blobs:
                continue
            artifact = Artifact(repository=repository, digest=listing, manifest=manifest)
            decision = (await self._judge.for_pull(artifact, access)).decision
            if decision.admitted:
                return replace(decision, digest=digest)
            if decision.outcome is Outcome.UNDETERMINED:
                undetermined = undetermined or replace(decision, digest=digest)
        if refused is not None:  # a client whose token ran out must be told so, or it never asks for another
            raise refused
        if undetermined is None and await self._is_free(repository, digest):
            return Decision(outcome=Outcome.ADMIT, digest=digest, valid_until=self._clock.now())
        return undetermined or self._refused(
            digest, Reason.BLOB_NOT_ADMITTED, "no admitted manifest of this repository is known to list this blob"
        )

    async def _is_free(self, repository: Repository, digest: Digest) -> bool:
        """Whether a blob that no manifest is known to list may be served: where any artifact may, whole or in parts.

        Never what is known to be a manifest: those are served as such, and read before (attacks B9).
        """
        return self._judge.lets_anything_pass(repository) and not await self.is_manifest(repository, digest)

    def _inspects(self, decision: Decision, repository: Repository, caller: Caller) -> bool:
        """Whether the caller reads what is not admitted: a scanner. Never what has more than one meaning."""
        malformed = decision.finding is not None and decision.finding.reason is Reason.MANIFEST_MALFORMED
        return (
            self._rights is not None
            and not decision.admitted
            and not malformed
            and self._rights.may(Right.INSPECT, repository, caller)
        )

    def _refused(self, digest: Digest, reason: Reason, text: str) -> Decision:
        cure = "pull the image by its tag or digest first" if reason is Reason.BLOB_NOT_ADMITTED else ""
        return refuse(Subject(digest=digest, kinds=()), Finding(reason=reason, text=text), self._clock.now(), cure)
