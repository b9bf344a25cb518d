"""Blob uploads (distribution-spec 1.1, "Pushing blobs"): streamed through, in sessions whose state stays sealed.

What an upload says of itself is not judged: whatever it holds, nobody can read it until an admitted manifest lists it.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from sealgate.admission.push import Push
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ReferenceMalformed
from sealgate.http import answer
from sealgate.http.body import Body
from sealgate.http.inbound import access_of, caller_of, content_range_of
from sealgate.http.problem import RequestRejected
from sealgate.http.render import refused
from sealgate.http.target import UploadSession, UploadStart
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.oci.wire import ErrorCode
from sealgate.ports import UploadProgress, Upstream

_UUID_CHARACTERS: Final = 32  # as long as a UUID; clients show it and no more


class Uploads:
    """Answers requests of blob uploads.

    Args:
        upstream: where the blobs go.
        push: decides whether a push could end well at all.
        seal: makes the upstream's locations the gate's own.
        host: the gate's own name, for messages.
    """

    def __init__(self, upstream: Upstream, push: Push, seal: UploadSeal, host: str) -> None:
        self._upstream = upstream
        self._push = push
        self._seal = seal
        self._host = host

    async def start(
        self, request: web.BaseRequest, target: UploadStart, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """POST: begin a session, or with `?digest=` push the whole blob. Refused before any layer travels."""
        body, access = Body(request), access_of(request)
        refusal = self._push.may_upload(target.repository, caller_of(request))
        if refusal is not None:
            return answer.error(refused(refusal, self._host))
        digest = _digest(query) if "digest" in query else None
        begun = await self._upstream.start_upload(target.repository, access)
        if digest is None:
            return self._progress(202, target.repository, begun)
        return await self._finish(request, target.repository, begun.location, digest, body)

    async def append(self, request: web.BaseRequest, target: UploadSession) -> web.StreamResponse:
        """PATCH: send a chunk, or a stream."""
        body, location = Body(request), self._open(target)
        progress = await self._upstream.upload_chunk(
            target.repository,
            location,
            body.chunks(),
            body.length,
            content_range_of(request, body.length),
            access_of(request),
        )
        return self._progress(202, target.repository, progress)

    async def finish(
        self, request: web.BaseRequest, target: UploadSession, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """PUT: close the session, with or without last bytes."""
        return await self._finish(request, target.repository, self._open(target), _digest(query), Body(request))

    async def status(self, request: web.BaseRequest, target: UploadSession) -> web.StreamResponse:
        """GET: where the session stands."""
        progress = await self._upstream.upload_progress(target.repository, self._open(target), access_of(request))
        return self._progress(204, target.repository, progress)

    async def cancel(self, request: web.BaseRequest, target: UploadSession) -> web.StreamResponse:
        """DELETE: give the session up."""
        await self._upstream.cancel_upload(target.repository, self._open(target), access_of(request))
        return answer.ok(204)

    async def _finish(
        self, request: web.BaseRequest, repository: Repository, location: str, digest: Digest, body: Body
    ) -> web.StreamResponse:
        await self._upstream.finish_upload(
            repository,
            location,
            digest,
            body.chunks(),
            body.length,
            content_range_of(request, body.length),
            access_of(request),
        )
        return answer.ok(
            201,
            (("Location", f"/v2/{repository}/blobs/{digest}"), ("Docker-Content-Digest", str(digest))),
        )

    def _open(self, target: UploadSession) -> str:
        try:
            return self._seal.open(target.repository, target.token)
        except ReferenceMalformed as error:
            raise RequestRejected(404, ErrorCode.BLOB_UPLOAD_UNKNOWN, str(error)) from error

    def _progress(self, status: int, repository: Repository, progress: UploadProgress) -> web.StreamResponse:
        """Where to go on, in the gate's own words. The location is relative: no `Host` of a client is in it (B29)."""
        session, _, _ = progress.location.partition("?")
        headers = [
            ("Location", f"/v2/{repository}/blobs/uploads/{self._seal.seal(repository, progress.location)}"),
            ("Docker-Upload-UUID", hashlib.sha256(session.encode()).hexdigest()[:_UUID_CHARACTERS]),
        ]
        if progress.received is not None:
            headers.append(("Range", f"0-{max(progress.received - 1, 0)}"))
        if progress.minimum_chunk is not None:
            headers.append(("OCI-Chunk-Min-Length", str(progress.minimum_chunk)))
        return answer.ok(status, headers)


def _digest(query: Mapping[str, str]) -> Digest:
    try:
        return Digest.parse(query.get("digest", ""))
    except ReferenceMalformed as error:
        raise RequestRejected(400, ErrorCode.DIGEST_INVALID, f"the query's digest: {error}") from error
