"""A blob on its way from the upstream to a client, hashed in passing (design section 2, promise 1).

The last piece is held back until the digest is known to match. If it does not, the client gets a clean error when
nothing was sent yet, and otherwise a broken connection: never the end of a wrong blob (attacks F4, F5, F6).
"""

import asyncio
import hashlib
import logging
from collections.abc import Set
from typing import Final

from aiohttp import web

from sealgate.errors import ContentMismatch, SealgateError
from sealgate.http import answer
from sealgate.http.inbound import sent
from sealgate.limits import RELAY_CHUNK_BYTES, STALLED_CLIENT_SECONDS
from sealgate.oci.digest import Digest
from sealgate.ports import BlobStream

_logger: Final = logging.getLogger(__name__)


class _ClientGone(Exception):
    """The client left, or takes nothing any more."""


async def relay(
    request: web.BaseRequest, response: web.StreamResponse, stream: BlobStream, digests: Set[Digest]
) -> web.StreamResponse:
    """Send a stream as the body of an answer.

    Args:
        request: who gets it.
        response: its status and headers, not sent yet.
        stream: the bytes.
        digests: what they must have; none for a part of a blob, which only the client can check.

    Raises:
        ContentMismatch: they have another digest or length, and nothing was sent yet.
        UpstreamUnavailable: they did not come, and nothing was sent yet.
    """
    try:
        await _pump(request, response, stream, digests)
    except _ClientGone:
        _logger.info("%s left in the middle of a blob", request.remote)
        answer.cut(request)
    except Exception as error:
        if not response.prepared:
            raise
        _logger.warning("a blob broke off: %s", error, exc_info=not isinstance(error, SealgateError))
        answer.cut(request)
    return response


async def _pump(
    request: web.BaseRequest, response: web.StreamResponse, stream: BlobStream, digests: Set[Digest]
) -> None:
    transport = request.transport
    if transport is not None and not transport.is_closing():
        transport.set_write_buffer_limits(high=RELAY_CHUNK_BYTES)
    hashing = [(digest, hashlib.new(digest.algorithm)) for digest in digests]
    received, held = 0, b""
    async for chunk in stream.chunks:
        if not chunk:  # it would let go of the piece before it
            continue
        received += len(chunk)
        if received > stream.size:
            raise ContentMismatch(f"the upstream sent more than the {stream.size} bytes it announced")
        for _, hashed in hashing:
            hashed.update(chunk)
        if held:
            await _write(request, response, held)
        held = chunk
    if received != stream.size:
        raise ContentMismatch(f"the upstream sent {received} of the {stream.size} bytes it announced")
    for digest, hashed in hashing:
        if hashed.hexdigest() != digest.hex:
            raise ContentMismatch(f"the upstream's content is not {digest}")
    await _write(request, response, held)


async def _write(request: web.BaseRequest, response: web.StreamResponse, chunk: bytes) -> None:
    try:
        async with asyncio.timeout(STALLED_CLIENT_SECONDS):
            answer.named(request, response)
            await response.prepare(request)
            await response.write(chunk)
        sent(request, len(chunk))
    except (ConnectionError, TimeoutError) as error:
        raise _ClientGone from error
