"""Two gates on one PostgreSQL: a push through one, its signature through the other; one is killed in between."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.chaos import Replica
from harness.clients import Crane, Pusher
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS
from harness.servers import Server

from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.testing.postgres import Postgres

pytestmark = pytest.mark.client("docker-registry", "crane", "skopeo")

SECONDS = 60
POLICY = """\
name: apps-are-signed
repositories: ["apps/**"]
on_unsigned_push: hold
rules:
  - name: release-key
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


@pytest.fixture
def replicas(
    registry: Server, release_key: KeyPair, postgres_server: Postgres, tmp_path: Path
) -> Iterator[tuple[Replica, Replica]]:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "policy.yaml").write_text(POLICY)
    (policies / "release.pub").write_bytes(release_key.public.read_bytes())
    (tmp_path / "state-key").write_bytes(os.urandom(32))
    url = postgres_server.database()
    upgrade_postgres(url)
    settings: dict[str, object] = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": [str(policies)],
        "state": {"url": url, "key_file": str(tmp_path / "state-key")},
    }
    made = Replica(tmp_path / "one", settings), Replica(tmp_path / "other", settings)
    try:
        for replica in made:
            replica.start()
        yield made
    finally:
        for replica in made:
            replica.stop()


def events(replica: Replica) -> list[str]:
    """What became of pushes, as this gate wrote it down."""
    lines = [json.loads(line) for line in replica.decisions.read_text().splitlines()]
    return [line["event"] for line in lines if line["event"]]


def until_it_points(crane: Crane, reference: str, digest: str) -> None:
    deadline = time.monotonic() + SECONDS
    while (found := crane.pull(reference)) and not found.ok:
        assert time.monotonic() < deadline, found.output
        time.sleep(0.2)
    assert crane.digest(reference) == digest


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_a_push_through_one_is_released_by_a_signature_through_the_other(
    replicas: tuple[Replica, Replica], cosign: Cosign, crane: Crane, skopeo: Pusher, release_key: KeyPair,
    repository: str, image: Image,
) -> None:  # fmt: skip
    one, other = replicas
    assert skopeo.push(image, f"{one.host}/{repository}:{TAG}").ok
    assert not crane.pull(f"{other.host}/{repository}:{TAG}").ok
    signed = cosign.sign(f"{other.host}/{repository}@{image.digest}", release_key)
    assert signed.ok, signed.output
    for replica in replicas:
        assert crane.pull(f"{replica.host}/{repository}:{TAG}").ok
    assert (events(one), events(other)) == (["held"], ["released"])


def test_the_one_that_took_the_push_is_killed_before_it_is_signed(
    replicas: tuple[Replica, Replica], cosign2: Cosign, crane: Crane, skopeo: Pusher, release_key: KeyPair,
    repository: str, image: Image,
) -> None:  # fmt: skip
    one, other = replicas
    assert skopeo.push(image, f"{one.host}/{repository}:{TAG}").ok
    one.kill()
    assert cosign2.sign(f"{other.host}/{repository}@{image.digest}", release_key).ok
    assert crane.digest(f"{other.host}/{repository}:{TAG}") == image.digest
    assert events(other) == ["released"]


def test_the_one_that_took_the_signature_is_killed_and_never_comes_back(
    replicas: tuple[Replica, Replica], cosign3: Cosign, crane: Crane, skopeo: Pusher, release_key: KeyPair,
    repository: str, image: Image, registry: Server,
) -> None:  # fmt: skip
    """Right when the signature is stored: the other looks at what is due, and moves the tag."""
    one, other = replicas
    assert skopeo.push(image, f"{one.host}/{repository}:{TAG}").ok
    signing = threading.Thread(target=cosign3.sign, args=(f"{one.host}/{repository}@{image.digest}", release_key))
    signing.start()
    deadline = time.monotonic() + SECONDS
    listed = f"{registry.host}/{repository}:sha256-{image.digest.removeprefix('sha256:')}"
    while not crane.pull(listed).ok and signing.is_alive():
        assert time.monotonic() < deadline
    one.kill()
    signing.join()
    if not crane.pull(listed).ok:  # killed before it was stored: then cosign says so, and people sign again
        assert cosign3.sign(f"{other.host}/{repository}@{image.digest}", release_key).ok
    until_it_points(crane, f"{other.host}/{repository}:{TAG}", image.digest)
