"""What tests of the whole gate share: a key and its policy, a client, and ways to put things behind the gate."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
import hypothesis
import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.oci.digest import Digest
from sealgate.testing import postgres
from sealgate.testing.client import RegistryClient, Reply
from sealgate.testing.gate import RunningGate, running_gate
from sealgate.testing.images import Artifact
from sealgate.testing.registry import LoggedRequest, MemoryRegistry
from sealgate.testing.sigstore import OciObject, PrivateSigstore, SigningKey, bundle_object, simple_signing_object

# What is tested is what holds, not how fast: a busy machine is no finding.
hypothesis.settings.register_profile("anywhere", deadline=None)
hypothesis.settings.load_profile("anywhere")

KEY = SigningKey.generate("ecdsa-p256")
OTHER_KEY = SigningKey.generate("ecdsa-p256")
SIGSTORE = PrivateSigstore(now=SystemClock().now())
TRUSTED_ROOT = SIGSTORE.trusted_root_json()

BY_KEY = """\
name: by-key
repositories: ["team/**"]
rules:
  - name: signed
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


@dataclass
class GateWorld:
    """A gate, the registry behind it, and who signs; `KEY` is what the policy of `team/**` asks for."""

    registry: MemoryRegistry
    gate: RunningGate
    client: RegistryClient
    sigstore: PrivateSigstore = SIGSTORE
    key: SigningKey = KEY
    other_key: SigningKey = OTHER_KEY

    def put(self, repository: str, carrier: OciObject) -> None:
        """Put a carrier into the registry, past the gate."""
        for blob in carrier.blobs.values():
            self.registry.add_blob(repository, blob)
        self.registry.add_manifest(repository, carrier.manifest, carrier.media_type, carrier.tag)

    def signature(self, digest: Digest, *keys: SigningKey) -> OciObject:
        """Simple signatures by key, as cosign 2 writes them."""
        signers = keys or (self.key,)
        return simple_signing_object(
            digest, [self.sigstore.simple_signature(digest, key, logged=False) for key in signers]
        )

    def bundle(self, artifact: Artifact | OciObject, key: SigningKey | None = None) -> OciObject:
        """A bundle by key, a referrer, as cosign 3 writes it."""
        described = _described(artifact)
        made = self.sigstore.bundle(described.digest, key or self.key, logged=False)
        return bundle_object(made, described.descriptor)

    def add(self, repository: str, artifact: Artifact, tag: str | None = "1.0", *, signed: bool = True) -> Artifact:
        """Put an artifact into the registry past the gate, signed by `KEY` or not."""
        self.registry.add_artifact(repository, artifact, tag)
        if signed:
            self.put(repository, self.signature(artifact.digest))
        return artifact

    def asked(self) -> list[str]:
        """What the registry was asked since the last time, as `METHOD target`."""
        told = [f"{request.method} {request.target}" for request in self.registry.requests]
        self.registry.requests.clear()
        return told

    def wrote(self) -> list[LoggedRequest]:
        """What would have changed the registry."""
        return [request for request in self.registry.requests if request.method not in ("GET", "HEAD")]

    async def raw(self, request: bytes) -> bytes:
        """Send bytes to the gate's socket, and read until it closes."""
        host, _, port = self.gate.host.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.timeout(30):
                writer.write(request)
                return await reader.read()
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


def _described(artifact: Artifact | OciObject) -> OciObject:
    if isinstance(artifact, OciObject):
        return artifact
    return OciObject(manifest=artifact.raw, media_type=artifact.media_type)


def _reason_of(reply: Reply) -> str:
    """The reason code in a refusal; "" where there is none."""
    if reply.status < 400 or not reply.body:
        return ""
    return str(json.loads(reply.body)["errors"][0].get("detail", {}).get("reason", ""))


@pytest.fixture
def reason() -> Callable[[Reply], str]:
    """Reads the reason code of a refusal."""
    return _reason_of


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server; without its programs a test is skipped, and in CI it fails."""
    with postgres.serving() as server:
        if server is None:
            told = "not installed: postgresql; `make clients` installs it"
            if os.environ.get("CI"):
                pytest.fail(told, pytrace=False)
            pytest.skip(told)
        yield server


@pytest.fixture
def gate_world():
    """Makes a gate in front of a registry: `async with gate_world(registry, policies, …) as world`."""

    @asynccontextmanager
    async def make(registry: MemoryRegistry, policies=None, **options) -> AsyncIterator[GateWorld]:
        files = {"release.pub": KEY.public_pem, "other.pub": OTHER_KEY.public_pem, **options.pop("files", {})}
        options.setdefault("trusted_root", TRUSTED_ROOT)
        async with (
            running_gate(registry.url, policies or {"by-key.yaml": BY_KEY}, files=files, **options) as gate,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):
            yield GateWorld(registry=registry, gate=gate, client=RegistryClient(gate.url, session))

    return make


@pytest.fixture
async def world(registry, gate_world) -> AsyncIterator[GateWorld]:
    """The gate in front of the in-memory registry; everything in `team/**` must be signed by `KEY`."""
    async with gate_world(registry) as made:
        yield made
