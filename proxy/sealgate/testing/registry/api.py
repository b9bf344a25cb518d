"""The OCI Distribution API (distribution-spec 1.1) over a registry's contents."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, unquote

from aiohttp import web

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import OCI_INDEX
from sealgate.oci.reference import Repository, parse_reference
from sealgate.oci.wire import ErrorCode, error_body
from sealgate.testing.registry.contents import RepositoryContents, index_of, members_of, subject_of

Handler = Callable[[web.BaseRequest, str, str], Awaitable[web.Response]]

_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.ASCII)
_CONTENT_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


class Refusal(Exception):
    """An OCI error on its way out."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.response = web.Response(
            status=status,
            body=error_body(code, message),
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


class Api:
    """Answers requests as a well-behaved registry does.

    Like Distribution it matches the decoded path, and builds `Location` from `X-Forwarded-Host` and `Host`: a gate
    that relies on its registry being careful should fail here.
    """

    def __init__(
        self, repositories: dict[str, RepositoryContents], *, referrers: bool, page: int, strict: bool
    ) -> None:
        self._repositories = repositories
        self._page = page
        self._strict = strict
        routes: list[tuple[str, Handler]] = [
            (r"(GET|HEAD) /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._get_manifest),
            (r"PUT /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._put_manifest),
            (r"DELETE /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._delete_manifest),
            (r"POST /v2/(?P<repo>.+)/blobs/uploads/?(?P<ref>)", self._start_upload),
            (r"PATCH /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", self._patch_upload),
            (r"PUT /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", self._finish_upload),
            (r"GET /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", self._show_upload),
            (r"DELETE /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", self._cancel_upload),
            (r"(GET|HEAD) /v2/(?P<repo>.+)/blobs/(?P<ref>[^/]+)", self._get_blob),
            (r"DELETE /v2/(?P<repo>.+)/blobs/(?P<ref>[^/]+)", self._delete_blob),
            (r"GET /v2/(?P<repo>.+)/tags/list(?P<ref>)", self._list_tags),
        ]
        if referrers:
            routes.append((r"GET /v2/(?P<repo>.+)/referrers/(?P<ref>[^/]+)", self._list_referrers))
        self._has_referrers = referrers
        self._routes = [(re.compile(pattern, re.ASCII), handler) for pattern, handler in routes]

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        path = unquote(request.raw_path.partition("?")[0])
        if path in ("/v2", "/v2/"):
            return web.Response(
                body=b"{}",
                content_type="application/json",
                headers={"Docker-Distribution-Api-Version": "registry/2.0"},
            )
        for pattern, handler in self._routes:
            if found := pattern.fullmatch(f"{request.method} {path}"):
                try:
                    return await handler(request, found["repo"], found["ref"])
                except Refusal as refusal:
                    return refusal.response
        return web.Response(status=404, text="404 page not found\n")

    def _known(self, repository: str) -> RepositoryContents:
        if repository not in self._repositories:
            raise Refusal(404, ErrorCode.NAME_UNKNOWN, "repository name not known to registry")
        return self._repositories[repository]

    def _writable(self, repository: str) -> RepositoryContents:
        try:
            Repository.parse(repository)
        except ReferenceMalformed as error:
            raise Refusal(400, ErrorCode.NAME_INVALID, str(error)) from error
        return self._repositories.setdefault(repository, RepositoryContents())

    async def _get_manifest(self, _request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        contents = self._known(repository)
        if (digest := contents.find(reference)) is None:
            raise Refusal(404, ErrorCode.MANIFEST_UNKNOWN, "manifest unknown")
        manifest = contents.manifests[digest]
        return web.Response(
            body=manifest.raw,
            headers={"Content-Type": manifest.media_type, "Docker-Content-Digest": str(digest), "ETag": f'"{digest}"'},
        )

    async def _put_manifest(self, request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        contents, raw = self._writable(repository), await _body(request)
        try:
            wanted = parse_reference(reference)
        except ReferenceMalformed as error:
            raise Refusal(400, ErrorCode.MANIFEST_INVALID, str(error)) from error
        if isinstance(wanted, Digest) and not wanted.matches(raw):
            raise Refusal(400, ErrorCode.DIGEST_INVALID, "provided digest did not match uploaded content")
        if not members_of(raw) or "Content-Type" not in request.headers:
            raise Refusal(400, ErrorCode.MANIFEST_INVALID, "manifest invalid")
        if self._strict and (missing := contents.missing(raw)):
            raise Refusal(404, ErrorCode.MANIFEST_BLOB_UNKNOWN, f"blob unknown to registry: {missing[0]}")
        tag = None if isinstance(wanted, Digest) else wanted.name
        digest = contents.put(raw, request.headers["Content-Type"], tag)
        headers = {
            "Location": _absolute(request, f"/v2/{repository}/manifests/{digest}"),
            "Docker-Content-Digest": str(digest),
        }
        if self._has_referrers and (subject := subject_of(raw)):
            headers["OCI-Subject"] = subject
        return web.Response(status=201, headers=headers)

    async def _delete_manifest(self, _request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        if not self._known(repository).delete(reference):
            raise Refusal(404, ErrorCode.MANIFEST_UNKNOWN, "manifest unknown")
        return web.Response(status=202)

    async def _get_blob(self, request: web.BaseRequest, repository: str, digest: str) -> web.Response:
        raw = self._blob(repository, digest)
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Accept-Ranges": "bytes",
        }
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if asked is None or asked[0] == "bytes=-":
            return web.Response(body=raw, headers=headers)
        first = int(asked[1]) if asked[1] else max(0, len(raw) - int(asked[2]))
        last = min(int(asked[2]), len(raw) - 1) if asked[1] and asked[2] else len(raw) - 1
        if first > last:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(raw)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(raw)}"
        return web.Response(status=206, body=raw[first : last + 1], headers=headers)

    async def _delete_blob(self, _request: web.BaseRequest, repository: str, digest: str) -> web.Response:
        self._blob(repository, digest)
        del self._known(repository).blobs[Digest.parse(digest)]
        return web.Response(status=202)

    def _blob(self, repository: str, digest: str) -> bytes:
        blobs = self._known(repository).blobs
        found = [raw for known, raw in blobs.items() if str(known) == digest]
        if not found:
            raise Refusal(404, ErrorCode.BLOB_UNKNOWN, "blob unknown to registry")
        return found[0]

    async def _start_upload(self, request: web.BaseRequest, repository: str, _: str) -> web.Response:
        contents = self._writable(repository)
        if mount := request.query.get("mount"):
            source = self._repositories.get(request.query.get("from", repository), contents)
            for digest, raw in source.blobs.items():
                if str(digest) == mount:
                    contents.blobs[digest] = raw
                    return _created(request, repository, digest)
        if "digest" in request.query:
            return self._store(request, repository, bytearray(await _body(request)))
        upload = secrets.token_hex(8)
        contents.uploads[upload] = bytearray()
        return self._progress(request, repository, upload, status=202)

    async def _patch_upload(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        have = self._upload(repository, upload)
        if stated := request.headers.get("Content-Range"):
            numbers = _CONTENT_RANGE.fullmatch(stated)
            if numbers is None or int(numbers[1]) != len(have):
                raise Refusal(
                    416, ErrorCode.BLOB_UPLOAD_INVALID, "the chunk does not follow", Range=f"0-{max(0, len(have) - 1)}"
                )
        have += await _body(request)
        return self._progress(request, repository, upload, status=202)

    async def _finish_upload(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        have = self._upload(repository, upload)
        have += await _body(request)
        done = self._store(request, repository, have)
        del self._known(repository).uploads[upload]
        return done

    async def _show_upload(self, request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        self._upload(repository, upload)
        return self._progress(request, repository, upload, status=204)

    async def _cancel_upload(self, _request: web.BaseRequest, repository: str, upload: str) -> web.Response:
        self._upload(repository, upload)
        del self._known(repository).uploads[upload]
        return web.Response(status=204)

    def _upload(self, repository: str, upload: str) -> bytearray:
        uploads = self._known(repository).uploads
        if upload not in uploads:
            raise Refusal(404, ErrorCode.BLOB_UPLOAD_UNKNOWN, "blob upload unknown to registry")
        return uploads[upload]

    def _progress(self, request: web.BaseRequest, repository: str, upload: str, *, status: int) -> web.Response:
        received = len(self._known(repository).uploads[upload])
        return web.Response(
            status=status,
            headers={
                # The state is Distribution's habit: the client must give back the whole Location, not just its path.
                "Location": _absolute(request, f"/v2/{repository}/blobs/uploads/{upload}?_state={upload}"),
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
        self._writable(repository).blobs[digest] = bytes(raw)
        return _created(request, repository, digest)

    async def _list_tags(self, request: web.BaseRequest, repository: str, _: str) -> web.Response:
        names = sorted(name for name in self._known(repository).tags if name > request.query.get("last", ""))
        asked = request.query.get("n", "")
        if asked and not (asked.isascii() and asked.isdigit()):
            raise Refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
        most = min(int(asked) if asked else len(names), self._page or len(names))
        shown, headers = names[:most], {}
        if shown and len(shown) < len(names):
            headers["Link"] = f'</v2/{repository}/tags/list?n={most}&last={quote(shown[-1], safe="")}>; rel="next"'
        body = json.dumps({"name": repository, "tags": shown}).encode()
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _list_referrers(self, request: web.BaseRequest, repository: str, digest: str) -> web.Response:
        try:
            Digest.parse(digest)
        except ReferenceMalformed as error:
            raise Refusal(400, ErrorCode.DIGEST_INVALID, str(error)) from error
        kind = request.query.get("artifactType", "")
        found = self._repositories.get(repository, RepositoryContents()).referrers(digest, kind)
        start = int(request.query.get("last", "0"))
        shown = found[start : start + self._page] if self._page else found
        headers = {"OCI-Filters-Applied": "artifactType"} if kind else {}
        if (end := start + len(shown)) < len(found):
            headers["Link"] = f'</v2/{repository}/referrers/{digest}?last={end}>; rel="next"'
        return web.Response(body=index_of(shown), content_type=OCI_INDEX, headers=headers)


async def _body(request: web.BaseRequest) -> bytes:
    return b"".join([chunk async for chunk in request.content.iter_any()])


def _absolute(request: web.BaseRequest, path: str) -> str:
    return f"{request.scheme}://{request.headers.get('X-Forwarded-Host') or request.headers['Host']}{path}"


def _created(request: web.BaseRequest, repository: str, digest: Digest) -> web.Response:
    location = _absolute(request, f"/v2/{repository}/blobs/{digest}")
    return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": str(digest)})
