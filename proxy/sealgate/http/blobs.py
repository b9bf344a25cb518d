"""Blobs: GET and HEAD (distribution-spec 1.1, "Pulling blobs")."""

from aiohttp import web

from sealgate.admission.pull import Pull
from sealgate.http import answer
from sealgate.http.inbound import access_of, caller_of, range_of
from sealgate.http.problem import RequestRejected
from sealgate.http.relay import relay
from sealgate.http.render import refused
from sealgate.http.target import BlobTarget
from sealgate.oci.wire import ErrorCode
from sealgate.ports import Upstream


class Blobs:
    """Answers requests for blobs.

    Args:
        upstream: where they are.
        pull: decides what may be read.
        host: the gate's own name, for messages.
    """

    def __init__(self, upstream: Upstream, pull: Pull, host: str) -> None:
        self._upstream = upstream
        self._pull = pull
        self._host = host

    async def get(self, request: web.BaseRequest, target: BlobTarget) -> web.StreamResponse:
        """GET: what an admitted manifest of the repository lists, whole and checked, or one range of it."""
        access, wanted = access_of(request), range_of(request)
        record = await self._pull.blob(target.repository, target.digest, access, caller_of(request))
        if not record.decision.admitted:
            return answer.error(refused(record, self._host))
        async with self._upstream.blob(target.repository, target.digest, wanted, access) as stream:
            part = stream.status == 206
            headers = [*_headers(target)]
            if part:
                headers.append(("Content-Range", stream.content_range))
            response = answer.head(stream.status, headers, stream.size)
            return await relay(request, response, stream, None if part else target.digest)

    async def head(self, request: web.BaseRequest, target: BlobTarget) -> web.StreamResponse:
        """HEAD: free, since a push asks it of every layer; but no way to learn of a manifest (attacks B9)."""
        found = await self._upstream.blob_head(target.repository, target.digest, access_of(request))
        if await self._pull.is_manifest(target.repository, target.digest):
            raise RequestRejected(404, ErrorCode.BLOB_UNKNOWN, "there is no such blob: it is a manifest")
        return answer.head(200, _headers(target), found.size)


def _headers(target: BlobTarget) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", str(target.digest)),
        ("Accept-Ranges", "bytes"),
    )
