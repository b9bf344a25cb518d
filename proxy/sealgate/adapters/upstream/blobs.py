"""Blobs: streamed as they come, or read whole and hashed when they are small."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import aiohttp

from sealgate.adapters.upstream.answers import expect, media_type, range_of, read_whole, stated_length
from sealgate.adapters.upstream.calls import Calls, credentials
from sealgate.adapters.upstream.redirects import Followed, Redirects
from sealgate.adapters.upstream.target import Origin
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import ContentMismatch
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.ports import Access, BlobHead, BlobStream, ByteRange

_ANY_TYPE = "application/octet-stream"


class BlobCalls(Calls):
    """`/v2/<name>/blobs/<digest>`."""

    def __init__(self, transport: Transport, origin: Origin, redirects: Redirects) -> None:
        super().__init__(transport, origin)
        self._redirects = redirects

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
            return BlobHead(size=size, content_type=media_type(followed.response) or _ANY_TYPE)

    @asynccontextmanager
    async def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AsyncIterator[BlobStream]:
        """See `ports.Upstream`. A registry may answer a range with the whole (200); never the other way round."""
        async with self._blob("GET", repository, digest, access, wanted) as followed:
            response = followed.response
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
                    status=response.status, size=self._size(response), content_range=content_range, chunks=chunks
                )

    def _blob(
        self, method: str, repository: Repository, digest: Digest, access: Access, wanted: ByteRange | None = None
    ) -> AbstractAsyncContextManager[Followed]:
        headers = {}
        if wanted is not None:
            headers["Range"] = f"bytes={wanted.first}-{'' if wanted.last is None else wanted.last}"
        return self._redirects.follow(method, f"/v2/{repository}/blobs/{digest}", headers, credentials(access))

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
