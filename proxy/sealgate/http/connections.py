"""Connections of clients: how many there may be, how long a request's head may take, what is answered to none."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from sealgate.errors import ConfigurationInvalid
from sealgate.http import answer
from sealgate.http.problem import Problem
from sealgate.http.render import unexpected
from sealgate.limits import (
    CONNECTIONS,
    HEAD_SECONDS,
    HEADER_FIELD_BYTES,
    HEADERS,
    KEEPALIVE_SECONDS,
    LINGER_SECONDS,
    RECEIVE_BYTES,
    REQUEST_TARGET_BYTES,
    RETRY_AFTER_SECONDS,
)
from sealgate.oci.wire import ErrorCode, error_body

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


class Handler(Protocol):
    """Who answers: an `Edge`, or who chooses one for each request."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `Edge.handle`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What clients may take of the gate before it has read a request of theirs.

    Args:
        head: seconds for a TLS handshake, and again for the whole head of a request, however it drips (attacks F17).
        connections: open ones at a time; further ones are answered 503 (attacks F16).
    """

    head: float = HEAD_SECONDS
    connections: int = CONNECTIONS

    def __post_init__(self) -> None:
        if self.connections < 1:
            raise ConfigurationInvalid("the limit of open files leaves no room for connections; raise it (ulimit -n)")


class Listener(web.Server):
    """Makes a connection for each client, and knows how many requests are being answered.

    Args:
        edge: who answers.
        bounds: what clients may take.
    """

    def __init__(self, edge: Handler, bounds: Bounds) -> None:
        # A client that leaves ends its handler, and with it what the upstream is sending (attacks F23).
        super().__init__(self._handle, request_factory=self._request, handler_cancellation=True)
        self._edge = edge
        self._bounds = bounds
        self._open = 0
        self._answering = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    def __call__(self) -> "_Connection":
        """A connection for one more client."""
        return _Connection(self, self._bounds)

    def leave(self) -> None:
        """From now on each answer is the last one of its connection, and says so."""
        self._closing = True

    async def drain(self, seconds: float) -> None:
        """Let requests in flight finish, uploads too; each connection closes after the one it is at."""
        self.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    async def emptied(self, seconds: float) -> None:
        """Wait until every client has what was answered, once all are told to close.

        An answer is over for its handler while the last of it lies in the gate's memory, and would end with it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()

    def opened(self) -> bool:
        """Count a connection; False when there are too many."""
        self._open += 1
        self._empty.clear()
        if self._open == self._bounds.connections + 1:  # not for each: a flood of connections is none of lines
            _logger.warning("%d connections are open: further ones are answered 503", self._bounds.connections)
        return self._open <= self._bounds.connections

    def closed(self) -> None:
        """Count it no more."""
        self._open -= 1
        if self._open == 0:
            self._empty.set()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if self._closing:
            message = message._replace(should_close=True)
        return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("_Connection", request.protocol)  # the only kind that `__call__` makes
        self._answering += 1
        self._quiet.clear()
        try:
            with connection.answering():
                return await self._edge.handle(request)
        finally:
            self._answering -= 1
            if self._answering == 0:
                self._quiet.set()
            if self._closing:
                request.protocol.close()


class _Connection(web.RequestHandler):
    """One client's connection. What the parser refuses is answered as every other error, and not echoed."""

    __slots__ = ("_answers", "_bounds", "_deadline", "_listener")

    def __init__(self, listener: Listener, bounds: Bounds) -> None:
        super().__init__(listener, loop=asyncio.get_running_loop(), **_OPTIONS)
        self._listener = listener
        self._bounds = bounds
        self._answers = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for the first request; where there are too many connections, say so and close."""
        super().connection_made(transport)
        if self._listener.opened():
            self._expect_head()
            return
        if self.transport is not None:
            self.transport.write(_FULL)
        self.force_close()

    def data_received(self, data: bytes) -> None:
        """Start the clock for a further request with its first byte; until then the keep-alive's own runs."""
        if data and not self._answers and self._deadline is None:
            self._expect_head()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clock."""
        self._listener.closed()
        self._cancel_deadline()
        super().connection_lost(exc)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While a request is answered: its head has come, and what comes now is its body."""
        self._cancel_deadline()
        self._answers = True
        try:
            yield
        finally:
            self._answers = False

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

    def _expect_head(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._bounds.head, self._cut)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        """Break off. A client that writes a head for so long is not one that waits for an answer."""
        self._deadline = None
        if self.transport is not None:
            self.transport.abort()


def _full() -> bytes:
    body = error_body(ErrorCode.UNAVAILABLE, "too many connections are open; try again")
    head = (
        "HTTP/1.1 503 Too many connections",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Retry-After: {RETRY_AFTER_SECONDS}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


_FULL: Final = _full()
