"""Answers that a test dictates, down to the byte: what a broken or evil registry would say."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request as it arrived.

    Args:
        method: its method.
        target: the raw request target, nothing decoded.
        headers: its header lines in order, names in lower case.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def path(self) -> str:
        """The raw target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """The values of one header, joined by ", "; "" when it is absent."""
        return ", ".join(value for key, value in self.headers if key == name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, written as it stands; the connection closes after it.

    Args:
        status: any number.
        reason: the reason phrase; None for the usual one.
        headers: written verbatim, whatever is in them. One that frames the body (`Content-Length`,
            `Transfer-Encoding`) replaces ours.
        body: the bytes of the body.
        repeat: how often the body is sent; None for ever.
        length: the `Content-Length` to state; None for the true one, or, when the body is endless, none at all.
        chunked: frame it by chunks instead.
        stop_after: how many bytes of the body are sent before the connection closes; None for all.
        delay: seconds before the first byte.
        pause: seconds between two repetitions of the body.
    """

    status: int = 200
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] | Mapping[str, str] = ()
    body: bytes = field(default=b"", repr=False)
    repeat: int | None = 1
    length: int | None = None
    chunked: bool = False
    stop_after: int | None = None
    delay: float = 0.0
    pause: float = 0.0

    def head(self) -> bytes:
        """The status line and the headers."""
        pairs = list(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)
        if not {name.lower() for name, _ in pairs} & {"content-length", "transfer-encoding"}:
            if self.chunked:
                pairs.append(("Transfer-Encoding", "chunked"))
            elif self.length is not None or self.repeat is not None:
                stated = len(self.body) * (self.repeat or 0) if self.length is None else self.length
                pairs.append(("Content-Length", str(stated)))
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status) if self.reason is None else self.reason}"]
        lines += [f"{name}: {value}" for name, value in (*pairs, ("Connection", "close"))]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


Reply: TypeAlias = Answer | Callable[[LoggedRequest], Answer | None]
"""What to answer; a function may look at the request, and None lets the registry answer as usual."""


@dataclass(slots=True)
class Line:
    """One line of a script: which requests it is for, and how many of them it has met."""

    matcher: re.Pattern[str]
    reply: Reply
    after: int
    times: int | None
    met: int = 0

    def answer(self, request: LoggedRequest) -> Answer | None:
        """What this line has to say to a request; None when it is not for it."""
        if not self.matcher.fullmatch(f"{request.method} {request.path}"):
            return None
        self.met += 1
        if self.met <= self.after or (self.times is not None and self.met > self.after + self.times):
            return None
        return self.reply if isinstance(self.reply, Answer) else self.reply(request)


async def perform(answer: Answer, request: web.BaseRequest) -> None:
    """Write an answer past aiohttp's own framing, and close."""
    await asyncio.sleep(answer.delay)
    transport, writer = request.transport, request.writer
    assert transport is not None
    await writer.write(answer.head())
    left = answer.stop_after
    sent = 0
    bodiless = request.method == "HEAD" or not answer.body
    while not bodiless and left != 0 and (answer.repeat is None or sent < answer.repeat):
        piece = answer.body if left is None else answer.body[:left]
        left = None if left is None else left - len(piece)
        sent += 1
        await writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
        await writer.drain()
        await asyncio.sleep(answer.pause)
    if answer.chunked and answer.stop_after is None and request.method != "HEAD":
        await writer.write(b"0\r\n\r\n")
    # Closing on top of an unread request body would reset the connection and lose the answer.
    if transport.can_write_eof():  # TLS cannot
        transport.write_eof()
    async for _ in request.content.iter_any():
        pass
    transport.close()


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "Unknown"
