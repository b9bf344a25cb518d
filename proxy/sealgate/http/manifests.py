"""Manifests (distribution-spec 1.1, "Pulling manifests", "Pushing manifests", "Content Management")."""

from collections.abc import Iterator

from aiohttp import web

from sealgate.admission.deletes import Deletes
from sealgate.admission.pull import Pull
from sealgate.admission.push import Push, PushedManifest
from sealgate.errors import ContentMismatch
from sealgate.http import answer
from sealgate.http.body import Body
from sealgate.http.inbound import accept_of, access_of, caller_of, content_type_of, routed_of
from sealgate.http.places import place
from sealgate.http.problem import RequestRejected
from sealgate.http.refusal import refuse_manifest
from sealgate.http.render import passed_on, refused, unexpected, warnings
from sealgate.http.target import ManifestTarget
from sealgate.limits import MANIFEST_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.reference import named
from sealgate.oci.wire import ErrorCode
from sealgate.policy.moments import told


class Manifests:
    """Answers requests for manifests.

    Args:
        pull: decides what may be read.
        push: decides what may be written.
        deletes: deletes.
    """

    def __init__(self, pull: Pull, push: Push, deletes: Deletes) -> None:
        self._pull = pull
        self._push = push
        self._deletes = deletes

    async def get(self, request: web.BaseRequest, target: ManifestTarget) -> web.StreamResponse:
        """GET, and HEAD, which is the same without the body (attacks B3).

        `Range` and conditions are not read: a part of a manifest, or "not modified", says something about bytes that
        nobody judged (attacks B10).
        """
        reference = target.reference
        pulled = await self._pull.manifest(
            target.repository, reference, accept_of(request), access_of(request), caller_of(request)
        )
        if pulled.manifest is None:  # a tag that has not moved yet
            return refuse_manifest(request, reference, pulled.record, (), 0)
        raw, decision = pulled.manifest.raw, pulled.record.decision
        digest = Digest.of(raw)
        asked = reference if isinstance(reference, Digest) else digest
        # The last word before bytes leave: they are what was asked for, and what the decision is about.
        if digest != decision.digest or not asked.matches(raw):
            raise ContentMismatch(f"the manifest at hand is not {asked}")
        descriptor = (
            ("Content-Type", pulled.manifest.content_type.partition(";")[0].strip()),
            ("Docker-Content-Digest", str(asked)),
        )
        if pulled.record.served:
            return answer.ok(200, (*descriptor, *warnings(decision)), raw)
        return refuse_manifest(request, reference, pulled.record, descriptor, len(raw))

    async def put(self, request: web.BaseRequest, target: ManifestTarget) -> web.StreamResponse:
        """PUT. `?tag=` is no parameter of this route: the tag that is judged is the one that moves (attacks B18)."""
        body, reference = Body(request), target.reference
        content_type, access, caller = content_type_of(request), access_of(request), caller_of(request)
        raw = await body.whole(MANIFEST_BYTES)
        if not raw:
            raise RequestRejected(400, ErrorCode.MANIFEST_INVALID, "a manifest is pushed in the body, and it is empty")
        if isinstance(reference, Digest) and not reference.matches(raw):
            raise RequestRejected(400, ErrorCode.DIGEST_INVALID, f"the body is not {reference}")
        pushed = await self._push.manifest(target.repository, reference, content_type, raw, access, caller)
        held = pushed.hold is not None and pushed.hold.releases
        if not pushed.moved and not held:
            return answer.error(refused(pushed.record, routed_of(request).image) if pushed.record else unexpected())
        digest = reference if isinstance(reference, Digest) else pushed.digest
        headers = [
            ("Location", place(routed_of(request), f"manifests/{digest}")),
            ("Docker-Content-Digest", str(digest)),
        ]
        if pushed.stored is not None and pushed.stored.subject is not None:
            headers.append(("OCI-Subject", str(pushed.stored.subject)))
        if pushed.record is not None:
            headers.extend(warnings(pushed.record.decision))
        headers.extend(passed_on(_told(pushed)))
        return answer.ok(201, headers)

    async def delete(self, request: web.BaseRequest, target: ManifestTarget) -> web.StreamResponse:
        """DELETE of a tag, or of a manifest by its digest. Whether this caller may is asked before."""
        await self._deletes.manifest(target.repository, target.reference, access_of(request))
        return answer.ok(202)


def _told(pushed: PushedManifest) -> Iterator[str]:
    """What a client that pushed has to know besides."""
    if (hold := pushed.hold) is not None:
        name = named(hold.repository, hold.tag)
        yield f"{name} is held until {told(hold.deadline)}, and moves to {hold.digest} once that is signed: {hold.text}"
    for awaited in pushed.awaited:
        name = named(awaited.hold.repository, awaited.hold.tag)
        yield f"{name} now is {awaited.hold.digest}" if awaited.released else f"{name} is still held: {awaited.text}"
    if pushed.lacking:
        yield f"what is signed is not admitted even so: {pushed.lacking}"
