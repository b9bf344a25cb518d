"""A registry that asks for a password: its challenge and the client's answer pass through the gate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import servers
from harness.clients import Docker, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.process import Shell
from harness.servers import PASSWORD, USER, Server

pytestmark = pytest.mark.client("docker-registry", "docker", "skopeo", "cosign2")


@pytest.fixture(scope="module")
def closed_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.registry(tmp_path_factory.mktemp("closed-registry"), password=True) as server:
        yield server


@pytest.fixture(scope="module")
def closed_gate(start_gate: Callable[..., Server], closed_registry: Server, policies: dict[str, str]) -> Server:
    return start_gate(closed_registry, policies)


@pytest.fixture
def alice(tmp_path: Path) -> Shell:
    """A person's home, where `docker login` keeps what cosign finds."""
    home = tmp_path / "alice"
    home.mkdir()
    return Shell(home)


def test_login_push_sign_and_pull(
    alice: Shell, dockerd: str, release_key: KeyPair, closed_gate: Server, repository: str, image: Image
) -> None:
    docker, cosign = Docker(alice, dockerd), Cosign(alice, 2)
    login = docker.login(closed_gate.host, USER, PASSWORD)
    assert login.ok, login.output
    reference = f"{closed_gate.host}/{repository}:{TAG}"
    refused = docker.push(image, reference)
    assert "denied by policy apps-are-signed" in refused.output
    signed = cosign.follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = docker.push(image, reference)
    assert pushed.ok, pushed.output
    pulled = docker.pull(reference)
    assert pulled.ok, pulled.output


def test_wrong_password(alice: Shell, dockerd: str, closed_gate: Server) -> None:
    refused = Docker(alice, dockerd).login(closed_gate.host, USER, "open barley")
    assert not refused.ok
    assert "401 Unauthorized" in refused.output


def test_what_one_may_read_is_not_served_to_another(
    alice: Shell,
    dockerd: str,
    skopeo: Skopeo,
    release_key: KeyPair,
    closed_registry: Server,
    closed_gate: Server,
    repository: str,
    image: Image,
) -> None:
    docker, cosign = Docker(alice, dockerd), Cosign(alice, 2)
    for server in (closed_registry, closed_gate):
        assert docker.login(server.host, USER, PASSWORD).ok
    with_login = Skopeo(alice)
    assert with_login.push(image, f"{closed_registry.host}/{repository}:{TAG}").ok
    assert cosign.sign(f"{closed_registry.host}/{repository}@{image.digest}", release_key).ok
    for reference in (f"{closed_gate.host}/{repository}:{TAG}", f"{closed_gate.host}/{repository}@{image.digest}"):
        pulled = with_login.pull(reference)
        assert pulled.ok, pulled.output
        refused = skopeo.pull(reference)
        assert not refused.ok
        assert "unauthorized" in refused.output
