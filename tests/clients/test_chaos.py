"""`make chaos`, briefly; and 32 clients that push and sign one tag at once."""

import asyncio
import hashlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from harness.chaos import POLICY, Replica, chaos
from harness.cosign import Cosign, KeyPair
from harness.servers import Server

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.oci.media_types import MANIFESTS
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.images import Artifact
from sealgate.testing.postgres import Postgres
from sealgate.testing.sigstore import PrivateSigstore, SigningKey, simple_signing_object

pytestmark = pytest.mark.client("docker-registry", "cosign2", "cosign3")

KILLS = int(os.environ.get("SEALGATE_TEST_KILLS", "3"))
CLIENTS = 32
DOUBT = frozenset({500, 503})
"""docker-registry answers 500 to who reads a tag while it is written, and the gate then does not know."""
SECONDS = float(os.environ.get("SEALGATE_TEST_LOAD_SECONDS", "5"))


@pytest.fixture
def one(tmp_path: Path) -> list[dict[str, object]]:
    """One gate, with SQLite."""
    return [{"state": f"sqlite://{tmp_path}/state.db"}]


@pytest.fixture
def two(tmp_path: Path, postgres_server: Postgres) -> list[dict[str, object]]:
    """Two gates, with PostgreSQL."""
    url, key = postgres_server.database(), tmp_path / "state-key"
    upgrade_postgres(url)
    key.write_bytes(os.urandom(32))
    return [{"state": {"url": url, "key_file": str(key)}}] * 2


@pytest.fixture(params=["one", "two"])
def gates(request: pytest.FixtureRequest) -> list[dict[str, object]]:
    said: list[dict[str, object]] = request.getfixturevalue(request.param)
    return said


def test_f11_gates_that_are_killed_lose_nothing_and_let_nothing_through(
    gates: Sequence[dict[str, object]],
    cosign2: Cosign,
    cosign3: Cosign,
    release_key: KeyPair,
    registry: Server,
    tmp_path: Path,
) -> None:
    cosigns = [(cosign2, release_key), (cosign3, release_key)]
    report = asyncio.run(chaos(tmp_path / "gates", registry, gates, kills=KILLS, seed=time.time_ns(), cosigns=cosigns))
    assert report.violations == [], "\n".join(report.lines())
    assert report.kills == KILLS
    assert report.counts["tags that are what they must be"] > 0


async def test_b2_what_a_tag_ever_served_was_admitted_however_many_move_it_at_once(
    gates: Sequence[dict[str, object]], registry: Server, repository: str, tmp_path: Path
) -> None:
    """Some sign before they move the tag, some after, some never. Readers look at the tag all the time."""
    sigstore, key = PrivateSigstore(now=SystemClock().now()), SigningKey.generate("ecdsa-p256")
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "policy.yaml").write_text(POLICY)
    for name in ("ours.pub", "cosign.pub"):
        (policies / name).write_bytes(key.public_pem)
    settings: dict[str, object] = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": [str(policies)],
    }
    replicas = [Replica(tmp_path / f"gate-{number}", settings | said) for number, said in enumerate(gates)]
    signed: set[str] = set()
    served: set[str] = set()
    seeds = itertools.count(1)
    accept = {"Accept": ", ".join(MANIFESTS)}
    end = time.monotonic() + SECONDS + 5 * len(replicas)

    async def sign(client: RegistryClient, image: Artifact) -> None:
        signed.add(str(image.digest))
        signature = sigstore.simple_signature(image.digest, key, logged=False)
        reply = await client.push_signature(repository, simple_signing_object(image.digest, [signature]))
        assert reply.status in {201, *DOUBT}, reply.body

    async def push(client: RegistryClient, when: str) -> None:
        while time.monotonic() < end:
            image = images.oci_image(seed=next(seeds), annotations={"test": repository})
            if when == "before":
                assert (await client.push(repository, image)).status == 201
                await sign(client, image)
            assert (await client.push(repository, image, "1.0")).status in {201, *DOUBT}
            if when == "after":
                await sign(client, image)

    async def read(client: RegistryClient, name: str) -> None:
        while time.monotonic() < end:
            reply = await client.ask("GET", f"/v2/{repository}/manifests/{name}", headers=accept)
            assert reply.status in {200, 403, 404, *DOUBT}, reply.body
            if reply.status == 200:
                served.add(f"sha256:{hashlib.sha256(reply.body).hexdigest()}")
            await asyncio.sleep(0.01)

    try:
        for replica in replicas:
            await asyncio.to_thread(replica.start)
        async with aiohttp.ClientSession(auto_decompress=False) as session, asyncio.TaskGroup() as tasks:
            gates_in_turn = itertools.cycle([RegistryClient(f"http://{each.host}", session) for each in replicas])
            for when in itertools.islice(itertools.cycle(("before", "after", "never", "after")), CLIENTS):
                tasks.create_task(push(next(gates_in_turn), when))
            for client in itertools.islice(gates_in_turn, 2):
                tasks.create_task(read(client, "1.0"))
            tasks.create_task(read(RegistryClient(registry.url, session), "1.0"))  # the tag itself
    finally:
        for replica in replicas:
            replica.stop()
    assert len(served) > 1, "the tag did not move"
    assert served <= signed
