"""How clients that are told to use the gate go around it, or do not: `sealgate doctor` must say the same.

The gate refuses every image here, and the registry behind it would serve it. So a pull that succeeds went around the
gate, and one that fails must have been refused by it, not by an accident.
"""

import itertools
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import cri, servers
from harness.clients import Docker, Skopeo
from harness.images import TAG, Image
from harness.process import Result, Shell
from harness.programs import need
from harness.servers import Server
from harness.tunnel import tunnel
from typer.testing import CliRunner

from sealgate.adapters.clock import SystemClock
from sealgate.cli.main import app
from sealgate.policy import strict_yaml
from sealgate.testing.tls import PrivateAuthority

pytestmark = pytest.mark.client("docker-registry", "skopeo", "cosign2")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Places:
    """Where things are in this run, and where the examples of the documentation have them."""

    gate: str
    registry: str

    def fill(self, text: str) -> str:
        """An example, with the places of this run in it."""
        for name, place in (("gate", self.gate), ("registry", self.registry), ("other", self.other)):
            text = text.replace(f"https://{name}.example", f"http://{place}").replace(f"{name}.example", place)
        return text

    @property
    def other(self) -> str:
        """The same registry by another name."""
        return self.registry.replace("127.0.0.1", "localhost")

    @property
    def directory(self) -> str:
        """The registry's directory in certs.d: Linux has `:` in none of their names by convention."""
        host, _, port = self.registry.partition(":")
        return f"{host}_{port}_"


@pytest.fixture
def places(gate: Server, registry: Server) -> Places:
    return Places(gate.host, registry.host)


def doctor(gate: str, *paths: Path) -> tuple[bool, str]:
    """Whether it says that pulls can go around the gate, and all that it says."""
    result = CliRunner().invoke(app, ["doctor", "--json", "--gate", gate, *map(str, paths)])
    assert result.exit_code in (0, 1), result.output
    told = json.loads(result.output)
    assert told["bypass"] is (result.exit_code == 1)
    return told["bypass"], result.output


def agree(pulled: Result, said: tuple[bool, str], refused: str = "enied by policy") -> None:
    """The doctor's verdict is what happened; what did not go around the gate was refused, in these words."""
    went_around, told = said
    assert pulled.ok is went_around, f"{pulled.output}\n{told}"
    assert went_around or refused in pulled.output, pulled.output


# --- containerd: what stands in certs.d; `R` is the registry's own directory

GATE_ALONE = 'server = "https://gate.example"\n[host]\n'
CERTS = {
    "the-recommended-default": {"_default": GATE_ALONE},
    "the-recommended-for-one-registry": {"R": GATE_ALONE, "_default": GATE_ALONE},
    "the-gate-twice": {"_default": 'server = "https://gate.example"\n[host."https://gate.example"]\n'},
    "capabilities": {"_default": 'server = "https://gate.example"\ncapabilities = ["pull", "resolve"]\n[host]\n'},
    "a-mirror-with-the-registry-behind": {
        "_default": 'server = "https://registry.example"\n[host."https://gate.example"]\n'
    },
    "a-mirror-without-a-server": {"_default": '[host."https://gate.example"]\n'},
    "a-mirror-for-blobs-only": {"_default": '[host."https://gate.example"]\ncapabilities = ["pull"]\n'},
    "a-second-mirror": {"_default": 'server = "https://gate.example"\n[host."https://registry.example"]\n'},
    "a-server-without-hosts": {"_default": 'server = "https://gate.example"\n'},
    "no-default": {"elsewhere.example": GATE_ALONE},
    "an-empty-folder": {},
    "an-own-directory-past-the-default": {"_default": GATE_ALONE, "R": 'server = "https://registry.example"\n[host]\n'},
    "an-own-directory-without-a-file": {"_default": GATE_ALONE, "R": None},
    "an-empty-file": {"_default": ""},
    "a-syntax-error": {"_default": GATE_ALONE + "server = \n"},
    "a-key-twice": {"_default": GATE_ALONE + '[host."https://gate.example"]\n[host."https://gate.example"]\n'},
    "an-unknown-capability": {"_default": 'server = "https://gate.example"\ncapabilities = ["pul"]\n[host]\n'},
    "capabilities-that-are-text": {"_default": 'server = "https://gate.example"\ncapabilities = "pull"\n[host]\n'},
    "a-truth-value-that-is-text": {"_default": 'server = "https://gate.example"\nskip_verify = "no"\n[host]\n'},
    "a-server-that-is-a-number": {"_default": "server = 5\n[host]\n"},
    "a-host-that-is-text": {"_default": 'server = "https://gate.example"\nhost = "https://gate.example"\n'},
    "an-empty-server": {"_default": 'server = ""\n[host]\n'},
}


