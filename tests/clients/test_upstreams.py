"""Two registries behind one gate, asked by real clients: by the path, by containerd's `?ns=`, and by the host."""

import itertools
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import servers
from harness.clients import Client, Crane, Kubelet, Pusher, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import PULLERS, PUSHERS
from harness.process import Result, Shell, answers, free_port, serving
from harness.programs import need
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")

NAME = "build.example"
_numbers = itertools.count(1)
_HOSTS = """\
server = "{gate}"
[host."{gate}"]
  capabilities = ["pull", "resolve"]
"""
# containerd adds no `?ns=` to what it pushes: then it has to be the path that says which registry.
_HOSTS_TO_PUSH = """\
server = "{gate}"
[host."{gate}/v2/{name}"]
  capabilities = ["pull", "resolve", "push"]
  override_path = true
"""


@dataclass(frozen=True, slots=True)
class Both:
    """The gate, and the second registry behind it, `build.example`.

    Args:
        by_host: the gate by another name, which means the second registry.
    """

    gate: Server
    second: Server
    by_host: str


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, registry: Server, release_key: KeyPair, policies: dict[str, str]
) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("gate-of-two")
    (home / "release.pub").write_bytes(release_key.public.read_bytes())
    (home / "apps.yaml").write_text(policies["apps.yaml"].replace('"apps/**"', f'"{NAME}/apps/**"'))
    port = free_port()
    host, by_host = f"127.0.0.1:{port}", f"localhost:{port}"
    with servers.registry(tmp_path_factory.mktemp("second")) as second:
        settings = {
            "listen": host,
            "policies": ["apps.yaml"],
            "upstreams": [
                {"name": "default", "url": registry.url},
                {"name": NAME, "url": second.url, "hosts": [second.host, by_host]},
            ],
        }
        (home / "sealgate.yaml").write_text(json.dumps(settings))  # JSON is YAML
        command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", str(home / "sealgate.yaml")]
        with serving(command, home, lambda: answers(host)) as log:
            yield Both(Server(host, log), second, by_host)


@pytest.fixture
def second_image(skopeo: Skopeo, both: Both, repository: str, image: Image) -> Image:
    """An image, unsigned, in the second registry alone."""
    assert skopeo.push(image, f"{both.second.host}/{repository}:{TAG}").ok
    return image


@pytest.mark.parametrize("way", ["path", "host"])
@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pulls_by_path_and_by_host(
    client: Client,
    way: str,
    crane: Crane,
    release_key: KeyPair,
    both: Both,
    repository: str,
    second_image: Image,
    shell: Shell,
) -> None:
    """Refused under its one name; the told command is run as it stands; then it comes."""
    name = f"{both.gate.host}/{NAME}/{repository}" if way == "path" else f"{both.by_host}/{repository}"
    refused = client.pull(f"{name}:{TAG}")
    told = refused if client.shows_message else crane.pull(f"{name}:{TAG}")
    assert not refused.ok, refused.output
    assert f"{NAME}/{repository}:{TAG} ({second_image.digest}) denied by policy apps-are-signed" in told.output
    assert f"{name}@{second_image.digest}" in told.output
    signed = Cosign(shell, 2).follow(told.output, release_key)
    assert signed.ok, signed.output
    for reference in (f"{name}:{TAG}", f"{name}@{second_image.digest}"):
        pulled = client.pull(reference)
        assert pulled.ok, pulled.output


@pytest.mark.parametrize("way", ["path", "host"])
@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_pushes_by_path_and_by_host(
    client: Pusher,
    way: str,
    crane: Crane,
    release_key: KeyPair,
    both: Both,
    repository: str,
    image: Image,
    shell: Shell,
) -> None:
    name = f"{both.gate.host}/{NAME}/{repository}" if way == "path" else f"{both.by_host}/{repository}"
    refused = client.push(image, f"{name}:{TAG}")
    assert not refused.ok, refused.output
    told = refused if client.shows_message else crane.push(image, f"{name}:{TAG}")
    signed = Cosign(shell, 2).follow(told.output, release_key)
    assert signed.ok, signed.output
    pushed = client.push(image, f"{name}:{TAG}")
    assert pushed.ok, pushed.output
    assert crane.digest(f"{both.second.host}/{repository}:{TAG}").startswith("sha256:")


