"""Real cosigns that add to what is there, at a registry without the referrers API; and what takes away."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.clients import Crane
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS
from harness.process import Shell
from harness.programs import need
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "crane", "skopeo")

_ATTEMPTS = 8


@pytest.fixture(scope="module")
def both_gate(start_gate: Callable[..., Server], registry: Server, release_key: KeyPair, other_key: KeyPair) -> Server:
    """A gate at which both keys count, and neither alone is enough."""
    keys = [{"type": "key", "public_key": pair.public.read_text()} for pair in (release_key, other_key)]
    rule = {"name": "two", "threshold": 2, "key_requirements": keys, "rekor": {"required": False}}
    policy = {"name": "both", "repositories": ["apps/**"], "rules": [rule]}
    return start_gate(registry, {"both.yaml": json.dumps(policy)})


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_each_signature_is_added_to_the_others(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    other_key: KeyPair,
    both_gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    reference = f"{both_gate.host}/{repository}@{upstream_image.digest}"
    for key in (release_key, other_key, release_key):
        signed = cosign.sign(reference, key)
        assert signed.ok, signed.output
    for key in (release_key, other_key):
        assert cosign.verify(reference, key).ok
    assert crane.pull(f"{both_gate.host}/{repository}:{TAG}").ok


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_b2_who_signs_at_the_same_time_is_told_to_sign_again(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    other_key: KeyPair,
    both_gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    reference = f"{both_gate.host}/{repository}@{upstream_image.digest}"

    def sign(key: KeyPair) -> None:
        for _ in range(_ATTEMPTS):
            signed = cosign.sign(reference, key)
            if signed.ok:
                return
            assert "sign again" in signed.output, signed.output
        pytest.fail("it was told to sign again every time")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(sign, (release_key, other_key)))
    assert crane.pull(f"{both_gate.host}/{repository}:{TAG}").ok


def test_b21_cosign_clean_takes_nothing_away(
    cosign2: Cosign,
    crane: Crane,
    shell: Shell,
    release_key: KeyPair,
    gate: Server,
    repository: str,
    upstream_image: Image,
) -> None:
    reference = f"{gate.host}/{repository}@{upstream_image.digest}"
    assert cosign2.sign(reference, release_key).ok
    shell.run(need("cosign2"), "clean", "--force", reference)
    assert cosign2.verify(reference, release_key).ok
    assert crane.pull(f"{gate.host}/{repository}:{TAG}").ok
