"""Uploads: streamed through, in sessions whose next step the upstream names."""

import re
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from sealgate.adapters.upstream.answers import called, expect, minimum_chunk_of, received_of
from sealgate.adapters.upstream.calls import Calls
from sealgate.adapters.upstream.sending import Sending
from sealgate.adapters.upstream.target import path_on
from sealgate.errors import Malformed
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.ports import Access, UploadProgress

_EMPTY: Final = {"Content-Length": "0"}
_CHUNK: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class UploadCalls(Calls):
    """`/v2/<name>/blobs/uploads/` and the locations that it answers with.

    A location that comes back must be a path on the upstream's origin that means itself; anything else raises
    `Malformed`, as does a `content_range` that is not `first-last`.
    """

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        """See `ports.Upstream`. `received` is 0: what Distribution means by `Range: 0-0` here and only here."""
        async with self._ask("POST", _start(repository), access, _EMPTY) as response:
            await expect(self._transport, response, 202)
            return self._begun(response)

    async def push_blob(
        self, repository: Repository, digest: Digest, body: AsyncIterator[bytes], length: int | None, access: Access
    ) -> UploadProgress | None:
        """See `ports.Upstream`. A registry that answers 202 has taken nothing of the body.

        Raises:
            ContentMismatch: `body` is not of this `length`.
        """
        path = f"{_start(repository)}?digest={digest}"
        async with self._ask("POST", path, access, _body_headers(None), Sending(body, length)) as response:
            await expect(self._transport, response, 201, 202)
            return self._begun(response) if response.status == 202 else None

    async def mount_blob(
        self, repository: Repository, digest: Digest, source: Repository, access: Access
    ) -> UploadProgress | None:
        """See `ports.Upstream`."""
        path = f"{_start(repository)}?mount={digest}&from={source}"
        async with self._ask("POST", path, access, _EMPTY) as response:
            await expect(self._transport, response, 201, 202)
            return self._begun(response) if response.status == 202 else None

    async def upload_chunk(
        self,
        repository: Repository,  # noqa: ARG002  the location holds it
        location: str,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> UploadProgress:
        """See `ports.Upstream`.

        Raises:
            ContentMismatch: `body` is not of this `length`.
        """
        path, headers = self._given_back(location), _body_headers(content_range)
        async with self._ask("PATCH", path, access, headers, Sending(body, length)) as response:
            await expect(self._transport, response, 202)
            return self._progress(response)

    async def finish_upload(
        self,
        repository: Repository,  # noqa: ARG002  the location holds it
        location: str,
        digest: Digest,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> Digest:
        """See `ports.Upstream`.

        Raises:
            ContentMismatch: `body` is not of this `length`.
        """
        path = self._given_back(location)
        path += f"{'&' if '?' in path else '?'}digest={digest}"
        async with self._ask("PUT", path, access, _body_headers(content_range), Sending(body, length)) as response:
            await expect(self._transport, response, 201)
            return called(response, digest)

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:  # noqa: ARG002
        """See `ports.Upstream`."""
        async with self._ask("GET", self._given_back(location), access) as response:
            await expect(self._transport, response, 204)
            return self._progress(response, location)

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:  # noqa: ARG002
        """See `ports.Upstream`."""
        async with self._ask("DELETE", self._given_back(location), access) as response:
            await expect(self._transport, response, 200, 202, 204)  # the specification says 204, olareg 202

    def _begun(self, response: aiohttp.ClientResponse) -> UploadProgress:
        return UploadProgress(location=self._location(response), received=0, minimum_chunk=minimum_chunk_of(response))

    def _progress(self, response: aiohttp.ClientResponse, location: str | None = None) -> UploadProgress:
        return UploadProgress(
            location=self._location(response, location),
            received=received_of(response),
            minimum_chunk=minimum_chunk_of(response),
        )

    def _location(self, response: aiohttp.ClientResponse, otherwise: str | None = None) -> str:
        stated = response.headers.get("Location", otherwise)
        if stated is None:
            raise self._transport.unavailable("does not say where the upload goes on")
        try:
            return path_on(self._origin, stated)
        except Malformed as error:
            raise self._transport.unavailable(f"sends the upload to a place that is refused: {error}") from error

    def _given_back(self, location: str) -> str:
        if not location.startswith("/"):
            raise Malformed("an upload location is a path")
        return path_on(self._origin, location)


def _start(repository: Repository) -> str:
    return f"/v2/{repository}/blobs/uploads/"


def _body_headers(content_range: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/octet-stream"}
    if content_range is not None:
        if (found := _CHUNK.fullmatch(content_range)) is None:
            raise Malformed("a chunk's Content-Range is first-last, in bytes")
        headers["Content-Range"] = f"{int(found[1])}-{int(found[2])}"
    return headers
