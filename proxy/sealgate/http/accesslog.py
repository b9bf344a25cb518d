"""A line in the gate's log for each request; without queries, bodies, and headers but the user agent."""

import asyncio
import logging
from typing import Final

from aiohttp import web

from sealgate.http.connections import Handler
from sealgate.http.inbound import caller_of, request_id, routed_if_any
from sealgate.limits import LOGGED_PATH_CHARACTERS
from sealgate.oci.wire import printable

_access: Final = logging.getLogger("sealgate.access")
_UPLOADS: Final = "/blobs/uploads/"


class AccessLog:
    """Writes down what another handler answers.

    Args:
        edge: who answers.
    """

    def __init__(self, edge: Handler) -> None:
        self._edge = edge

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `connections.Handler`."""
        now = asyncio.get_running_loop().time
        started, status = now(), 499  # nginx's word for a client that left
        try:
            response = await self._edge.handle(request)
            status = response.status
        finally:
            _write(request, status, (now() - started) * 1000)
        return response


def _write(request: web.BaseRequest, status: int, milliseconds: float) -> None:
    caller, routed = caller_of(request), routed_if_any(request)
    path, upload, _ = request.raw_path.partition("?")[0].partition(_UPLOADS)
    _access.info(
        "request",
        extra={
            "request": request_id(request),
            "method": printable(request.method, 20),
            "path": printable(path + upload, LOGGED_PATH_CHARACTERS),  # a session's name is a right to write into it
            "repository": None if routed is None else routed.repository.name,
            "upstream": None if routed is None else routed.upstream,
            "status": status,
            "milliseconds": round(milliseconds, 1),
            "address": caller.address or None,
            "user": caller.name or None,
            "user_agent": caller.user_agent or None,
        },
    )
