"""One registry, one Docker, one containerd and one gate for the whole run; a repository of its own for each test."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import servers
from harness.clients import Client, Crane, Ctr, Docker, Helm, Kubelet, Oras, Podman, Skopeo
from harness.cosign import Cosign, KeyPair, generate
from harness.images import TAG, Image, multi_platform, single
from harness.keyless import Keyless, serving_keyless
from harness.process import Shell
from harness.programs import find
from harness.servers import Server

NEEDS = {"kubelet": ("containerd", "runc"), "ctr": ("ctr", "containerd", "runc"), "docker": ("docker", "dockerd")}
"""What a client needs beside itself."""

RULE = """\
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""

POLICIES = {
    "apps.yaml": f"""\
name: apps-are-signed
description: whatever runs in production comes from the release team
repositories: ["apps/**"]
rules:
  - name: release-key
{RULE}""",
    "charts.yaml": f"""\
name: charts-are-signed
repositories: ["charts/**"]
rules:
  - name: charts
    artifact_types: [helm]
{RULE}""",
    "files.yaml": f"""\
name: files-are-signed
repositories: ["files/**"]
rules:
  - name: notes
    artifact_types: ["application/vnd.example.notes"]
{RULE}""",
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are absent; in CI their absence is a failure."""
    named = [name for marker in item.iter_markers("client") for name in marker.args]
    missing = [name for client in named for name in NEEDS.get(client, (client,)) if find(name) is None]
    if missing:
        told = f"not installed: {', '.join(missing)}; `make clients` installs them"
        if os.environ.get("CI"):
            pytest.fail(told, pytrace=False)
        pytest.skip(told)


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where the clients run."""
    return Shell(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Debian's docker-registry, open to everybody."""
    with servers.registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Docker daemon."""
    with servers.dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        yield address


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a containerd."""
    with servers.containerd(tmp_path_factory.mktemp("containerd")) as socket:
        yield socket


@pytest.fixture(scope="session")
def release_key(shell: Shell) -> KeyPair:
    """The key that the policy trusts."""
    return generate(shell, "release")


@pytest.fixture(scope="session")
def other_key(shell: Shell) -> KeyPair:
    """A key that it does not trust."""
    return generate(shell, "other")


@pytest.fixture(scope="session")
def start_gate(tmp_path_factory: pytest.TempPathFactory, release_key: KeyPair) -> Iterator[Callable[..., Server]]:
    """Start a gate before a registry with policies of the test's own: `start_gate(upstream, {"a.yaml": "..."})`."""
    with ExitStack() as running:

        def start(upstream: Server, policies: dict[str, str], *flags: str) -> Server:
            home = tmp_path_factory.mktemp("gate")
            folder = home / "policies"
            folder.mkdir()
            (folder / "release.pub").write_bytes(release_key.public.read_bytes())
            for name, text in policies.items():
                (folder / name).write_text(text)
            return running.enter_context(servers.gate(home, upstream, folder, *flags))

        yield start


@pytest.fixture(scope="session")
def policies() -> dict[str, str]:
    """Three policies: all of `apps/`, the charts in `charts/`, and the notes in `files/` need the release key."""
    return POLICIES


@pytest.fixture(scope="session")
def gate(start_gate: Callable[..., Server], registry: Server, policies: dict[str, str]) -> Server:
    """The gate before `registry`, with `policies`."""
    return start_gate(registry, policies)


@pytest.fixture(scope="session")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """A private Sigstore that is served, and the cosigns that sign with it."""
    with serving_keyless(tmp_path_factory.mktemp("keyless")) as served:
        yield served


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository that no other test uses."""
    name = f"{request.node.path.stem}-{request.node.name}".replace("test_", "").lower()
    return "apps/" + "-".join("".join(char if char.isalnum() else " " for char in name).split())


@pytest.fixture
def image(tmp_path: Path, repository: str) -> Image:
    """An image of this test alone."""
    return single(tmp_path / "image", repository)


@pytest.fixture
def index(tmp_path: Path, repository: str) -> Image:
    """A multi-platform image of this test alone."""
    return multi_platform(tmp_path / "index", f"{repository} for every platform")


@pytest.fixture
def upstream_image(skopeo: Skopeo, registry: Server, repository: str, image: Image) -> Image:
    """The same, unsigned in the registry: pushed past the gate."""
    assert skopeo.push(image, f"{registry.host}/{repository}:{TAG}").ok
    return image


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """The client that the test is parametrized with, by its name."""
    found: Client = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def cosign(request: pytest.FixtureRequest) -> Cosign:
    """The cosign that the test is parametrized with, by its name."""
    found: Cosign = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def skopeo(shell: Shell) -> Skopeo:
    return Skopeo(shell)


@pytest.fixture(scope="session")
def podman(shell: Shell) -> Podman:
    return Podman(shell)


@pytest.fixture(scope="session")
def docker(shell: Shell, dockerd: str) -> Docker:
    return Docker(shell, dockerd)


@pytest.fixture(scope="session")
def ctr(shell: Shell, containerd: str) -> Ctr:
    return Ctr(shell, containerd)


@pytest.fixture(scope="session")
def kubelet(containerd: str) -> Kubelet:
    return Kubelet(containerd)


@pytest.fixture(scope="session")
def oras(shell: Shell) -> Oras:
    return Oras(shell)


@pytest.fixture(scope="session")
def crane(shell: Shell) -> Crane:
    return Crane(shell)


@pytest.fixture(scope="session")
def helm(shell: Shell) -> Helm:
    return Helm(shell)


@pytest.fixture(scope="session")
def cosign2(shell: Shell) -> Cosign:
    return Cosign(shell, 2)


@pytest.fixture(scope="session")
def cosign3(shell: Shell) -> Cosign:
    return Cosign(shell, 3)
