"""Pushes of images: refused until signed, with the command that signs; after it the same push succeeds at once."""

import pytest
from harness.clients import Crane, Pusher, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS, PUSHERS
from harness.refusal import Refusal
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")

UNSIGNED = Refusal("apps-are-signed", "release-key", "no signature found", "signature-missing")
SIGNED_BY_ANOTHER = Refusal("apps-are-signed", "release-key", "key release", "key-not-trusted")


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_refused_until_the_told_command_has_run(
    client: Pusher,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    registry: Server,
    gate: Server,
    repository: str,
    image: Image,
) -> None:
    reference = f"{gate.host}/{repository}:{TAG}"
    refused = client.push(image, reference)
    assert not refused.ok, refused.output
    assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok, "the tag must not move"

    if client.shows_message:
        signed = cosign.follow(refused.output, release_key)
    else:
        UNSIGNED.told_by(client, refused, repository, image.digest, gate)
        signed = cosign.sign(f"{gate.host}/{repository}@{image.digest}", release_key)
    assert signed.ok, signed.output

    pushed = client.push(image, reference)
    assert pushed.ok, pushed.output
    pulled = client.pull(reference)
    assert pulled.ok, pulled.output
    digest = crane.digest(f"{registry.host}/{repository}:{TAG}")
    if client.shows_message:  # docker and podman push a manifest of their own making
        UNSIGNED.in_message(refused, repository, digest, gate)


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_signed_with_another_key(
    cosign: Cosign, skopeo: Skopeo, other_key: KeyPair, gate: Server, repository: str, image: Image
) -> None:
    reference = f"{gate.host}/{repository}:{TAG}"
    signed = cosign.follow(skopeo.push(image, reference).output, other_key)
    assert signed.ok, "a signature that satisfies nothing is stored all the same"
    refused = skopeo.push(image, reference)
    SIGNED_BY_ANOTHER.in_message(refused, repository, image.digest, gate)


@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_a_refused_push_leaves_the_tag_where_it_was(
    client: Pusher,
    skopeo: Skopeo,
    crane: Crane,
    cosign2: Cosign,
    release_key: KeyPair,
    registry: Server,
    gate: Server,
    repository: str,
    image: Image,
    index: Image,
) -> None:
    assert skopeo.push(index, f"{registry.host}/{repository}:{TAG}").ok
    assert cosign2.sign(f"{registry.host}/{repository}@{index.digest}", release_key).ok
    assert not client.push(image, f"{gate.host}/{repository}:{TAG}").ok
    assert crane.digest(f"{gate.host}/{repository}:{TAG}") == index.digest


@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_repository_that_no_policy_covers(client: Pusher, gate: Server, image: Image, repository: str) -> None:
    refused = client.push(image, f"{gate.host}/{repository.replace('apps/', 'elsewhere/')}:{TAG}")
    assert not refused.ok
    assert (
        "no policy covers pushes to this repository" if client.shows_message else "repository-not-covered"
    ) in refused.output
