"""The one way out: every answer is made and sent here, so that what all answers share is said once."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from sealgate.http.inbound import request_id
from sealgate.http.problem import Problem
from sealgate.http.render import reason_phrase
from sealgate.limits import STALLED_CLIENT_SECONDS
from sealgate.oci.wire import error_body

_logger: Final = logging.getLogger(__name__)

_EVERYWHERE: Final = (
    ("Docker-Distribution-API-Version", "registry/2.0"),  # Docker takes nothing without it for a registry
    ("Server", "sealgate"),
    ("Cache-Control", "no-store"),  # a cache in front would go on serving what is no longer admitted
)


def ok(status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> web.Response:
    """An answer as it was asked for. To a HEAD, the body is counted and not sent."""
    return web.Response(status=status, headers=_headers(headers), body=body)


def head(status: int, headers: Iterable[tuple[str, str]], size: int) -> web.StreamResponse:
    """The answer to a HEAD about `size` bytes that are not at hand; also where a stream begins."""
    return web.StreamResponse(status=status, headers=_headers((*headers, ("Content-Length", str(size)))))


def error(problem: Problem, request: str = "") -> web.Response:
    """An answer that is not what was asked for.

    Args:
        problem: what went wrong.
        request: the name of the request, for whoever asks about it.
    """
    detail = {**problem.detail, "request": request} if problem.detail and request else problem.detail
    return web.Response(
        status=problem.status,
        reason=reason_phrase(problem),
        headers=_headers((("Content-Type", "application/json"), *problem.headers)),
        body=error_body(problem.code, problem.message, detail),
    )


async def send(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send an answer to its end. A client that left meanwhile is no error.

    A request whose body was not read to its end leaves bytes on the connection that must not be taken for the next
    request, so the connection is closed after it (attacks B30).
    """
    if not request.content.at_eof():
        response.force_close()
    named(request, response)
    try:
        async with asyncio.timeout(STALLED_CLIENT_SECONDS):
            await response.prepare(request)
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        _logger.debug("%s left before its answer", request.remote)
        cut(request)


def named(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give an answer that is not under way the name of its request."""
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id(request)


def cut(request: web.BaseRequest) -> None:
    """Break the connection off: the bytes promised will not come, and the client must not think that they did."""
    if request.transport is not None:
        request.transport.abort()


def _headers(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((*_EVERYWHERE, *headers))
