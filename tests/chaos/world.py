"""What the chaos happens in: a real registry, one gate or two on PostgreSQL, keys, and what is true upstream."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))  # the harness: processes and pinned programs

import aiohttp
from harness import servers
from harness.cosign import Cosign, KeyPair, generate
from harness.process import Shell
from harness.programs import find
from harness.replica import Replica, running
from harness.servers import Server

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.testing import postgres
from sealgate.testing.client import RegistryClient
from sealgate.testing.images import Artifact
from sealgate.testing.sigstore import (
    OciObject,
    PrivateSigstore,
    SigningKey,
    bundle_object,
    fallback_index,
    simple_signing_object,
)

REPOSITORY = "apps/chaos"
HOLD_SECONDS = 60
REQUEST_SECONDS = 20
VERIFY_TIMES = 3
"""cosign reads tags that may just be written again; see `World.is_stored`."""

POLICY = f"""\
name: apps-are-signed
repositories: ["{REPOSITORY}"]
on_unsigned_push: hold
rules:
  - name: release-key
    key_requirements:
      - {{type: key, public_key: release.pub}}
      - {{type: key, public_key: cosign.pub}}
    rekor: {{required: false}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature as the objects that are pushed for it, in their order: the last one is where the gate looks.

    Args:
        objects: what is pushed.
        proof: the manifest that stands for it at the registry.
    """

    objects: tuple[OciObject, ...]
    proof: Digest


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that outlives a kill.

    Args:
        registry: Debian's docker-registry.
        revisions: where it keeps the repository's manifests by their digests.
        upstream: asks it directly.
        replicas: the gates.
        session: for the clients.
        chance: the seeded source of everything that happens by chance.
        cosign_key: what real cosign signs with; None where it is not installed.
        cosigns: it, 2 and 3.
    """

    registry: Server
    revisions: Path
    upstream: RegistryClient
    replicas: list[Replica]
    session: aiohttp.ClientSession
    chance: random.Random
    cosign_key: KeyPair | None
    cosigns: list[Cosign]
    key: SigningKey
    other_key: SigningKey
    sigstore: PrivateSigstore = field(default_factory=lambda: PrivateSigstore(now=SystemClock().now()))
    proofs: dict[str, Digest] = field(default_factory=dict)
    by_cosign: set[str] = field(default_factory=set)

    def client(self, replica: Replica) -> RegistryClient:
        """Asks one gate."""
        return RegistryClient(replica.url, self.session)

    def sign(self, artifact: Artifact, *, bundle: bool, key: SigningKey | None = None) -> Signature:
        """Sign it: as cosign 2 does, or as cosign 3 does at a registry without the referrers API."""
        digest, signer = artifact.digest, key or self.key
        if bundle:
            subject = OciObject(manifest=artifact.raw, media_type=artifact.media_type)
            made = bundle_object(self.sigstore.bundle(digest, signer, logged=False), subject.descriptor)
            signature = Signature(objects=(made, fallback_index(digest, [made])), proof=made.digest)
        else:
            simple = self.sigstore.simple_signature(digest, signer, logged=False)
            made = simple_signing_object(digest, [simple])
            signature = Signature(objects=(made,), proof=made.digest)
        if signer is self.key:
            self.proofs[str(digest)] = signature.proof
        return signature

    async def points_to(self, reference: str) -> str | None:
        """What a tag or digest stands for at the registry, whatever the gate says; None for nothing."""
        accept = {"Accept": ", ".join(MANIFESTS)}  # distribution 2 has nothing for those who accept anything
        reply = await self.upstream.ask("HEAD", f"/v2/{REPOSITORY}/manifests/{reference}", headers=accept)
        return reply.headers["docker-content-digest"] if reply.status == 200 else None

    def is_stored(self, digest: str) -> bool:
        """Whether the in-process signature of an image is at the registry: on its disk, for it writes no file at once
        and says 404 while it writes one again."""
        proof = self.proofs.get(digest)
        return proof is not None and (self.revisions / proof.hex / "link").exists()

    async def is_signed(self, digest: str) -> bool:
        """Whether a signature that the policy asks for lies at the registry; judged without the gate's own verifier."""
        if self.is_stored(digest):
            return True
        if digest not in self.by_cosign or self.cosign_key is None:
            return False
        reference = f"{self.registry.host}/{REPOSITORY}@{digest}"
        for _ in range(VERIFY_TIMES):
            for cosign in self.cosigns:
                if (await asyncio.to_thread(cosign.verify, reference, self.cosign_key)).ok:
                    return True
        return False


@asynccontextmanager
async def made(home: Path, *, shared: bool, seed: int) -> AsyncIterator[World]:
    """Start it all.

    Args:
        home: a folder of its own.
        shared: two gates on PostgreSQL; else one with a SQLite file.
        seed: of what happens by chance.

    Raises:
        RuntimeError: PostgreSQL is not installed, or something does not start.
    """
    key, other_key = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
    async with AsyncExitStack() as stack:
        registry = stack.enter_context(servers.registry(_folder(home / "registry")))
        shell = Shell(_folder(home / "clients"))
        cosigns = [major for major in (2, 3) if find(f"cosign{major}")]
        pair = generate(shell, "cosign") if 2 in cosigns else None
        policies = _folder(home / "policies")
        (policies / "hold.yaml").write_text(POLICY)
        (policies / "release.pub").write_bytes(key.public_pem)
        (policies / "cosign.pub").write_bytes(pair.public.read_bytes() if pair else key.public_pem)
        state = f"sqlite://{home}/state.db"
        if shared:
            database = stack.enter_context(postgres.serving())
            if database is None:
                raise RuntimeError("PostgreSQL is not installed: `make clients` installs it")
            state = database.database()
            upgrade_postgres(state)
            (home / "state.key").write_bytes(os.urandom(32))
        settings: dict[str, object] = {
            "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
            "policies": [str(policies)],
            "state": state,
            "decision_log": "decisions.jsonl",
            "hold_ttl": HOLD_SECONDS,
            **({"state_key_file": str(home / "state.key")} if shared else {}),
        }
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
            )
        )
        yield World(
            registry=registry,
            revisions=home / f"registry/data/docker/registry/v2/repositories/{REPOSITORY}/_manifests/revisions/sha256",
            upstream=RegistryClient(registry.url, session),
            replicas=[
                stack.enter_context(running(home / f"gate-{number}", settings)) for number in range(2 if shared else 1)
            ],
            session=session,
            chance=random.Random(seed),  # noqa: S311
            cosign_key=pair,
            cosigns=[Cosign(shell, major) for major in cosigns] if pair else [],
            key=key,
            other_key=other_key,
        )


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
