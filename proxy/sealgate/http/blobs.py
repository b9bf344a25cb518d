"""Blobs: GET, HEAD and DELETE (distribution-spec 1.1, "Pulling blobs", "Deleting Blobs")."""

from aiohttp import web

from sealgate.admission.deletes import Deletes
from sealgate.admission.pull import Pull
from sealgate.http import answer
from sealgate.http.inbound import access_of, caller_of, range_of, routed_of, warnings_of
from sealgate.http.problem import RequestRejected
from sealgate.http.relay import relay
from sealgate.http.render import passed_on, refused
from sealgate.http.target import BlobTarget
from sealgate.oci.digest import Digest
from sealgate.oci.wire import ErrorCode
from sealgate.ports import BlobRedirect, Upstream


class Blobs:
    """Answers requests for blobs.

    Args:
        upstream: where they are.
        pull: decides what may be read.
        deletes: deletes.
    """

    def __init__(self, upstream: Upstream, pull: Pull, deletes: Deletes) -> None:
        self._upstream = upstream
        self._pull = pull
        self._deletes = deletes

    async def get(self, request: web.BaseRequest, target: BlobTarget) -> web.StreamResponse:
        """GET: what an admitted manifest of the repository lists, whole and checked, or one range of it."""
        access, wanted = access_of(request), range_of(request)
        record = await self._pull.blob(target.repository, target.digest, access, caller_of(request))
        if not record.served:
            return answer.error(refused(record, routed_of(request).image))
        async with self._upstream.blob(target.repository, target.digest, wanted, access) as stream:
            if isinstance(stream, BlobRedirect):
                return answer.ok(307, (("Location", stream.location), *passed_on(warnings_of(request))))
            part = stream.status == 206
            headers = [*_headers(stream.digest), *passed_on(warnings_of(request))]
            if part:
                headers.append(("Content-Range", stream.content_range))
            response = answer.head(stream.status, headers, stream.size)
            return await relay(
                request, response, stream, frozenset[Digest]() if part else {target.digest, stream.digest}
            )

    async def head(self, request: web.BaseRequest, target: BlobTarget) -> web.StreamResponse:
        """HEAD: free, since a push asks it of every layer; but no way to learn of a manifest (attacks B9)."""
        found = await self._upstream.blob_head(target.repository, target.digest, access_of(request))
        if await self._pull.is_manifest(target.repository, target.digest):
            raise RequestRejected(404, ErrorCode.BLOB_UNKNOWN, "there is no such blob: it is a manifest")
        return answer.head(200, _headers(found.digest), found.size)

    async def delete(self, request: web.BaseRequest, target: BlobTarget) -> web.StreamResponse:
        """DELETE. Whether this caller may is asked before."""
        await self._deletes.blob(target.repository, target.digest, access_of(request))
        return answer.ok(202)


def _headers(digest: Digest) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", str(digest)),
        ("Accept-Ranges", "bytes"),
    )
