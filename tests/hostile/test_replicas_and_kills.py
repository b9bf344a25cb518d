"""The state fails, the disk is full, the gate is killed, replicas disagree (attacks F9-F11, F27): never an admit."""

import asyncio
import json
import shutil
import signal
import sys
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.registry import MemoryRegistry

IMAGE, OTHER, THIRD = (images.oci_image(seed=seed) for seed in (1, 2, 3))
START_SECONDS = 60
HOLD = """\
name: hold
repositories: ["team/**"]
on_unsigned_push: hold
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
STRICT = HOLD.replace("release.pub", "other.pub")
SETTINGS = {"state_key_file": "state.key"}
FILES = {"state.key": b"k" * 32}


@pytest.fixture
async def registry():
    async with MemoryRegistry() as made:
        yield made


@pytest.fixture
def database(postgres_server):
    url = postgres_server.database()
    upgrade_postgres(url)
    return url


@pytest.fixture
def shared(registry, gate_world, database):
    """Makes one more gate on the same PostgreSQL database."""

    @asynccontextmanager
    async def make(policy=HOLD):
        more = {
            "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
            "state": database,
            **SETTINGS,
        }
        async with gate_world(registry, {"p.yaml": policy}, more=more, files=FILES) as world:
            yield world

    return make


async def until(told, seconds=30):
    async with asyncio.timeout(seconds):
        while not await told():  # noqa: ASYNC110 - what happens in another process
            await asyncio.sleep(0.05)


# F9: the database is down, or slow.


async def test_f9_a_database_that_is_down_admits_nothing_and_comes_back(shared, postgres_server):
    async with shared() as world:
        for image, tag, signed in ((IMAGE, "1.0", True), (OTHER, "2.0", False)):
            world.add("team/app", image, tag, signed=signed)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        postgres_server.stop()
        try:
            assert (await world.client.pull("team/app", "1.0")).status == 200
            assert (await world.client.pull("team/app", "2.0")).status in {403, 503}
            pushed = await world.client.push("team/app", THIRD, "3.0")
            assert pushed.status == 503
            assert "3.0" not in world.registry.tags("team/app")
        finally:
            postgres_server.start()

        async def is_held():
            return (await world.client.push("team/app", THIRD, "3.0")).status == 201

        await until(is_held)
        assert (await world.client.pull("team/app", "2.0")).status == 403
        assert (await world.client.push_signature("team/app", world.signature(THIRD.digest))).status == 201
        assert world.registry.tags("team/app")["3.0"] == THIRD.digest


# F27: two replicas with different policies, on one database.


@pytest.mark.parametrize("lax_first", [True, False])
async def test_f27_replicas_with_different_policies_share_no_decision(shared, lax_first):
    async with shared(HOLD) as lax, shared(STRICT) as strict:
        lax.add("team/app", IMAGE)
        expected = [(lax, 200), (strict, 403)] if lax_first else [(strict, 403), (lax, 200)]
        for _ in range(2):
            for world, status in expected:
                assert (await world.client.pull("team/app", "1.0")).status == status
                assert (await world.client.pull("team/app", str(IMAGE.digest))).status == status


async def test_f27_a_push_that_one_replica_holds_is_not_released_by_the_other_against_its_policies(shared):
    """It is judged by whoever takes the signature; the stricter one releases nothing that only the laxer one would."""
    async with shared(HOLD) as lax, shared(STRICT) as strict:
        assert (await lax.client.push("team/app", IMAGE, "1.0")).status == 201
        assert (await strict.client.push_signature("team/app", lax.signature(IMAGE.digest))).status == 201
        assert "released" not in [line["event"] for line in strict.gate.decisions]


# F10 and F11: a gate of its own process, which may have little, and may be killed.


class Process:
    """`sealgate serve` over a SQLite file."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self._session = session
        self._starts = count()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *limits: str) -> None:
        """Start it with these limits of prlimit(1)."""
        command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", "sealgate.yaml"]
        if limits:
            command = [shutil.which("prlimit") or "prlimit", *limits, *command]
        name = self.folder / f"server-{next(self._starts)}.log"
        with name.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, cwd=self.folder, stdout=log, stderr=log)

        async def listens():
            assert self._process.returncode is None, name.read_text()
            return "listening on " in name.read_text()

        await until(listens, START_SECONDS)
        url = name.read_text().partition("listening on ")[2].split()[0]
        self.port = int(url.rpartition(":")[2])
        self.client = RegistryClient(url, self._session)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(how)
            await self._process.wait()
            self._process = None


@pytest.fixture
async def process(registry, world, tmp_path):
    """Not yet started; `world` lends its keys, and its registry is this one."""
    settings = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": ["p.yaml"],
        "state": f"sqlite://{tmp_path}/state.db",
        "decision_log": "decisions.jsonl",
    }
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        made = Process(tmp_path, session)
        (tmp_path / "p.yaml").write_text(HOLD)
        (tmp_path / "release.pub").write_bytes(world.key.public_pem)
        (tmp_path / "sealgate.yaml").write_text(json.dumps({"listen": "127.0.0.1:0", **settings}))
        try:
            yield made
        finally:
            await made.end(signal.SIGKILL)


async def test_f10_a_full_disk_changes_no_decision_and_loses_no_acknowledged_push(process, world):
    world.add("team/app", IMAGE, "1.0")
    world.add("team/app", OTHER, "2.0", signed=False)
    await process.start()  # makes the tables
    await process.end()
    size = (process.folder / "state.db").stat().st_size
    await process.start(f"--fsize={size + 64 * 1024}")  # the write-ahead log is full soon
    acknowledged, refused = {}, 0
    for number in range(100):
        image, tag = images.oci_image(seed=1000 + number), f"held-{number}"
        reply = await process.client.push("team/app", image, tag)
        assert reply.status in {201, 503}
        if reply.status == 201:
            acknowledged[tag] = image
        refused += reply.status == 503
        if refused > 3:
            break
    assert acknowledged
    assert refused, "the disk was never full"
    assert (await process.client.pull("team/app", "1.0")).status in {200, 503}
    assert (await process.client.pull("team/app", "2.0")).status in {403, 503}
    assert not set(world.registry.tags("team/app")) & {f"held-{number}" for number in range(100)}
    await process.end(signal.SIGKILL)
    await process.start()  # somebody has made room
    for tag, image in acknowledged.items():
        assert (await process.client.push_signature("team/app", world.signature(image.digest))).status == 201
        assert world.registry.tags("team/app")[tag] == image.digest
    assert (await process.client.pull("team/app", "1.0")).status == 200


async def test_f11_killed_in_the_middle_of_an_upload_it_leaves_nothing_that_can_be_seen(process, world):
    await process.start()
    blob = images.random_bytes(1024 * 1024, 11)
    begun = await process.client.ask("POST", "/v2/team/app/blobs/uploads/")
    location = begun.headers["location"]
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    path = location.removeprefix(f"http://127.0.0.1:{process.port}")
    writer.write(f"PATCH {path} HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(blob)}\r\n\r\n".encode())
    writer.write(blob[: len(blob) // 2])
    await writer.drain()
    await process.end(signal.SIGKILL)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    await process.start()
    assert (await process.client.ask("HEAD", f"/v2/team/app/blobs/{Digest.of(blob)}")).status == 404
    assert world.registry.tags("team/app") == {}
    assert (await process.client.ask("GET", path)).status in {204, 404}
    assert (await process.client.push_blob("team/app", blob)).status == 201
    assert (await process.client.ask("HEAD", f"/v2/team/app/blobs/{Digest.of(blob)}")).status == 200
