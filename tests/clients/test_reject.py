"""Build, push, sign under `on_unsigned_push: reject`: the push fails and says how, and nothing is uploaded twice."""

import json
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import servers
from harness.clients import Crane, Pusher
from harness.cosign import Cosign, KeyPair
from harness.images import CONFIG, MANIFEST, TAG, Image
from harness.matrix import COSIGNS
from harness.servers import Server

from sealgate.oci.digest import Digest

pytestmark = pytest.mark.client("docker-registry", "crane", "skopeo")

LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_BYTES = 200 * 1024 * 1024
PIECE_BYTES = 64 * 1024
_UPLOAD = re.compile(rb"(?:PATCH|PUT) /v2/\S+/blobs/uploads/\S+ HTTP/1\.1\r\n")
_POLICY = """\
name: apps-are-signed
repositories: ["apps/**"]
rules:
  - name: release-key
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


class Wire:
    """What went over the wire to the registry.

    Attributes:
        host: where to send it.
        sent: how many bytes.
        uploads: how many requests that bring a blob's bytes.
    """

    def __init__(self) -> None:
        self.host = ""
        self.sent = self.uploads = 0
        self._lock = threading.Lock()

    def count(self, piece: bytes) -> None:
        """Requests begin with a piece of their own, or nearly: a head in the middle of one is found, too."""
        with self._lock:
            self.sent += len(piece)
            self.uploads += len(_UPLOAD.findall(piece))

    def take(self) -> tuple[int, int]:
        """The bytes and the uploads since the last time."""
        with self._lock:
            taken = self.sent, self.uploads
            self.sent = self.uploads = 0
        return taken


@contextmanager
def wire(registry: Server) -> Iterator[Wire]:
    """Stands before the registry, and counts."""
    made = Wire()
    place, _, port = registry.host.rpartition(":")

    class Pass(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((place, int(port))) as there:
                back = threading.Thread(target=pour, args=(there, self.request), daemon=True)
                back.start()
                pour(self.request, there, made)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pass) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.host = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield made
        finally:
            server.shutdown()


def pour(source: socket.socket, target: socket.socket, counting: Wire | None = None) -> None:
    try:
        while piece := source.recv(PIECE_BYTES):
            if counting is not None:
                counting.count(piece)
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of both has gone


def large(folder: Path) -> Image:
    """An image of one layer that nobody compresses on its way; skopeo and crane push it as it is."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str) -> dict[str, object]:
        digest = Digest.of(content)
        (blobs / digest.hex).write_bytes(content)
        return {"mediaType": media_type, "digest": str(digest), "size": len(content)}

    layer = blob(os.urandom(LAYER_BYTES), LAYER)
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), CONFIG)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    described = blob(json.dumps(document).encode(), MANIFEST)
    named = {**described, "annotations": {"org.opencontainers.image.ref.name": TAG}}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    return Image(folder, folder, str(described["digest"]))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("cosign", COSIGNS[1:], indirect=True)
@pytest.mark.parametrize("client", ["crane"], indirect=True)
def test_a_push_that_is_rejected_says_what_to_run_and_is_done_at_once_after_it(
    client: Pusher,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    registry: Server,
    repository: str,
    tmp_path: Path,
) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "reject.yaml").write_text(_POLICY)
    (policies / "release.pub").write_bytes(release_key.public.read_bytes())
    image = large(tmp_path / "image")
    with wire(registry) as counted, servers.gate(tmp_path, Server(counted.host, registry.log), policies) as gate:
        reference = f"{gate.host}/{repository}:{TAG}"
        pushed = client.push(image, reference)
        sent, uploads = counted.take()
        assert not pushed.ok
        assert sent > LAYER_BYTES
        assert uploads >= 2
        signed = cosign.follow(pushed.output, release_key)
        assert signed.ok, signed.output
        counted.take()
        started = time.monotonic()
        again = client.push(image, reference)
        took = time.monotonic() - started
        sent, uploads = counted.take()
        assert again.ok, again.output
        assert uploads == 0
        assert sent < PIECE_BYTES
        assert crane.digest(reference) == image.digest
    print(f"the second push of {LAYER_BYTES >> 20} MiB took {took:.2f} s, and sent {sent} bytes upstream")
