"""Clients that verify the gate's certificate, and a gate that verifies the registry's, by one private authority."""

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import servers
from harness.clients import Docker
from harness.cosign import KeyPair
from harness.images import TAG, Image
from harness.process import Result, Shell, answers, free_port, serving
from harness.programs import need
from harness.servers import Server
from harness.tunnel import tunnel

from sealgate.adapters.clock import SystemClock
from sealgate.testing.tls import PrivateAuthority

pytestmark = pytest.mark.client("docker-registry", "skopeo", "cosign2")

NAME = "gate.example"
"""What Docker calls the gate: it verifies no certificate of an address of loopback."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[PrivateAuthority, Path]:
    """An authority, and the folder that clients are told to look for it in."""
    made, folder = PrivateAuthority(SystemClock().now()), tmp_path_factory.mktemp("authority")
    (folder / "ca.crt").write_bytes(made.certificate)
    return made, folder


@pytest.fixture(scope="module")
def tls_registry(
    authority: tuple[PrivateAuthority, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("registry")
    with servers.registry(home, tls=authority[0].issue().write(home)) as server:
        yield server


@pytest.fixture(scope="module")
def tls_gate(
    authority: tuple[PrivateAuthority, Path],
    tls_registry: Server,
    policies: dict[str, str],
    release_key: KeyPair,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("gate")
    authority[0].issue(["127.0.0.1", NAME]).write(home)
    (home / "policies").mkdir()
    (home / "policies" / "release.pub").write_bytes(release_key.public.read_bytes())
    (home / "policies" / "apps.yaml").write_text(policies["apps.yaml"])
    host = f"127.0.0.1:{free_port()}"
    ca = authority[1] / "ca.crt"
    (home / "sealgate.yaml").write_text(f"""
listen: {host}
public_url: https://{host}
tls: {{certificate: tls.crt, key: tls.key}}
policies: [policies]
upstreams: [{{name: default, url: "https://{tls_registry.host}", ca: {ca}}}]
""")
    command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", str(home / "sealgate.yaml")]
    trusting = ssl.create_default_context(cafile=ca)
    with serving(command, home, lambda: answers(host, trusting)) as log:
        assert f"listening on https://{host}" in log.read_text()
        yield Server(host, log)


class Verifying:
    """Programs that verify the gate's certificate by an authority, or by the system's own when it is None."""

    def __init__(self, shell: Shell, authority: Path | None) -> None:
        self._shell = shell
        self._folder = authority

    def skopeo_push(self, image: Image, reference: str) -> Result:
        return self._skopeo("--dest-cert-dir", f"oci:{image.layout}:{TAG}", f"docker://{reference}")

    def skopeo(self, reference: str, target: Path) -> Result:
        return self._skopeo("--src-cert-dir", f"docker://{reference}", f"dir:{target}")

    def podman(self, reference: str, target: Path) -> Result:
        places = [f"--root={target / 'root'}", f"--runroot={target / 'run'}", f"--tmpdir={target / 'tmp'}"]
        words = [f"--cert-dir={self._folder}"] if self._folder else []
        command = [need("podman"), *places, "--storage-driver=vfs", "--events-backend=none", "pull", *words]
        return self._shell.run(*command, reference)

    def cosign(self, *words: str | Path) -> Result:
        trusted = {"SSL_CERT_FILE": str(self._folder / "ca.crt")} if self._folder else {}
        return self._shell.run(need("cosign2"), *words, COSIGN_PASSWORD="", **trusted)

    def _skopeo(self, flag: str, source: str, target: str) -> Result:
        words = [f"{flag}={self._folder}"] if self._folder else []
        return self._shell.run(need("skopeo"), "copy", *words, source, target)


@pytest.fixture
def trusting(shell: Shell, authority: tuple[PrivateAuthority, Path]) -> Verifying:
    return Verifying(shell, authority[1])


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, as podman wants it."""
    return tmp_path_factory.mktemp("p")


@pytest.fixture
def pushed(trusting: Verifying, tls_gate: Server, repository: str, image: Image) -> str:
    """An image that a refused push left in the registry, by its digest."""
    refused = trusting.skopeo_push(image, f"{tls_gate.host}/{repository}:{TAG}")
    assert "denied by policy" in refused.output, refused.output
    return f"{tls_gate.host}/{repository}@{image.digest}"


@pytest.mark.client("podman")
def test_push_sign_and_pull_over_tls(
    trusting: Verifying, release_key: KeyPair, tls_gate: Server, pushed: str, image: Image, folder: Path
) -> None:
    assert "denied by policy" in trusting.podman(pushed, folder).output
    signed = trusting.cosign("sign", "--key", release_key.private, "--tlog-upload=false", "--yes", pushed)
    assert signed.ok, signed.output
    tagged = pushed.replace(f"@{image.digest}", f":{TAG}")
    for done in (
        trusting.cosign("verify", "--key", release_key.public, "--insecure-ignore-tlog=true", pushed),
        trusting.skopeo_push(image, tagged),
        trusting.skopeo(tagged, folder / "skopeo"),
        trusting.podman(tagged, folder),
    ):
        assert done.ok, done.output


@pytest.mark.client("podman")
def test_without_the_authority_nobody_talks_to_the_gate(
    shell: Shell, release_key: KeyPair, pushed: str, folder: Path
) -> None:
    stranger = Verifying(shell, None)
    for refused in (
        stranger.skopeo(pushed, folder / "skopeo"),
        stranger.podman(pushed, folder),
        stranger.cosign("verify", "--key", release_key.public, "--insecure-ignore-tlog=true", pushed),
    ):
        assert not refused.ok
        assert "certificate signed by unknown authority" in refused.output


@pytest.mark.client("docker")
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_docker(
    known: bool,
    shell: Shell,
    authority: tuple[PrivateAuthority, Path],
    tls_gate: Server,
    pushed: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    trusted = {"SSL_CERT_FILE": str(authority[1] / "ca.crt")} if known else {}
    home = tmp_path_factory.mktemp("dockerd")
    with tunnel({f"{NAME}:443": tls_gate.host}) as proxy, servers.dockerd(home, HTTPS_PROXY=proxy, **trusted) as daemon:
        refused = Docker(shell, daemon).pull(pushed.replace(tls_gate.host, NAME))
    assert not refused.ok
    assert ("denied by policy" if known else "certificate signed by unknown authority") in refused.output