def certs_folder(folder: Path, places: Places, files: dict[str, str | None]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        directory = folder / name.replace("R", places.directory)
        directory.mkdir()
        if text is not None:
            (directory / "hosts.toml").write_text(places.fill(text))
    return folder


@pytest.fixture
def certs(containerd: str) -> Iterator[Path]:
    """The folder that the kubelet's containerd reads at each pull."""
    folder = Path(containerd).parent / "certs.d"
    yield folder
    for each in folder.iterdir():
        shutil.rmtree(each)


def ctr_pull(shell: Shell, socket: str, hosts: Path, reference: str) -> Result:
    namespace = f"configured{next(_numbers)}"
    command = [need("ctr"), "--address", socket, "--namespace", namespace, "images", "pull"]
    return shell.run(*command, "--snapshotter=native", "--hosts-dir", hosts, reference)


@pytest.mark.client("ctr")
@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in CERTS.items()])
def test_containerd(
    files: dict[str, str | None],
    shell: Shell,
    containerd: str,
    places: Places,
    repository: str,
    upstream_image: Image,
    tmp_path: Path,
) -> None:
    folder = certs_folder(tmp_path / "certs.d", places, files)
    pulled = ctr_pull(shell, containerd, folder, f"{places.registry}/{repository}:{TAG}")
    agree(pulled, doctor(places.gate, folder))


@pytest.mark.client("kubelet")
@pytest.mark.parametrize(
    "name", ["the-recommended-default", "a-mirror-with-the-registry-behind", "a-server-without-hosts"]
)
def test_the_kubelet(
    name: str, containerd: str, certs: Path, places: Places, repository: str, upstream_image: Image
) -> None:
    certs_folder(certs, places, CERTS[name])
    pulled = cri.pull(containerd, f"{places.registry}/{repository}:{TAG}")
    agree(pulled, doctor(places.gate, certs))


# --- podman, and with it CRI-O, buildah and skopeo: what stands in ~/.config/containers

