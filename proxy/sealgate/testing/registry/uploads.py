"""Upload sessions of the in-memory registry (distribution-spec 1.1, "Pushing blobs")."""

import re
import secrets
from typing import Final

from aiohttp import web

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.wire import ErrorCode
from sealgate.testing.registry.answers import Refusal, absolute, body_of, created, known, writable
from sealgate.testing.registry.contents import RepositoryContents

_CONTENT_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


class Uploads:
    """Handles everything under `/blobs/uploads/`.

    Args:
        repositories: the registry's contents.
    """

    def __init__(self, repositories: dict[str, RepositoryContents]) -> None:
        self._repositories = repositories

    async def start(self, request: web.BaseRequest, repository: str, _: str) -> web.Response:
        """`POST`: a session, a mount, or a whole blob."""
        contents = writable(self._repositories, repository)
        if mount := request.query.get("mount"):
            source = self._repositories.get(request.query.get("from", repository), contents)
            for digest, raw in source.blobs.items():
                if str(digest) == mount:
                    contents.blobs[digest] = raw
                    return created(request, repository, digest)
        if "digest" in request.query:
            return self._store(request, repository, bytearray(await body_of(request)))
        upload = secrets.token_hex(8)
        contents.uploads[upload] = bytearray()
        return self._progress(request, repository, upload, status=202)

    async def patch(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        """`PATCH`: one chunk."""
        have = self._upload(repository, upload)
        if stated := request.headers.get("Content-Range"):
            numbers = _CONTENT_RANGE.fullmatch(stated)
            if numbers is None or int(numbers[1]) != len(have):
                raise Refusal(
                    416, ErrorCode.BLOB_UPLOAD_INVALID, "the chunk does not follow", Range=f"0-{max(0, len(have) - 1)}"
                )
        have += await body_of(request)
        return self._progress(request, repository, upload, status=202)

    async def finish(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        """`PUT`: the end of a session."""
        have = self._upload(repository, upload)
        have += await body_of(request)
        done = self._store(request, repository, have)
        del known(self._repositories, repository).uploads[upload]
        return done

    async def show(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        """`GET`: where a session stands."""
        self._upload(repository, upload)
        return self._progress(request, repository, upload, status=204)

    async def cancel(self, _request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        """`DELETE`: the session is given up."""
        self._upload(repository, upload)
        del known(self._repositories, repository).uploads[upload]
        return web.Response(status=204)

    def _upload(self, repository: str, upload: str) -> bytearray:
        uploads = known(self._repositories, repository).uploads
        if upload not in uploads:
            raise Refusal(404, ErrorCode.BLOB_UPLOAD_UNKNOWN, "blob upload unknown to registry")
        return uploads[upload]

    def _progress(self, request: web.BaseRequest, repository: str, upload: str, *, status: int) -> web.Response:
        received = len(known(self._repositories, repository).uploads[upload])
        return web.Response(
            status=status,
            headers={
                # The state is Distribution's habit: the client must give back the whole Location, not just its path.
                "Location": absolute(request, f"/v2/{repository}/blobs/uploads/{upload}?_state={upload}"),
                "Range": f"0-{max(0, received - 1)}",
                "Docker-Upload-UUID": upload,
            },
        )

    def _store(self, request: web.BaseRequest, repository: str, raw: bytearray) -> web.Response:
        try:
            digest = Digest.parse(request.query.get("digest", ""))
        except ReferenceMalformed as error:
            raise Refusal(400, ErrorCode.DIGEST_INVALID, str(error)) from error
        if not digest.matches(bytes(raw)):
            raise Refusal(400, ErrorCode.DIGEST_INVALID, "provided digest did not match uploaded content")
        writable(self._repositories, repository).blobs[digest] = bytes(raw)
        return created(request, repository, digest)
