"""Blob uploads (distribution-spec 1.1, "Pushing blobs"): streamed through, in sessions whose state stays sealed.

What an upload says of itself is not judged: whatever it holds, nobody can read it until an admitted manifest lists it.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ReferenceMalformed, StateUnavailable, UpstreamError
from sealgate.http import answer
from sealgate.http.body import Body
from sealgate.http.inbound import access_of, caller_of, content_range_of, routed_of
from sealgate.http.places import place
from sealgate.http.problem import RequestRejected
from sealgate.http.render import refused
from sealgate.http.target import UploadSession, UploadStart
from sealgate.oci.digest import Digest
from sealgate.oci.naming import Names
from sealgate.oci.reference import Repository
from sealgate.oci.wire import ErrorCode
from sealgate.ports import Rights, UploadProgress, Upstream

_UUID_CHARACTERS: Final = 32  # as long as a UUID; clients show it and no more


class Uploads:
    """Answers requests of blob uploads.

    Args:
        upstream: where the blobs go.
        push: decides whether a push could end well at all.
        pull: decides what may be mounted.
        seal: makes the upstream's locations the gate's own.
        names: what a mount's source means.
        rights: who may read where; None leaves it to the upstream.
    """

    def __init__(
        self, upstream: Upstream, push: Push, pull: Pull, seal: UploadSeal, names: Names, rights: Rights | None = None
    ) -> None:
        self._upstream = upstream
        self._push = push
        self._pull = pull
        self._rights = rights
        self._seal = seal
        self._names = names

    async def start(
        self, request: web.BaseRequest, target: UploadStart, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """POST: begin a session, push a whole blob (`?digest=`) or mount one (`?mount=&from=`).

        Refused before any layer travels. What the registry does not do in one request it answers with a session, and
        so does the gate.
        """
        body, access, repository = Body(request), access_of(request), target.repository
        refusal = self._push.may_upload(repository, caller_of(request))
        if refusal is not None:
            return answer.error(refused(refusal, routed_of(request).image))
        if "mount" in query:
            digest = _digest(query, "mount")
            begun = await self._mount(request, repository, digest, query.get("from", ""))
        elif "digest" in query:
            digest = _digest(query)
            begun = await self._upstream.push_blob(repository, digest, body.chunks(), body.length, access)
        else:
            return self._progress(202, request, repository, await self._upstream.start_upload(repository, access))
        return _stored(request, digest) if begun is None else self._progress(202, request, repository, begun)

    async def _mount(
        self, request: web.BaseRequest, repository: Repository, digest: Digest, source: str
    ) -> UploadProgress | None:
        """Mount a blob that this client may read where it is; anything else begins an upload (attacks B19).

        A mount makes content of one repository content of another. So it is a read: by the policies of the source, by
        the rights of the caller there, and by the upstream, which checks its own. Without a source the registry would
        look everywhere, so without a source nothing is mounted; nor from another registry, which is not even asked.
        """
        access = access_of(request)
        known = self._names.beside(routed_of(request), _source(source).name) if source else None
        if known is not None and await self._may_be_read(known, digest, request):
            return await self._upstream.mount_blob(repository, digest, known, access)
        return await self._upstream.start_upload(repository, access)

    async def _may_be_read(self, source: Repository, digest: Digest, request: web.BaseRequest) -> bool:
        caller = caller_of(request)
        if self._rights is not None and not self._rights.may_pull(source, caller):
            return False
        try:
            return (await self._pull.blob(source, digest, access_of(request), caller)).decision.admitted
        except (UpstreamError, StateUnavailable):
            return False

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
        return self._progress(202, request, target.repository, progress)

    async def finish(
        self, request: web.BaseRequest, target: UploadSession, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """PUT: close the session, with or without last bytes."""
        return await self._finish(request, target.repository, self._open(target), _digest(query), Body(request))

    async def status(self, request: web.BaseRequest, target: UploadSession) -> web.StreamResponse:
        """GET: where the session stands."""
        progress = await self._upstream.upload_progress(target.repository, self._open(target), access_of(request))
        return self._progress(204, request, target.repository, progress)

    async def cancel(self, request: web.BaseRequest, target: UploadSession) -> web.StreamResponse:
        """DELETE: give the session up."""
        await self._upstream.cancel_upload(target.repository, self._open(target), access_of(request))
        return answer.ok(204)

    async def _finish(
        self, request: web.BaseRequest, repository: Repository, location: str, digest: Digest, body: Body
    ) -> web.StreamResponse:
        called = await self._upstream.finish_upload(
            repository,
            location,
            digest,
            body.chunks(),
            body.length,
            content_range_of(request, body.length),
            access_of(request),
        )
        return _stored(request, called)

    def _open(self, target: UploadSession) -> str:
        try:
            return self._seal.open(target.repository, target.token)
        except ReferenceMalformed as error:
            raise RequestRejected(404, ErrorCode.BLOB_UPLOAD_UNKNOWN, str(error)) from error

    def _progress(
        self, status: int, request: web.BaseRequest, repository: Repository, progress: UploadProgress
    ) -> web.StreamResponse:
        """Where to go on, in the gate's own words. The location is relative: no `Host` of a client is in it (B29)."""
        session, _, _ = progress.location.partition("?")
        sealed = self._seal.seal(repository, progress.location)
        headers = [
            ("Location", place(routed_of(request), f"blobs/uploads/{sealed}")),
            ("Docker-Upload-UUID", hashlib.sha256(session.encode()).hexdigest()[:_UUID_CHARACTERS]),
        ]
        if progress.received is not None:
            headers.append(("Range", f"0-{max(progress.received - 1, 0)}"))
        if progress.minimum_chunk is not None:
            headers.append(("OCI-Chunk-Min-Length", str(progress.minimum_chunk)))
        return answer.ok(status, headers)


def _stored(request: web.BaseRequest, digest: Digest) -> web.StreamResponse:
    headers = (("Location", place(routed_of(request), f"blobs/{digest}")), ("Docker-Content-Digest", str(digest)))
    return answer.ok(201, headers)


def _digest(query: Mapping[str, str], name: str = "digest") -> Digest:
    try:
        return Digest.parse(query.get(name, ""))
    except ReferenceMalformed as error:
        raise RequestRejected(400, ErrorCode.DIGEST_INVALID, f"the query's {name}: {error}") from error


def _source(name: str) -> Repository:
    try:
        return Repository.parse(name)
    except ReferenceMalformed as error:
        raise RequestRejected(400, ErrorCode.NAME_INVALID, f"the query's from: {error}") from error