REWRITTEN = '[[registry]]\nprefix = "registry.example"\nlocation = "gate.example"\ninsecure = true\n'
BLOCKED = (
    '[[registry]]\nlocation = "registry.example"\nblocked = true\n'
    '[[registry.mirror]]\nlocation = "gate.example"\ninsecure = true\n'
)
ALL_BLOCKED = '[[registry]]\nlocation = "registry.example"\nblocked = true\n'
MIRROR = BLOCKED.replace("blocked = true", "insecure = true")
ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
ONLY_REGISTRY = {"default": REJECT, "transports": {"docker": {"registry.example": ACCEPT}}}
EVERYTHING = {"default": ACCEPT}
CONTAINERS = {
    "rewritten": ({"registries.conf": REWRITTEN}, ONLY_REGISTRY),
    "blocked-with-a-mirror": ({"registries.conf": BLOCKED}, ONLY_REGISTRY),
    "a-mirror": ({"registries.conf": MIRROR}, ONLY_REGISTRY),
    "a-mirror-for-digests": (
        {"registries.conf": MIRROR.replace("insecure", "mirror-by-digest-only = true\ninsecure", 1)},
        ONLY_REGISTRY,
    ),
    "two-mirrors": (
        {"registries.conf": BLOCKED + '[[registry.mirror]]\nlocation = "other.example"\ninsecure = true\n'},
        ONLY_REGISTRY,
    ),
    "a-drop-in-that-rewrites": (
        {"registries.conf": MIRROR, "registries.conf.d/50-gate.conf": REWRITTEN},
        ONLY_REGISTRY,
    ),
    "a-drop-in-that-leads-away": (
        {
            "registries.conf": REWRITTEN,
            "registries.conf.d/99-own.conf": '[[registry]]\nlocation = "registry.example"\ninsecure = true\n',
        },
        ONLY_REGISTRY,
    ),
    "a-longer-prefix-that-leads-away": (
        {
            "registries.conf": REWRITTEN
            + '[[registry]]\nprefix = "registry.example/apps"\nlocation = "registry.example/apps"\ninsecure = true\n'
        },
        ONLY_REGISTRY,
    ),
    "blocked": ({"registries.conf": ALL_BLOCKED}, ONLY_REGISTRY),
}


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody; its path is short, as podman wants it."""
    return tmp_path_factory.mktemp("p")


def podman_pull(home: Path, files: dict[str, str], policy: object, places: Places, *words: str) -> tuple[Result, Path]:
    """Pull as a person with this configuration; gives the folder of it as well."""
    folder = home / ".config" / "containers"
    (folder / "registries.conf.d").mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(places.fill(text))
    if policy is not None:
        (folder / "policy.json").write_text(places.fill(json.dumps(policy)))
    storage = [f"--root={home / 'root'}", f"--runroot={home / 'run'}", f"--tmpdir={home / 'tmp'}"]
    command = [need("podman"), *storage, "--storage-driver=vfs", "--events-backend=none", "pull"]
    return Shell(home).run(*command, *words), folder


@pytest.mark.client("podman")
@pytest.mark.parametrize(("files", "policy"), [pytest.param(*value, id=name) for name, value in CONTAINERS.items()])
def test_podman(
    files: dict[str, str], policy: object, places: Places, repository: str, upstream_image: Image, person: Path
) -> None:
    reference = f"{places.registry}/{repository}:{TAG}"
    pulled, folder = podman_pull(person, files, policy, places, reference)
    refused = "is blocked in" if files["registries.conf"] == ALL_BLOCKED else "denied by policy"
    agree(pulled, doctor(places.gate, folder / "registries.conf"), refused)


@pytest.mark.client("podman")
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(ONLY_REGISTRY, id="rejected"),
        pytest.param(EVERYTHING, id="accepted"),
        pytest.param({**EVERYTHING, "transports": {"docker": {"": REJECT}}}, id="accepted-but-for-registries"),
        pytest.param({"default": REJECT, "transports": {"docker": {"": ACCEPT}}}, id="accepted-for-registries"),
        pytest.param({"default": REJECT, "transports": {"docker": {"other.example": ACCEPT}}}, id="accepted-by-name"),
    ],
)
def test_podman_and_a_registry_that_no_entry_names(
    policy: object, places: Places, repository: str, upstream_image: Image, person: Path
) -> None:
    reference = f"{places.other}/{repository}:{TAG}"
    pulled, folder = podman_pull(
        person, {"registries.conf": REWRITTEN}, policy, places, "--tls-verify=false", reference
    )
    agree(pulled, doctor(places.gate, folder / "registries.conf"), "rejected by policy")


# --- Docker


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, Path]]:
    """A registry that Docker takes for Docker Hub: it, the proxy that leads there, and the authority that vouches."""
    home = tmp_path_factory.mktemp("hub")
    authority = PrivateAuthority(SystemClock().now())
    (home / "ca.crt").write_bytes(authority.certificate)
    pair = authority.issue(["registry-1.docker.io", "127.0.0.1"]).write(home)
    with servers.registry(home, tls=pair) as server, tunnel({"registry-1.docker.io:443": server.host}) as proxy:
        yield server, proxy, home / "ca.crt"


@pytest.fixture
def docker_with(
    hub: tuple[Server, str, Path], shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[Docker, Path]]]:
    """Start Docker with a `daemon.json` of the test's own; gives that file as well."""
    with ExitStack() as running:

        def start(configuration: str) -> tuple[Docker, Path]:
            home = tmp_path_factory.mktemp("dockerd")
            _server, proxy, ca = hub
            daemon = servers.dockerd(home, configuration, HTTPS_PROXY=proxy, SSL_CERT_FILE=str(ca))
            return Docker(shell, running.enter_context(daemon)), home / "daemon.json"

        yield start


