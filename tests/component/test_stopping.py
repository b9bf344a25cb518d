"""`sealgate serve` is told to stop: it leaves, lets what is in flight finish, and hurries when it is told again."""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest

from sealgate.testing import images
from sealgate.testing.client import RegistryClient

POLICY = "name: open\nrepositories: ['**']\nallow_unsigned: true\n"
SECONDS = 30
GET = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"


class Process:
    """A gate of its own."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    async def says(self, text):
        """Wait for a line on stderr."""
        async with asyncio.timeout(SECONDS):
            while raw := await self.process.stderr.readline():
                self.lines.append(raw.decode())
                if text in self.lines[-1]:
                    return self.lines[-1]
        raise AssertionError(self.lines)

    def told(self):
        """Tell it to stop."""
        self.process.send_signal(signal.SIGTERM)

    async def ended(self):
        """Its exit status."""
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()


@pytest.fixture
def serving(tmp_path, registry):
    """Starts `sealgate serve`; gives the process and where it listens."""
    (tmp_path / "open.yaml").write_text(POLICY)

    @asynccontextmanager
    async def start(**variables):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from sealgate.cli.main import main; main()", "serve", "--upstream", registry.url,
            "--policies", str(tmp_path), "--listen", "127.0.0.1:0", "--decision-log", str(tmp_path / "log"),
            cwd=tmp_path, env={**os.environ, **variables}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        gate = Process(process)
        try:
            line = await gate.says("listening on")
            yield gate, int(line.split("http://127.0.0.1:")[1].split()[0])
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return start


async def answer(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    async with asyncio.timeout(SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def test_f12_it_accepts_for_as_long_as_it_is_said_to_and_then_ends(serving):
    async with serving(SEALGATE_DRAIN="2") as (gate, port):
        assert b"connection: close" not in (await answer(port)).lower()
        gate.told()
        await gate.says("leaving: connections are accepted for 2 s more")
        head = await answer(port)
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in head.lower()
        await gate.says("stopped")
        assert await gate.ended() == 0
        with pytest.raises(ConnectionRefusedError):
            await answer(port)


@pytest.mark.parametrize("what", ["blobs", "manifests"])
async def test_f12_what_a_slow_client_has_yet_to_read_is_not_lost(serving, registry, what):
    """The gate has answered all of it when it is to end; the client has not taken it yet."""
    image = images.oci_image(seed=1, size=4_000_000, annotations={"padding": "x" * 4_000_000})
    registry.add_artifact("app", image, "1.0")
    references = {"blobs": json.loads(image.raw)["layers"][0]["digest"], "manifests": "1.0"}
    async with serving(SEALGATE_DRAIN="0") as (gate, port):
        async with aiohttp.ClientSession() as session:
            assert (await RegistryClient(f"http://127.0.0.1:{port}", session).pull("app", "1.0")).status == 200
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=slow, limit=4096)
            writer.write(f"GET /v2/app/{what}/{references[what]} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            gate.told()
            await gate.says("stopping")
            length = 0
            while piece := await reader.read(4096):
                length += len(piece)
                await asyncio.sleep(0.0005)  # it is slower than the gate can end
            writer.close()
        assert length == int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
        assert await gate.ended() == 0


@pytest.mark.parametrize("drain", ["300", "0"], ids=["while-it-leaves", "while-requests-finish"])
async def test_f12_told_again_it_waits_for_nothing(serving, drain):
    """An upload that does not go on would be waited for."""
    async with serving(SEALGATE_DRAIN=drain) as (gate, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        location = (
            urlsplit(head.partition("Location: ")[2].partition("\r\n")[0])._replace(scheme="", netloc="").geturl()
        )
        writer.write(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nfoo".encode())
        await writer.drain()
        gate.told()
        await gate.says("leaving" if drain != "0" else "stopping")
        gate.told()
        await gate.says("stopped")
        assert await gate.ended() == 0
        writer.close()


@pytest.mark.parametrize("value", ["301", "-1", "5s", "1.5"])
async def test_a_drain_that_is_no_number_of_seconds_is_refused(serving, value):
    with pytest.raises(AssertionError, match="not a number of seconds from 0 to 300"):
        async with serving(SEALGATE_DRAIN=value):
            pass
