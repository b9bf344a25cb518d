"""Multi-platform images: a signature on the index admits the manifests that it lists."""

import pytest
from harness.clients import Client, Crane, Oras, Pusher, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS, PULLERS
from harness.refusal import Refusal
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")

UNSIGNED = Refusal("apps-are-signed", "release-key", "no signature found", "signature-missing")
INDEX_PUSHERS = [pytest.param(name, marks=pytest.mark.client(name)) for name in ("skopeo", "oras", "crane")]


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pull_of_a_signed_index(
    client: Client,
    cosign: Cosign,
    skopeo: Skopeo,
    release_key: KeyPair,
    registry: Server,
    gate: Server,
    repository: str,
    index: Image,
) -> None:
    assert skopeo.push(index, f"{registry.host}/{repository}:{TAG}").ok
    assert cosign.sign(f"{registry.host}/{repository}@{index.digest}", release_key).ok
    for reference in (f"{gate.host}/{repository}:{TAG}", f"{gate.host}/{repository}@{index.children[0]}"):
        pulled = client.pull(reference)
        assert pulled.ok, pulled.output


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_pull_of_an_unsigned_index(
    client: Client, skopeo: Skopeo, registry: Server, gate: Server, repository: str, index: Image
) -> None:
    assert skopeo.push(index, f"{registry.host}/{repository}:{TAG}").ok
    refused = client.pull(f"{gate.host}/{repository}:{TAG}")
    UNSIGNED.told_by(client, refused, repository, index.digest, gate)
    assert not client.pull(f"{gate.host}/{repository}@{index.children[0]}").ok


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", INDEX_PUSHERS, indirect=True)
def test_push_of_an_index(
    client: Pusher,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    gate: Server,
    repository: str,
    index: Image,
) -> None:
    reference = f"{gate.host}/{repository}:{TAG}"
    refused = client.push(index, reference)
    if isinstance(client, Oras):
        # oras reads back each child that it has just pushed, which nobody may yet, and ends there with "not found". Its
        # next run finds that child (HEAD) and goes on: one run for each child at the most.
        assert "not found" in refused.output
        for _ in index.children:
            refused = client.push(index, reference) if "not found" in refused.output else refused
    UNSIGNED.told_by(client, refused, repository, index.digest, gate)
    for child in index.children:
        assert not crane.pull(f"{gate.host}/{repository}@{child}").ok, "stored by digest, and not to be pulled"

    signed = cosign.follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = client.push(index, reference)
    assert pushed.ok, pushed.output
    for child in index.children:
        pulled = crane.pull(f"{gate.host}/{repository}@{child}")
        assert pulled.ok, pulled.output
