"""The listening socket: aiohttp's low-level server, with no application and no router above it."""

import asyncio
import contextlib
import errno
import logging
from typing import Any, Final

from aiohttp import web

from sealgate.errors import ConfigurationInvalid
from sealgate.http import answer
from sealgate.http.edge import Edge
from sealgate.http.problem import Problem
from sealgate.http.render import unexpected
from sealgate.limits import (
    CUT_SECONDS,
    HEADER_FIELD_BYTES,
    HEADERS,
    KEEPALIVE_SECONDS,
    LINGER_SECONDS,
    RECEIVE_BYTES,
    REQUEST_TARGET_BYTES,
)
from sealgate.oci.wire import ErrorCode

_logger: Final = logging.getLogger(__name__)

_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,  # decisions are logged, requests are not
    "logger": _logger,
    "auto_decompress": False,  # what is hashed, judged and forwarded is what came (attacks B23)
    "keepalive_timeout": KEEPALIVE_SECONDS,
    "lingering_time": LINGER_SECONDS,
    "max_line_size": REQUEST_TARGET_BYTES,
    "max_field_size": HEADER_FIELD_BYTES,
    "max_headers": HEADERS,
    "read_bufsize": RECEIVE_BYTES,
}


class _Connection(web.RequestHandler):
    """One client's connection. What the parser refuses is answered as every other error, and not echoed."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request. aiohttp's own answer is text that quotes the client's bytes (attacks 1C)."""
        del message
        _logger.info("%s sent what cannot be read: %s", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        told = Problem(status=400, code=ErrorCode.UNSUPPORTED, message="this is no request that can be read")
        response = answer.error(told if status < 500 else unexpected())
        response.force_close()
        return response


class _Listener(web.Server):
    """Makes a connection for each client, and knows how many requests are being answered."""

    def __init__(self, edge: Edge) -> None:
        # A client that leaves ends its handler, and with it what the upstream is sending (attacks F23).
        super().__init__(self._handle, handler_cancellation=True)
        self._edge = edge
        self._answering = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closing = False

    def __call__(self) -> _Connection:
        return _Connection(self, loop=asyncio.get_running_loop(), **_OPTIONS)

    async def drain(self, seconds: float) -> None:
        """Let requests in flight finish, uploads too; each connection closes after the one it is at."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._answering += 1
        self._quiet.clear()
        try:
            return await self._edge.handle(request)
        finally:
            self._answering -= 1
            if self._answering == 0:
                self._quiet.set()
            if self._closing:
                request.protocol.close()


class Running:
    """A gate that listens.

    Args:
        listener: who answers.
        server: the listening sockets.
    """

    def __init__(self, listener: _Listener, server: asyncio.Server) -> None:
        self._listener = listener
        self._server = server
        self.host: str
        self.port: int
        self.host, self.port = server.sockets[0].getsockname()[:2]

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing more, give what is in flight so many seconds, then break it off (attacks F12)."""
        self._server.close()
        await self._listener.drain(grace_seconds)
        self._listener.pre_shutdown()
        await self._listener.shutdown(CUT_SECONDS)


async def serve(edge: Edge, host: str, port: int) -> Running:
    """Start to listen.

    Args:
        edge: who answers.
        host: an address of this machine.
        port: a port of it; 0 is any that is free.

    Raises:
        ConfigurationInvalid: that address cannot be listened on; the port is in use, mostly.
    """
    listener = _Listener(edge)
    try:
        server = await asyncio.get_running_loop().create_server(listener, host, port)
    except OSError as error:
        told = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ConfigurationInvalid(f"cannot listen on {host}:{port}: {told}") from error
    return Running(listener, server)
