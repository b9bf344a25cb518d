"""What a connection may take before a request of it has been read, on the gate's own socket."""

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from sealgate.adapters.clock import SystemClock
from sealgate.errors import ConfigurationInvalid
from sealgate.http.connections import Bounds
from sealgate.http.server import serve
from sealgate.testing.tls import PrivateAuthority

HEAD = 0.2
REQUEST = b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n"


class Patient:
    """An edge that reads the body, and answers when it is told to."""

    def __init__(self):
        self.go = asyncio.Event()
        self.go.set()
        self.asked = asyncio.Semaphore(0)

    async def handle(self, request):
        self.asked.release()
        body = await request.read()
        await self.go.wait()
        return web.Response(body=body or b"hello")


@pytest.fixture
async def gate():
    edge = Patient()
    running = await serve(edge, "127.0.0.1", 0, bounds=Bounds(head=HEAD, connections=3))
    yield edge, running.port
    await running.stop(0.1)


@asynccontextmanager
async def connected(port, **more):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **more)
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader):
    """Whether the gate broke the connection off without a word."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def answered(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head.split()[1], await reader.readexactly(length)


async def drip(writer, text, seconds):
    with suppress(ConnectionError):
        for byte in text:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)


async def test_f17_a_connection_that_says_nothing_is_cut(gate):
    async with connected(gate[1]) as (reader, _):
        assert await ended(reader)


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\n", REQUEST[:-2]])
async def test_f17_a_head_that_never_ends_is_cut(gate, begun):
    async with connected(gate[1]) as (reader, writer):
        writer.write(begun)
        assert await ended(reader)


async def test_f17_a_head_that_drips_is_cut_however_regularly(gate):
    async with connected(gate[1]) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, b"GET / HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 1000, HEAD / 10))
        assert await ended(reader)
        dripping.cancel()
        await asyncio.wait((dripping,))


async def test_f17_a_second_request_has_the_same_time_for_its_head(gate):
    async with connected(gate[1]) as (reader, writer):
        writer.write(REQUEST)
        assert await answered(reader) == (b"200", b"hello")
        writer.write(REQUEST[:-2])
        assert await ended(reader)


async def test_a_connection_may_rest_between_requests(gate):
    async with connected(gate[1]) as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            assert await answered(reader) == (b"200", b"hello")
            await asyncio.sleep(2 * HEAD)


async def test_a_body_and_an_answer_may_take_longer_than_a_head(gate):
    edge, port = gate
    edge.go.clear()
    async with connected(port) as (reader, writer):
        writer.write(b"PUT / HTTP/1.1\r\nHost: gate\r\nContent-Length: 8\r\n\r\n")
        await drip(writer, b"slowbody", HEAD / 4)
        await asyncio.sleep(2 * HEAD)
        edge.go.set()
        assert await answered(reader) == (b"200", b"slowbody")


async def test_f17_a_tls_handshake_that_never_comes_is_cut(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*PrivateAuthority(SystemClock().now()).issue().write(tmp_path))
    running = await serve(Patient(), "127.0.0.1", 0, tls=context, bounds=Bounds(head=HEAD))
    async with connected(running.port) as (reader, writer):
        writer.write(b"\x16\x03\x01")
        assert await ended(reader)
    await running.stop(0.1)


async def test_f16_more_connections_than_allowed_are_told_so(gate, caplog):
    edge, port = gate
    edge.go.clear()  # the three stay
    async with connected(port) as one, connected(port) as two, connected(port) as three:
        for _, writer in (one, two, three):
            writer.write(REQUEST)
            await edge.asked.acquire()
        for _ in range(2):
            async with connected(port) as (reader, _):
                assert (await answered(reader))[0] == b"503"
                assert await ended(reader)
        assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) >= 1
        edge.go.set()
        for reader, _ in (one, two, three):
            assert await answered(reader) == (b"200", b"hello")
        one[1].close()
        assert await ended(one[0])
        async with asyncio.timeout(10):
            while True:  # the gate hears of it a little later
                async with connected(port) as (reader, writer):
                    writer.write(REQUEST)
                    if (await answered(reader))[0] == b"200":
                        return


async def test_f16_half_of_the_files_that_may_be_open_are_left_for_the_rest(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (4, 4))
    running = await serve(Patient(), "127.0.0.1", 0)
    async with connected(running.port), connected(running.port), connected(running.port) as (reader, _):
        assert (await answered(reader))[0] == b"503"
    await running.stop(0.1)


def test_a_bound_of_no_connections_is_refused():
    with pytest.raises(ConfigurationInvalid):
        Bounds(connections=0)