@pytest.mark.client("docker")
def test_docker_falls_back_from_a_mirror_to_docker_hub(
    docker_with: Callable[[str], tuple[Docker, Path]],
    hub: tuple[Server, str, Path],
    skopeo: Skopeo,
    places: Places,
    image: Image,
) -> None:
    docker, file = docker_with(places.fill('{"registry-mirrors": ["https://gate.example"]}'))
    assert skopeo.push(image, f"{hub[0].host}/library/mirrored:{TAG}").ok
    went_around, told = doctor(places.gate, file)
    agree(docker.pull(f"mirrored:{TAG}"), (went_around, told))
    assert "Docker Hub is asked itself" in told


@pytest.mark.client("docker")
def test_docker_asks_the_registry_that_is_named(
    docker_with: Callable[[str], tuple[Docker, Path]], places: Places, repository: str, upstream_image: Image
) -> None:
    docker, file = docker_with(block("/etc/docker/daemon.json"))
    agree(docker.pull(f"{places.registry}/{repository}:{TAG}"), doctor(places.gate, file))
    refused = docker.pull(f"{places.gate}/{repository}:{TAG}")
    assert not refused.ok
    assert "denied by policy" in refused.output


# --- what docs/clients.md tells people to write


def block(name: str) -> str:
    """The file of that name in the documentation."""
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    _before, _name, after = page.partition(f"`{name}`:\n\n```")
    assert after, f"docs/clients.md has no {name}"
    return after.partition("\n")[2].partition("```")[0]


@pytest.mark.client("ctr", "kubelet")
def test_the_documented_containerd(
    shell: Shell, containerd: str, certs: Path, places: Places, repository: str, upstream_image: Image
) -> None:
    certs_folder(certs, places, {"_default": block("/etc/containerd/certs.d/_default/hosts.toml")})
    said = doctor(places.gate, certs)
    assert not said[0], said[1]
    reference = f"{places.registry}/{repository}:{TAG}"
    agree(ctr_pull(shell, containerd, certs, reference), said)
    agree(cri.pull(containerd, reference), said)
    config = tomllib.loads(block("/etc/containerd/config.toml"))
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["registry"] == {"config_path": "/etc/containerd/certs.d"}


@pytest.mark.client("podman")
@pytest.mark.parametrize("named", ["registry", "other", "gate"])
def test_the_documented_podman(
    named: str, places: Places, repository: str, upstream_image: Image, person: Path
) -> None:
    """A registry that is named, one that is not, and the gate itself."""
    files = {"registries.conf": block("/etc/containers/registries.conf")}
    policy = json.loads(block("/etc/containers/policy.json"))
    reference = f"{getattr(places, named)}/{repository}:{TAG}"
    pulled, folder = podman_pull(person, files, policy, places, "--tls-verify=false", reference)
    said = doctor(places.gate, folder / "registries.conf")
    assert not said[0], said[1]
    agree(pulled, said, "rejected by policy" if named == "other" else "denied by policy")


def test_the_documented_k3s_by_the_doctor_alone(tmp_path: Path) -> None:
    for name in ("registries.yaml", "config.yaml"):
        (tmp_path / name).write_text(block(f"/etc/rancher/k3s/{name}"))
    went_around, told = doctor("gate.example", tmp_path / "registries.yaml")
    assert not went_around, told
    (tmp_path / "config.yaml").unlink()
    assert doctor("gate.example", tmp_path / "registries.yaml")[0]


@pytest.mark.parametrize("name", ["registry-mirror.yaml", "machine.yaml"])
def test_the_documented_talos_by_the_doctor_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(block(name))
    went_around, told = doctor("gate.example", tmp_path / name)
    assert not went_around, told
    (tmp_path / name).write_text(block(name).replace("skipFallback: true", "skipFallback: false"))
    assert doctor("gate.example", tmp_path / name)[0]


def test_the_documented_kind_by_its_form_alone(tmp_path: Path) -> None:
    document = strict_yaml.read("kind.yaml", block("kind.yaml").encode())
    assert not document.problems
    patch = tomllib.loads(str(document.at(("containerdConfigPatches", 0))))
    mount = document.at(("nodes", 0, "extraMounts", 0))
    assert patch["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"] == mount["containerPath"]
    (tmp_path / "certs.d" / "_default").mkdir(parents=True)
    hosts = block("/etc/containerd/certs.d/_default/hosts.toml")
    (tmp_path / mount["hostPath"] / "_default" / "hosts.toml").write_text(hosts)
    assert not doctor("gate.example", tmp_path / mount["hostPath"])[0]
