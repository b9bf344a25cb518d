"""The body of a request: counted, timed, and never decoded (attacks B22, B23)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from sealgate.http.problem import RequestRejected
from sealgate.limits import IDLE_READ_SECONDS
from sealgate.oci.wire import ErrorCode

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Body:
    """What a request carries, to be read once.

    Args:
        request: its request.

    Raises:
        RequestRejected: a `Content-Encoding` other than `identity` (415), since what is judged, stored and hashed
            must be the bytes that came; a `Transfer-Encoding` other than `chunked` (400); an `Expect` other than
            `100-continue` (417).
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        if any(value.strip().lower() != "identity" for value in request.headers.getall("Content-Encoding", [])):
            raise RequestRejected(
                415,
                ErrorCode.UNSUPPORTED,
                "content is pushed as it is, with no Content-Encoding",
                ("Accept-Encoding", "identity"),
            )
        transfer = request.headers.getall("Transfer-Encoding", [])
        if transfer and [value.strip().lower() for value in transfer] != ["chunked"]:
            raise RequestRejected(400, ErrorCode.UNSUPPORTED, "the only Transfer-Encoding is chunked")
        self._expected = request.headers.getall("Expect", [])
        if self._expected and [value.lower() for value in self._expected] != ["100-continue"]:
            raise RequestRejected(417, ErrorCode.UNSUPPORTED, "the only expectation is 100-continue")
        self.length: int | None = None if transfer else request.content_length or 0
        """How many bytes the request says it has; None when it does not say."""

    async def whole(self, most: int) -> bytes:
        """All of it.

        Raises:
            RequestRejected: more than `most` bytes (413), before more than that is kept; or it does not come whole.
        """
        too_large = RequestRejected(413, ErrorCode.SIZE_INVALID, f"more than {most} bytes")
        if self.length is not None and self.length > most:
            raise too_large
        read = bytearray()
        async for chunk in self.chunks():
            read += chunk
            if len(read) > most:
                raise too_large
        return bytes(read)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come. A client that waits for `100 Continue` gets it when the first is wanted.

        Raises:
            RequestRejected: they stop coming for `limits.IDLE_READ_SECONDS` (408), or are framed badly (400).
        """
        if self._expected and self._request.transport is not None and not self._request.content.at_eof():
            self._request.transport.write(_CONTINUE)
        try:
            while True:
                async with asyncio.timeout(IDLE_READ_SECONDS):
                    chunk = await self._request.content.readany()
                if not chunk:
                    return
                yield chunk
        except TimeoutError as error:
            raise RequestRejected(408, ErrorCode.SIZE_INVALID, "the body stopped coming") from error
        except web.RequestPayloadError as error:
            raise RequestRejected(400, ErrorCode.SIZE_INVALID, "the body is framed badly") from error
