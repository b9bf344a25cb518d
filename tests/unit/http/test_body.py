"""What a body does when its client misbehaves in time rather than in bytes."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web
from multidict import CIMultiDict

from sealgate.http import body as module
from sealgate.http.body import Body
from sealgate.http.problem import RequestRejected


class Content:
    def __init__(self, *pieces: bytes | Exception | None) -> None:
        self._pieces = list(pieces)

    def at_eof(self) -> bool:
        return not self._pieces

    async def readany(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if piece is None:
            await asyncio.Event().wait()
        if isinstance(piece, Exception):
            raise piece
        return piece


def body(content: Content) -> Body:
    headers = CIMultiDict({"Transfer-Encoding": "chunked"})
    return Body(SimpleNamespace(headers=headers, content=content, transport=None))


async def test_pieces_are_put_together():
    assert await body(Content(b"ab", b"c")).whole(3) == b"abc"


async def test_f17_a_body_that_stops_coming_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "IDLE_READ_SECONDS", 0.01)
    with pytest.raises(RequestRejected) as rejected:
        await body(Content(b"ab", None)).whole(10)
    assert rejected.value.problem.status == 408


async def test_b22_a_body_that_is_framed_badly_is_the_clients_fault():
    with pytest.raises(RequestRejected) as rejected:
        await body(Content(b"ab", web.RequestPayloadError("bad chunk"))).whole(10)
    assert rejected.value.problem.status == 400


async def test_no_more_is_kept_than_is_allowed():
    content = Content(b"ab", b"cd", b"ef")
    with pytest.raises(RequestRejected) as rejected:
        await body(content).whole(3)
    assert rejected.value.problem.status == 413
    assert not content.at_eof()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (("Transfer-Encoding", "gzip, chunked"), 400),
        (("Transfer-Encoding", "identity"), 400),
        (("Content-Encoding", "gzip"), 415),
        (("Content-Encoding", "identity, br"), 415),
        (("Expect", "202-accepted"), 417),
    ],
)
async def test_b30_what_the_parser_might_let_through_is_refused(header, status):
    with pytest.raises(RequestRejected) as rejected:
        Body(SimpleNamespace(headers=CIMultiDict([header]), content=Content(), content_length=None, transport=None))
    assert rejected.value.problem.status == status
