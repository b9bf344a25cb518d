"""Two gates behind a balancer, restarted in turn while clients pull: nobody notices (attacks F12)."""

import hashlib
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from harness import servers
from harness.cosign import Cosign, KeyPair
from harness.process import POLL_SECONDS, START_SECONDS, free_port
from harness.servers import Server

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS, OCI_IMAGE_CONFIG
from sealgate.testing import images
from sealgate.testing.images import Artifact

pytestmark = pytest.mark.client("docker-registry", "haproxy", "cosign2")

CLIENTS = 32
LAYER_BYTES = 8 * 1024 * 1024
SECONDS = 60.0
DRAIN = "1"
PIECE_BYTES = 256 * 1024
LAYER = "application/vnd.oci.image.layer.v1.tar"
POLICY = """\
name: apps-are-signed
repositories: ["apps/**"]
rules:
  - name: release-key
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


class Pulls:
    """Clients that pull over and over; each keeps its connection while it is let.

    Attributes:
        done: how many pulls were whole.
        failed: what went wrong with any other.
    """

    def __init__(self, host: str, repository: str, image: Artifact, layer: Digest) -> None:
        self.done = 0
        self.failed: list[str] = []
        self._host = host
        self._at = f"/v2/{repository}"
        self._expected = {"manifests/1.0": str(image.digest), f"blobs/{layer}": str(layer)}
        self._over = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._pull) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _pull(self) -> None:
        with closing(http.client.HTTPConnection(self._host, timeout=SECONDS)) as connection:
            self._pull_with(connection)

    def _pull_with(self, connection: http.client.HTTPConnection) -> None:
        while not self._over.is_set():
            for what, digest in self._expected.items():
                told = ""
                try:
                    got = self._get(connection, f"{self._at}/{what}")
                    if got != digest:
                        told = f"{what}: {got}"
                except (OSError, http.client.HTTPException) as error:
                    told = f"{what}: {error!r}"
                    connection.close()
                with self._lock:
                    self.done += not told
                    self.failed += [told] if told else []

    def _get(self, connection: http.client.HTTPConnection, path: str) -> str:
        """The digest of what comes, or what was answered instead."""
        connection.request("GET", path, headers={"Accept": ", ".join(MANIFESTS)})
        answer = connection.getresponse()
        digest, length = hashlib.sha256(), 0
        while piece := answer.read(PIECE_BYTES):
            digest.update(piece)
            length += len(piece)
        if answer.status != 200:
            return f"{answer.status}, {length} bytes"
        return f"sha256:{digest.hexdigest()}" if length == int(answer.headers["Content-Length"]) else f"{length} bytes"


def push(registry: Server, repository: str, image: Artifact) -> None:
    """Past the gate, without a client: none of them makes images of a size."""
    connection = http.client.HTTPConnection(registry.host, timeout=SECONDS)

    def send(method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status in {201, 202}, path
        return answer

    for blob in image.blobs:
        location = send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        joint = "&" if "?" in location else "?"
        send("PUT", f"{location}{joint}digest={Digest.of(blob)}", blob)
    send("PUT", f"/v2/{repository}/manifests/1.0", image.raw, **{"Content-Type": image.media_type})
    connection.close()


def pulled_through(log: Path) -> None:
    """Wait until a gate has decided something: the balancer sends it clients."""
    deadline = time.monotonic() + START_SECONDS
    while b'"operation":"pull"' not in log.read_bytes():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(POLL_SECONDS)


def test_f12_replicas_that_are_restarted_in_turn_fail_no_pull(
    cosign2: Cosign, release_key: KeyPair, registry: Server, repository: str, tmp_path: Path
) -> None:
    layer = os.urandom(1024) * (LAYER_BYTES // 1024)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    image = images.artifact([(LAYER, layer)], config=(OCI_IMAGE_CONFIG, config))
    push(registry, repository, image)
    assert cosign2.sign(f"{registry.host}/{repository}@{image.digest}", release_key).ok
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "policy.yaml").write_text(POLICY)
    (policies / "release.pub").write_bytes(release_key.public.read_bytes())
    hosts = [f"127.0.0.1:{free_port()}" for _ in range(2)]

    def start(number: int, running: ExitStack, run: int) -> Path:
        home = tmp_path / f"gate-{number}-{run}"
        home.mkdir()
        # What one has seen the other must know: a blob is asked for at either.
        state = f"sqlite://{tmp_path / 'state.db'}"
        made = servers.gate(home, registry, policies, "--state", state, host=hosts[number], SEALGATE_DRAIN=DRAIN)
        return running.enter_context(made).log

    with ExitStack() as everything:
        replicas = [everything.enter_context(ExitStack()) for _ in hosts]
        logs = [start(number, running, 0) for number, running in enumerate(replicas)]
        (tmp_path / "balancer").mkdir()
        balancer = everything.enter_context(servers.balancer(tmp_path / "balancer", hosts))
        pulls = Pulls(balancer.host, repository, image, Digest.of(layer))
        with pulls.running():
            for log in logs:
                pulled_through(log)
            for number, running in enumerate(replicas):
                before = pulls.done
                running.close()  # SIGTERM, and it ends by itself
                assert pulls.done > before
                pulled_through(start(number, running, 1))
    assert pulls.failed == []
    assert pulls.done > CLIENTS
    for log in tmp_path.glob("gate-*/server.log"):
        assert "broken off" not in log.read_text()
