"""The clients against the registry alone: where one of these fails, it is not the gate's fault."""

import pytest
from harness.clients import Client, Crane, Helm, Oras, Pusher, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS, PULLERS, PUSHERS
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")


@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_push(client: Pusher, crane: Crane, registry: Server, repository: str, image: Image) -> None:
    pushed = client.push(image, f"{registry.host}/{repository}:{TAG}")
    assert pushed.ok, pushed.output
    assert crane.pull(f"{registry.host}/{repository}:{TAG}").ok


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pull(client: Client, registry: Server, repository: str, upstream_image: Image) -> None:
    pulled = client.pull(f"{registry.host}/{repository}:{TAG}")
    assert pulled.ok, pulled.output


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pull_index(client: Client, skopeo: Skopeo, registry: Server, repository: str, index: Image) -> None:
    assert skopeo.push(index, f"{registry.host}/{repository}:{TAG}").ok
    for reference in (f"{registry.host}/{repository}:{TAG}", f"{registry.host}/{repository}@{index.children[0]}"):
        pulled = client.pull(reference)
        assert pulled.ok, pulled.output


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pull_of_what_is_not_there(client: Client, registry: Server, repository: str) -> None:
    assert not client.pull(f"{registry.host}/{repository}:{TAG}").ok


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_sign(
    cosign: Cosign, release_key: KeyPair, other_key: KeyPair, registry: Server, repository: str, upstream_image: Image
) -> None:
    reference = f"{registry.host}/{repository}@{upstream_image.digest}"
    signed = cosign.follow(f"Fix: `cosign sign --key <private key of release> {reference}`.", release_key)
    assert signed.ok, signed.output
    assert cosign.verify(reference, release_key).ok
    assert not cosign.verify(reference, other_key).ok


@pytest.mark.client("helm")
def test_chart(helm: Helm, registry: Server, repository: str) -> None:
    chart = helm.package("tiny", "0.1.0")
    assert helm.push(chart, f"{registry.host}/{repository}").ok
    assert helm.pull(f"{registry.host}/{repository}/tiny", "0.1.0").ok


@pytest.mark.client("oras")
def test_file(oras: Oras, registry: Server, repository: str) -> None:
    assert oras.push_file("hello", "application/vnd.example.notes", f"{registry.host}/{repository}:{TAG}").ok
    pulled, file = oras.pull_file(f"{registry.host}/{repository}:{TAG}")
    assert pulled.ok
    assert file.read_text() == "hello"
