"""A large image that is rejected, signed as the refusal says, and pushed again: nothing is uploaded twice."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.clients import Pusher
from harness.cosign import Cosign, KeyPair
from harness.counted import Wire, counting
from harness.images import TAG, single
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry")

SIZE = 200 * 1024 * 1024
AGAIN_BYTES = 64 * 1024
"""What a second push may send: questions whether blobs are there, and the manifest."""


@pytest.fixture(scope="module")
def wire(registry: Server) -> Iterator[Wire]:
    with counting(registry) as made:
        yield made


@pytest.fixture(scope="module")
def rejecting(wire: Wire, start_gate: Callable[..., Server], policies: dict[str, str], tmp_path_factory) -> Server:
    return start_gate(Server(wire.host, tmp_path_factory.mktemp("wire") / "none.log"), policies)


@pytest.mark.parametrize(
    ("client", "cosign"),
    [
        pytest.param("skopeo", "cosign2", marks=pytest.mark.client("skopeo", "cosign2")),
        pytest.param("crane", "cosign3", marks=pytest.mark.client("crane", "cosign3")),
        pytest.param("docker", "cosign3", marks=pytest.mark.client("docker", "cosign3")),
    ],
    indirect=True,
)
def test_what_was_rejected_and_then_signed_is_not_uploaded_again(
    client: Pusher,
    cosign: Cosign,
    release_key: KeyPair,
    wire: Wire,
    rejecting: Server,
    repository: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = single(tmp_path / "image", repository, SIZE)
    reference = f"{rejecting.host}/{repository}:{TAG}"
    before = wire.sent
    refused = client.push(image, reference)
    assert not refused.ok
    assert wire.sent - before > SIZE
    signed = cosign.follow(refused.output, release_key)
    assert signed.ok, signed.output
    before, began = wire.sent, time.monotonic()
    pushed = client.push(image, reference)
    took, again = time.monotonic() - began, wire.sent - before
    assert pushed.ok, pushed.output
    assert again < AGAIN_BYTES
    with capsys.disabled():
        print(f"\n{type(client).__name__}: {SIZE >> 20} MiB again after signing: {again} bytes sent, {took:.2f} s")