class Mirrored:
    """`ctr`, whose `hosts.toml` sends it to the gate for what is at the second registry: it adds `?ns=`."""

    def __init__(self, shell: Shell, socket: str, hosts: Path) -> None:
        self._shell = shell
        self._ctr = [need("ctr"), "--address", socket]
        self._hosts = hosts

    def pull(self, reference: str) -> Result:
        return self._run("pull", "--snapshotter=native", reference)

    def push(self, image: Image, reference: str) -> Result:
        namespace = f"mirrored{next(_numbers)}"
        base = reference.removesuffix(f":{TAG}")
        self._shell.must(
            *self._ctr,
            "--namespace",
            namespace,
            "images",
            "import",
            "--no-unpack",
            f"--base-name={base}",
            image.archive,
        )
        return self._run("push", reference, namespace=namespace)

    def _run(self, verb: str, *words: str, namespace: str = "") -> Result:
        namespace = namespace or f"mirrored{next(_numbers)}"
        command = [*self._ctr, "--namespace", namespace, "images", verb, "--hosts-dir", str(self._hosts)]
        return self._shell.run(*command, *words)


@pytest.fixture
def mirrored(request: pytest.FixtureRequest, shell: Shell, containerd: str, both: Both, tmp_path: Path) -> Mirrored:
    folder = tmp_path / "certs.d" / both.second.host
    folder.mkdir(parents=True)
    (folder / "hosts.toml").write_text(request.param.format(gate=both.gate.url, name=NAME))
    return Mirrored(shell, containerd, folder.parent)


@pytest.mark.client("ctr")
@pytest.mark.parametrize("mirrored", [_HOSTS, _HOSTS_TO_PUSH], ids=["ns", "ns-and-path"], indirect=True)
def test_containerd_by_ns(
    mirrored: Mirrored,
    crane: Crane,
    release_key: KeyPair,
    both: Both,
    repository: str,
    second_image: Image,
    shell: Shell,
) -> None:
    reference = f"{both.second.host}/{repository}:{TAG}"
    refused = mirrored.pull(reference)
    assert not refused.ok
    assert "403 Denied by policy apps-are-signed: signature-missing" in refused.output
    told = crane.pull(f"{both.gate.host}/{NAME}/{repository}:{TAG}")
    assert Cosign(shell, 2).follow(told.output, release_key).ok
    pulled = mirrored.pull(reference)
    assert pulled.ok, pulled.output


@pytest.mark.client("ctr")
@pytest.mark.parametrize("mirrored", [_HOSTS_TO_PUSH], ids=["path"], indirect=True)
def test_containerd_pushes_by_the_path(
    mirrored: Mirrored, crane: Crane, release_key: KeyPair, both: Both, repository: str, image: Image, shell: Shell
) -> None:
    reference = f"{both.second.host}/{repository}:{TAG}"
    refused = mirrored.push(image, reference)
    assert not refused.ok
    assert "403 Denied by policy apps-are-signed: signature-missing" in refused.output
    told = crane.push(image, f"{both.gate.host}/{NAME}/{repository}:{TAG}")
    assert Cosign(shell, 2).follow(told.output, release_key).ok
    pushed = mirrored.push(image, reference)
    assert pushed.ok, pushed.output
    assert crane.digest(reference) == image.digest


@pytest.mark.client("kubelet")
def test_the_kubelet_by_ns(
    kubelet: Kubelet,
    containerd: str,
    crane: Crane,
    release_key: KeyPair,
    both: Both,
    repository: str,
    second_image: Image,
    shell: Shell,
) -> None:
    folder = Path(containerd).parent / "certs.d" / both.second.host
    folder.mkdir(parents=True)
    try:
        (folder / "hosts.toml").write_text(_HOSTS.format(gate=both.gate.url))
        reference = f"{both.second.host}/{repository}:{TAG}"
        refused = kubelet.pull(reference)
        assert not refused.ok
        assert "Denied by policy apps-are-signed: signature-missing" in refused.output
        told = crane.pull(f"{both.gate.host}/{NAME}/{repository}:{TAG}")
        assert Cosign(shell, 2).follow(told.output, release_key).ok
        pulled = kubelet.pull(reference)
        assert pulled.ok, pulled.output
    finally:
        shutil.rmtree(folder)


def test_check_and_inspect_take_every_spelling(both: Both, shell: Shell, repository: str, second_image: Image) -> None:
    """Each names the one registry and its one repository, and says what to write."""
    sealgate, settings = str(Path(sys.executable).with_name("sealgate")), str(both.gate.log.parent / "sealgate.yaml")
    for spelling in (
        f"{NAME}/{repository}",
        f"{both.gate.host}/{NAME}/{repository}",
        f"{both.second.host}/{repository}",
    ):
        checked = shell.run(sealgate, "check", f"{spelling}:{TAG}", "--settings", settings)
        assert f"{both.gate.host}/{NAME}/{repository}@{second_image.digest}" in checked.output.replace("\n", "")
        assert "signature-missing" in checked.output
        inspected = shell.run(
            sealgate, "inspect", f"{spelling}@{second_image.digest}", "--settings", settings, "--json"
        )
        assert inspected.ok, inspected.output
        assert json.loads(inspected.output)["reference"] == f"{NAME}/{repository}@{second_image.digest}"
