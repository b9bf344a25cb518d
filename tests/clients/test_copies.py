"""Images that are copied with their signatures to where unsigned pushes are rejected (docs/recipes.md)."""

import pytest
from harness.clients import Crane, Oras, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.servers import Server


@pytest.mark.client("skopeo", "cosign2")
def test_crane_copies_the_signature_first_and_the_image_after_it(
    cosign2: Cosign, crane: Crane, skopeo: Skopeo, release_key: KeyPair, registry: Server, gate: Server,
    repository: str, image: Image,
) -> None:  # fmt: skip
    source, target = f"{registry.host}/elsewhere/{repository}", f"{gate.host}/{repository}"
    assert skopeo.push(image, f"{source}:{TAG}").ok
    assert cosign2.sign(f"{source}@{image.digest}", release_key).ok
    refused = crane.copy(f"{source}:{TAG}", f"{target}:{TAG}")
    assert not refused.ok
    assert "signature-missing" in refused.output
    for tag in (image.digest.replace(":", "-") + ".sig", TAG):
        copied = crane.copy(f"{source}:{tag}", f"{target}:{tag}")
        assert copied.ok, copied.output
    assert crane.digest(f"{target}:{TAG}") == image.digest


@pytest.mark.client("skopeo", "oras", "cosign3")
def test_oras_copies_what_refers_to_it_and_goes_on_when_it_is_run_again(
    cosign3: Cosign, crane: Crane, oras: Oras, skopeo: Skopeo, release_key: KeyPair, registry: Server, gate: Server,
    repository: str, image: Image,
) -> None:  # fmt: skip
    source, target = f"{registry.host}/elsewhere/{repository}:{TAG}", f"{gate.host}/{repository}:{TAG}"
    assert skopeo.push(image, source).ok
    assert cosign3.sign(f"{registry.host}/elsewhere/{repository}@{image.digest}", release_key).ok
    early = oras.copy_with_referrers(source, target)
    assert not early.ok
    assert "not found" in early.output
    copied = oras.copy_with_referrers(source, target)
    assert copied.ok, copied.output
    assert crane.digest(target) == image.digest
