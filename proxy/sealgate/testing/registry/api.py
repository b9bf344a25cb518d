"""The OCI Distribution API (distribution-spec 1.1) over a registry's contents."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, unquote

from aiohttp import web

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import OCI_INDEX
from sealgate.oci.reference import parse_reference
from sealgate.oci.wire import ErrorCode
from sealgate.testing.registry.answers import Refusal, absolute, body_of, known, writable
from sealgate.testing.registry.contents import RepositoryContents, index_of, members_of, subject_of
from sealgate.testing.registry.uploads import Uploads

Handler = Callable[[web.BaseRequest, str, str], Awaitable[web.Response]]

_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.ASCII)


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
        uploads = Uploads(repositories)
        routes: list[tuple[str, Handler]] = [
            (r"(GET|HEAD) /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._get_manifest),
            (r"PUT /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._put_manifest),
            (r"DELETE /v2/(?P<repo>.+)/manifests/(?P<ref>[^/]+)", self._delete_manifest),
            (r"POST /v2/(?P<repo>.+)/blobs/uploads/?(?P<ref>)", uploads.start),
            (r"PATCH /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", uploads.patch),
            (r"PUT /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", uploads.finish),
            (r"GET /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", uploads.show),
            (r"DELETE /v2/(?P<repo>.+)/blobs/uploads/(?P<ref>[^/]+)", uploads.cancel),
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

    async def _get_manifest(self, _request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        contents = known(self._repositories, repository)
        if (digest := contents.find(reference)) is None:
            raise Refusal(404, ErrorCode.MANIFEST_UNKNOWN, "manifest unknown")
        manifest = contents.manifests[digest]
        return web.Response(
            body=manifest.raw,
            headers={"Content-Type": manifest.media_type, "Docker-Content-Digest": str(digest), "ETag": f'"{digest}"'},
        )

    async def _put_manifest(self, request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        contents, raw = writable(self._repositories, repository), await body_of(request)
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
            "Location": absolute(request, f"/v2/{repository}/manifests/{digest}"),
            "Docker-Content-Digest": str(digest),
        }
        if self._has_referrers and (subject := subject_of(raw)):
            headers["OCI-Subject"] = subject
        return web.Response(status=201, headers=headers)

    async def _delete_manifest(self, _request: web.BaseRequest, repository: str, reference: str) -> web.Response:
        if not known(self._repositories, repository).delete(reference):
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
        del known(self._repositories, repository).blobs[Digest.parse(digest)]
        return web.Response(status=202)

    def _blob(self, repository: str, digest: str) -> bytes:
        blobs = known(self._repositories, repository).blobs
        found = [raw for known, raw in blobs.items() if str(known) == digest]
        if not found:
            raise Refusal(404, ErrorCode.BLOB_UNKNOWN, "blob unknown to registry")
        return found[0]

    async def _list_tags(self, request: web.BaseRequest, repository: str, _: str) -> web.Response:
        names = sorted(
            name for name in known(self._repositories, repository).tags if name > request.query.get("last", "")
        )
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
