"""The database hangs, the disk is full, files run out: no decision changes, and what is not known is a doubt."""

import asyncio
import json
import resource
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from sealgate.adapters.state import database, turns
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import RegistryClient

SECONDS = 60
FILES = 80
WARM, COLD, BAD = (images.oci_image(seed=seed) for seed in (1, 2, 3))

SIGNED = """\
name: signed
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
ANYTHING = "name: anything\nrepositories: ['team/**']\nallow_unsigned: true\n"


@pytest.fixture
def shared(postgres_server, tmp_path):
    """What stands in the settings of gates that share a database."""
    url, key = postgres_server.database(), tmp_path / "state-key"
    upgrade_postgres(url)
    key.write_bytes(b"k" * 32)
    return {"state": {"url": url, "key_file": str(key)}}


async def test_f9_a_database_that_hangs_is_waited_for_within_bounds_and_admits_nothing(
    registry, gate_world, postgres_server, shared, reason, monkeypatch
):
    monkeypatch.setattr(database, "STATE_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.3)
    async with gate_world(registry, {"signed.yaml": SIGNED}, more=shared) as world:
        world.add("team/warm", WARM)
        world.add("team/cold", COLD)
        world.add("team/bad", BAD, signed=False)
        assert (await world.client.pull("team/warm", "1.0")).status == 200
        with postgres_server.frozen():
            async with asyncio.timeout(SECONDS):
                assert (await world.client.pull("team/warm", "1.0")).status == 200
                for repository in ("team/cold", "team/bad"):
                    reply = await world.client.pull(repository, "1.0")
                    assert (reply.status, reason(reply)) == (503, "state-unavailable")
                pushed = await world.client.push("team/new", WARM, "1.0")
                assert (pushed.status, reason(pushed)) == (503, "state-unavailable")
            assert "1.0" not in registry.tags("team/new")
        await until(lambda: world.client.pull("team/cold", "1.0"), 200)
        async with asyncio.timeout(SECONDS):
            assert (await world.client.pull("team/bad", "1.0")).status == 403


async def test_f27_what_one_gate_admits_by_its_policies_another_refuses_by_its_own(registry, gate_world, shared):
    """In a roll-out two versions of the policies are in force; a decision is shared by those who have the same."""
    async with (
        gate_world(registry, {"p.yaml": ANYTHING}, more=shared) as loose,
        gate_world(registry, {"p.yaml": SIGNED}, more=shared) as tight,
        gate_world(registry, {"p.yaml": ANYTHING}, more=shared) as also_loose,
    ):
        loose.add("team/app", BAD, signed=False)
        for _ in range(3):
            assert (await loose.client.pull("team/app", "1.0")).status == 200
            assert (await tight.client.pull("team/app", "1.0")).status == 403
            assert (await tight.client.blob("team/app", Digest.of(BAD.blobs[1]))).status == 403
        assert (await also_loose.client.pull("team/app", "1.0")).status == 200
        assert also_loose.gate.decisions[-1]["cached"] is True
        assert loose.gate.decisions[-1]["policies"] != tight.gate.decisions[-1]["policies"]


async def until(ask, status: int) -> None:
    """Ask until the answer has this status."""
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(aiohttp.ClientError):
                if (await ask()).status == status:
                    return
            await asyncio.sleep(0.1)


class Bounded:
    """A gate of its own that may have only so much."""

    def __init__(self, process, host: str, client: RegistryClient, log: Path) -> None:
        self.process = process
        self.host = host
        self.client = client
        self.log = log

    @property
    def outcomes(self) -> set[tuple[str, str]]:
        """Repository and outcome of what it wrote down in whole lines."""
        told = set()
        for line in self.log.read_bytes().split(b"\n"):
            try:
                said = json.loads(line)
            except ValueError:
                continue  # cut short by the bound
            told.add((said["repository"], said["outcome"]))
        return told


@pytest.fixture
def bounded(tmp_path, registry, world):
    """Starts `sealgate serve` with bounds on its files, in front of what `world` has."""
    for name in ("release.pub", "trusted_root.json"):
        (tmp_path / name).write_bytes((world.gate.folder / name).read_bytes())
    (tmp_path / "signed.yaml").write_text(SIGNED)

    @asynccontextmanager
    async def start(**limits: int):
        def bound() -> None:
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name), (value, value))

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from sealgate.cli.main import main; main()", "serve", "--upstream", registry.url,
            "--policies", "signed.yaml", "--listen", "127.0.0.1:0", "--decision-log", "log",
            "--state", f"sqlite://{tmp_path}/state.db", "--trusted-root", "trusted_root.json",
            cwd=tmp_path, stderr=asyncio.subprocess.PIPE, preexec_fn=bound,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                told = []
                while "listening on" not in (line := (await process.stderr.readline()).decode()):
                    told.append(line)
                    assert line, told
            reading = asyncio.create_task(process.stderr.read())  # so that a full pipe stops nothing
            url = line.split("listening on ")[1].split()[0]
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                yield Bounded(process, url.removeprefix("http://"), RegistryClient(url, session), tmp_path / "log")
            reading.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return start


async def test_f10_a_disk_that_is_full_changes_no_decision(bounded, world, reason):
    """Neither the state nor the decision log takes more; what is known goes on, and nothing unsigned comes through."""
    async with bounded(RLIMIT_FSIZE=600_000) as gate:
        statuses = {"team/good": set(), "team/bad": set()}
        for number in range(60):
            for repository, signed in (("team/good", True), ("team/bad", False)):
                world.add(repository, images.oci_image(seed=100 + number), f"{number}", signed=signed)
                statuses[repository].add((await gate.client.pull(repository, f"{number}")).status)
        assert gate.process.returncode is None
        assert 200 in statuses["team/good"]
        assert statuses["team/good"] <= {200, 503}
        assert statuses["team/bad"] <= {403, 503}
        assert ("team/bad", "admit") not in gate.outcomes
        assert 503 in statuses["team/good"] | statuses["team/bad"], "the bound was not reached"
        assert (await gate.client.pull("team/good", "0")).status == 200


async def test_f10_when_files_run_out_nothing_unsigned_comes_through_and_it_recovers(bounded, world):
    async with bounded(RLIMIT_NOFILE=FILES) as gate:
        world.add("team/good", WARM)
        world.add("team/bad", BAD, signed=False)
        host, _, port = gate.host.rpartition(":")
        held = []
        try:
            held += [await asyncio.open_connection(host, port) for _ in range(FILES)]
            for repository, status in (("team/bad", 403), ("team/good", 200)):
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(2):
                        assert (await gate.client.pull(repository, "1.0")).status in {status, 503}
        finally:
            for _, writer in held:
                writer.transport.abort()
        await until(lambda: gate.client.pull("team/good", "1.0"), 200)
        assert (await gate.client.pull("team/bad", "1.0")).status == 403
        assert ("team/bad", "admit") not in gate.outcomes
