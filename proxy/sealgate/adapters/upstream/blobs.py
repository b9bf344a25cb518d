"""Blobs: streamed as they come, or read whole and hashed when they are small."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import aiohttp

from sealgate.adapters.upstream.answers import called, expect, media_type, range_of, read_whole, stated_length
from sealgate.adapters.upstream.calls import Calls, credentials, tell_warnings
from sealgate.adapters.upstream.redirects import Followed, Redirects
from sealgate.adapters.upstream.target import Origin
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import ContentMismatch
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.ports import Access, BlobHead, BlobRedirect, BlobStream, ByteRange

_ANY_TYPE = "application/octet-stream"


class BlobCalls(Calls):
    """`/v2/<name>/blobs/<digest>`."""

    def __init__(self, transport: Transport, origin: Origin, redirects: Redirects, *, pass_redirects: bool) -> None:
        super().__init__(transport, origin)
        self._redirects = redirects
        self._pass_redirects = pass_redirects

    async def small_blob(self, repository: Repository, digest: Digest, most: int, access: Access) -> bytes:
        """See `ports.Upstream`."""
        async with self._blob("GET", repository, digest, access) as followed:
            await expect(self._transport, followed.response, 200, from_origin=followed.from_origin)
            raw = await read_whole(self._transport, followed.response, most)
        if not digest.matches(raw):
            raise ContentMismatch(f"the upstream served other bytes for {digest}")
        return raw

    async def blob_head(self, repository: Repository, digest: Digest, access: Access) -> BlobHead:
        """See `ports.Upstream`."""
        async with self._blob("HEAD", repository, digest, access) as followed:
            await expect(self._transport, followed.response, 200, from_origin=followed.from_origin)
            size = self._size(followed.response)
            return BlobHead(
                size=size,
                content_type=media_type(followed.response) or _ANY_TYPE,
                digest=called(followed.response, digest),
            )

    @asynccontextmanager
    async def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AsyncIterator[BlobStream | BlobRedirect]:
        """See `ports.Upstream`. A registry may answer a range with the whole (200); never the other way round."""
        async with self._blob("GET", repository, digest, access, wanted, leave=self._pass_redirects) as followed:
            response = followed.response
            if followed.location:
                yield BlobRedirect(location=followed.location)
                return
            statuses = (200,) if wanted is None else (200, 206)
            await expect(self._transport, response, *statuses, from_origin=followed.from_origin)
            content_range = ""
            if wanted is not None and response.status == 206:
                stated = range_of(response, wanted)
                if stated is None:
                    raise self._transport.unavailable("answered with another range than it was asked for")
                content_range = stated
            async with aclosing(self._chunks(response)) as chunks:
                yield BlobStream(
                    status=response.status,
                    digest=called(response, digest),
                    size=self._size(response),
                    content_range=content_range,
                    chunks=chunks,
                )

    async def delete_blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        """See `ports.Upstream`."""
        async with self._ask("DELETE", f"/v2/{repository}/blobs/{digest}", access) as response:
            await expect(self._transport, response, 200, 202, 204)

    @asynccontextmanager
    async def _blob(
        self,
        method: str,
        repository: Repository,
        digest: Digest,
        access: Access,
        wanted: ByteRange | None = None,
        *,
        leave: bool = False,
    ) -> AsyncIterator[Followed]:
        headers = {}
        if wanted is not None:
            first, last = ("" if end is None else end for end in (wanted.first, wanted.last))
            headers["Range"] = f"bytes={first}-{last}"
        path = f"/v2/{repository}/blobs/{digest}"
        async with self._redirects.follow(method, path, headers, credentials(access), leave=leave) as followed:
            if followed.from_origin:
                tell_warnings(followed.response, access)
            yield followed

    def _size(self, response: aiohttp.ClientResponse) -> int:
        size = stated_length(response)
        if size is None:  # chunked, it would have no end that can be relied on, and a client's download no length
            raise self._transport.unavailable("does not say how long the blob is")
        return size

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """The body as it comes. The HTTP client cuts it at its `Content-Length`, and raises when it ends before."""
        with self._transport.translated():
            async for chunk in response.content.iter_any():
                yield chunk
