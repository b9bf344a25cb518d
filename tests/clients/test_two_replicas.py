"""Two gates that share PostgreSQL, one registry: what one has taken the other goes on with (design section 6)."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.clients import Crane, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS
from harness.process import POLL_SECONDS
from harness.replica import Replica, running
from harness.servers import Server

from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.adapters.state.turns import SharedTurns
from sealgate.oci.reference import Repository, Tag
from sealgate.testing.postgres import Postgres

pytestmark = pytest.mark.client("docker-registry", "crane", "skopeo", "pg_ctlcluster")

RELEASE_SECONDS = 60
_POLICY = """\
name: apps-are-signed
repositories: ["apps/**"]
on_unsigned_push: hold
rules:
  - name: release-key
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


@pytest.fixture
def state(postgres_server: Postgres) -> str:
    made = postgres_server.database()
    upgrade_postgres(made)
    return made


@pytest.fixture
def replicas(tmp_path: Path, state: str, release_key: KeyPair, registry: Server) -> Iterator[tuple[Replica, Replica]]:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "hold.yaml").write_text(_POLICY)
    (policies / "release.pub").write_bytes(release_key.public.read_bytes())
    (tmp_path / "state.key").write_bytes(b"k" * 32)
    settings = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": [str(policies)],
        "state": state,
        "state_key_file": str(tmp_path / "state.key"),
        "decision_log": "decisions.jsonl",
    }
    with ExitStack() as stack:
        first, second = (stack.enter_context(running(tmp_path / name, settings)) for name in ("first", "second"))
        yield first, second


@pytest.fixture
def pushed(skopeo: Skopeo, crane: Crane, registry: Server, repository: str, image: Image) -> Callable[[Replica], None]:
    """Pushes the image through a gate, which acknowledges it and moves nothing."""

    def push(replica: Replica) -> None:
        done = skopeo.push(image, f"{replica.host}/{repository}:{TAG}")
        assert done.ok, done.output
        assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok, "the tag has moved"

    return push


def until(told: Callable[[], bool], seconds: float = RELEASE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(POLL_SECONDS)


def events(*replicas: Replica) -> list[object]:
    return sorted(str(line["event"]) for replica in replicas for line in replica.decisions() if line["event"])


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_pushed_through_one_and_signed_through_the_other(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    replicas: tuple[Replica, Replica],
    pushed: Callable[[Replica], None],
    repository: str,
    image: Image,
) -> None:
    first, second = replicas
    pushed(first)
    assert not crane.pull(f"{second.host}/{repository}:{TAG}").ok
    signed = cosign.sign(f"{second.host}/{repository}@{image.digest}", release_key)
    assert signed.ok, signed.output
    for replica in replicas:
        assert crane.digest(f"{replica.host}/{repository}:{TAG}") == image.digest
        assert crane.pull(f"{replica.host}/{repository}:{TAG}").ok
    assert events(first) == ["held"]
    assert events(second) == ["released"]


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_f11_the_one_that_took_the_push_is_killed_before_it_is_signed(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    replicas: tuple[Replica, Replica],
    pushed: Callable[[Replica], None],
    repository: str,
    image: Image,
) -> None:
    first, second = replicas
    pushed(first)
    first.kill()
    assert cosign.sign(f"{second.host}/{repository}@{image.digest}", release_key).ok
    assert crane.digest(f"{second.host}/{repository}:{TAG}") == image.digest
    assert crane.pull(f"{second.host}/{repository}:{TAG}").ok


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("by", ["the other one", "itself, started again"])
async def test_f11_the_one_that_took_the_signature_is_killed_before_the_tag_has_moved(
    by: str,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    state: str,
    replicas: tuple[Replica, Replica],
    pushed: Callable[[Replica], None],
    registry: Server,
    repository: str,
    image: Image,
) -> None:
    """The tag's turn is somebody else's, so that the release is begun and cannot end; then the gate is gone."""
    first, second = replicas
    pushed(first)
    if by == "itself, started again":
        first.kill()
    async with SharedTurns(state).turn(Repository.parse(repository), Tag.parse(TAG)):
        told = f"{second.host}/{repository}@{image.digest}"
        signing = asyncio.create_task(asyncio.to_thread(cosign.sign, told, release_key))
        await asyncio.to_thread(until, lambda: tags_of_signatures(registry, repository, image) != [])
        second.kill()
    assert not (await signing).ok, "the gate was dead before it could acknowledge this"
    assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok or by == "the other one"
    if by == "itself, started again":
        second.start()
    await asyncio.to_thread(until, lambda: crane.pull(f"{registry.host}/{repository}:{TAG}").ok)
    left = first if by == "the other one" else second
    assert crane.digest(f"{left.host}/{repository}:{TAG}") == image.digest
    assert events(*replicas) == ["held", "released"]


def tags_of_signatures(registry: Server, repository: str, image: Image) -> list[str]:
    """Those of it at the registry, of either format; none while there is no such repository or no tag."""
    try:
        with urllib.request.urlopen(f"{registry.url}/v2/{repository}/tags/list") as answer:  # noqa: S310
            tags = json.load(answer)["tags"] or []
    except urllib.error.HTTPError:
        return []
    return [tag for tag in tags if tag.startswith(image.digest.replace(":", "-"))]
