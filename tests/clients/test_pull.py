"""Pulls of images: signed with the release key they work, in every other case the person is told why not."""

import pytest
from harness.clients import Client, Crane
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS, PULLERS
from harness.refusal import Refusal
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")

UNSIGNED = Refusal("apps-are-signed", "release-key", "no signature found", "signature-missing")
SIGNED_BY_ANOTHER = Refusal("apps-are-signed", "release-key", "key release", "key-not-trusted")


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_signed(
    client: Client,
    cosign: Cosign,
    release_key: KeyPair,
    registry: Server,
    gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    assert cosign.sign(f"{registry.host}/{repository}@{upstream_image.digest}", release_key).ok
    for reference in (f"{gate.host}/{repository}:{TAG}", f"{gate.host}/{repository}@{upstream_image.digest}"):
        pulled = client.pull(reference)
        assert pulled.ok, pulled.output


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_unsigned_until_the_told_command_has_run(
    client: Client,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    reference = f"{gate.host}/{repository}:{TAG}"
    refused = client.pull(reference)
    UNSIGNED.told_by(client, refused, repository, upstream_image.digest, gate)
    assert not client.pull(f"{gate.host}/{repository}@{upstream_image.digest}").ok
    told = refused if client.shows_message else crane.pull(reference)
    signed = cosign.follow(told.output, release_key)
    assert signed.ok, signed.output
    pulled = client.pull(reference)
    assert pulled.ok, pulled.output


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_signed_with_another_key(
    client: Client,
    cosign: Cosign,
    other_key: KeyPair,
    registry: Server,
    gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    assert cosign.sign(f"{registry.host}/{repository}@{upstream_image.digest}", other_key).ok
    refused = client.pull(f"{gate.host}/{repository}:{TAG}")
    SIGNED_BY_ANOTHER.told_by(client, refused, repository, upstream_image.digest, gate)


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_what_is_not_there_is_not_refused_but_missing(client: Client, gate: Server, repository: str) -> None:
    missing = client.pull(f"{gate.host}/{repository}:{TAG}")
    assert not missing.ok
    assert "denied by policy" not in missing.output.lower()


@pytest.mark.parametrize("client", PULLERS, indirect=True)
def test_repository_that_no_policy_covers(
    client: Client, crane: Crane, registry: Server, gate: Server, image: Image, repository: str
) -> None:
    name = repository.replace("apps/", "elsewhere/")
    assert crane.push(image, f"{registry.host}/{name}:{TAG}").ok
    refused = client.pull(f"{gate.host}/{name}:{TAG}")
    assert not refused.ok
    assert ("no policy covers this repository" if client.shows_message else "repository-not-covered") in refused.output


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_signatures_are_verified_through_the_gate_too(
    cosign: Cosign, release_key: KeyPair, registry: Server, gate: Server, repository: str, upstream_image: Image
) -> None:
    assert cosign.sign(f"{registry.host}/{repository}@{upstream_image.digest}", release_key).ok
    verified = cosign.verify(f"{gate.host}/{repository}:{TAG}", release_key)
    assert verified.ok, verified.output
