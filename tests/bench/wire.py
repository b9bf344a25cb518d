"""A registry client that costs little and measures itself: one connection, blocking, nothing kept of a blob."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from servers import Server

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.testing.images import Artifact
from sealgate.testing.sigstore import OciObject

ACCEPT = ", ".join(MANIFESTS)
PIECE_BYTES = 1024 * 1024
"""Of one read or write: large enough that the client is not what is measured."""
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Got:
    """What was read, and how long it took from the request's first byte to the answer's last."""

    seconds: float
    size: int


class Client:
    """One connection to one server.

    Every method raises `RuntimeError` when the answer is not the one hoped for: a refusal is faster than the real
    thing, and must not end in a table.
    """

    def __init__(self, server: Server) -> None:
        self._name = server.name
        self._connection = http.client.HTTPConnection(server.host, timeout=_SECONDS, blocksize=PIECE_BYTES)
        self._buffer = memoryview(bytearray(PIECE_BYTES))

    def manifest(self, repository: str, reference: str, status: int = 200) -> Got:
        """Pull a manifest, or be refused it with the status that must be."""
        started = time.perf_counter()
        path, headers = f"/v2/{repository}/manifests/{reference}", {"Accept": ACCEPT}
        with self._ask("GET", path, status, headers=headers) as answer:
            raw = answer.read()
        return Got(time.perf_counter() - started, len(raw))

    def status(self, repository: str, reference: str) -> int:
        """What a pull of a manifest is answered with, whatever it is."""
        self._connection.request("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def blob(self, repository: str, digest: Digest) -> Got:
        """Pull a blob, and throw it away."""
        started, size = time.perf_counter(), 0
        with self._ask("GET", f"/v2/{repository}/blobs/{digest}", 200) as answer:
            while read := answer.readinto(self._buffer):
                size += read
            if answer.length:  # http.client says nothing when a body ends early
                raise RuntimeError(f"{self._name} broke a blob off, {answer.length} bytes before its end")
        return Got(time.perf_counter() - started, size)

    def push_blob(self, repository: str, content: bytes, digest: Digest | None = None) -> float:
        """Push a blob in one PUT; how many seconds that took, both requests together.

        Args:
            repository: where to.
            content: its bytes.
            digest: theirs, where it is known already.
        """
        digest = digest or Digest.of(content)
        started = time.perf_counter()
        with self._ask("POST", f"/v2/{repository}/blobs/uploads/", 202) as answer:
            location = answer.headers["Location"]
            answer.read()
        path = "/" + location.split("/", 3)[3] if location.startswith("http") else location
        path += f"{'&' if '?' in path else '?'}digest={digest}"
        with self._ask("PUT", path, 201, content, {"Content-Type": "application/octet-stream"}) as answer:
            answer.read()
        return time.perf_counter() - started

    def push_manifest(self, repository: str, reference: str, raw: bytes, media_type: str) -> None:
        """Push a manifest to a tag or its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        with self._ask("PUT", path, 201, raw, {"Content-Type": media_type}) as answer:
            answer.read()

    def push_image(self, repository: str, tag: str, image: Artifact) -> None:
        """Push an image, config and layers first."""
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, tag, image.raw, image.media_type)

    def push_carrier(self, repository: str, carrier: OciObject) -> None:
        """Push a signature, as cosign does."""
        for digest, blob in carrier.blobs.items():
            self.push_blob(repository, blob, digest)
        self.push_manifest(repository, carrier.tag or str(carrier.digest), carrier.manifest, carrier.media_type)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _ask(
        self, method: str, path: str, status: int, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        if answer.status != status:
            text = answer.read(2000).decode(errors="replace")
            raise RuntimeError(f"{self._name} answered {method} {path} with {answer.status}: {text}")
        yield answer


@contextmanager
def connected(server: Server) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = Client(server)
    try:
        yield client
    finally:
        client.close()
