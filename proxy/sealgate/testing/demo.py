"""The world of `sealgate demo`, and what is tried in it: a registry, a private Sigstore, four images, and the gate."""

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from sealgate.oci.digest import Digest
from sealgate.ports import Clock
from sealgate.testing import images
from sealgate.testing.client import RegistryClient, Reply
from sealgate.testing.registry import Answer, MemoryRegistry
from sealgate.testing.sigstore import OciObject, PrivateSigstore, SigningKey, bundle_object, simple_signing_object

IDENTITY: Final = "release@team.example"
ISSUER: Final = "https://accounts.team.example"

_POLICIES: Final = {
    "by-key.yaml": """\
name: by-key
description: Everything under demo/ is signed with the demo key
repositories: ["demo/**"]
rules:
  - name: signed-with-the-demo-key
    signature_type: cosign
    key_requirements:
      - type: key
        public_key: demo.pub
    rekor: {required: false}
""",
    "keyless.yaml": f"""\
name: keyless
description: Everything under keyless/ is signed by the release workflow
repositories: ["keyless/**"]
rules:
  - name: signed-by-the-release-identity
    signature_type: cosign
    key_requirements:
      - type: keyless
        certificate_identity: "{IDENTITY}"
        certificate_oidc_issuer: "{ISSUER}"
""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything the demo needs, running.

    Args:
        registry: behind the gate; what was put there directly never passed it.
        sigstore: who signs.
        key: the demo key, whose public half is in the policies' folder.
        policies: a folder with policies, the key and the trusted root; it is removed at the end.
    """

    registry: MemoryRegistry
    sigstore: PrivateSigstore
    key: SigningKey
    policies: Path

    def by_key(self, digest: Digest, key: SigningKey | None = None) -> OciObject:
        """A signature with the demo key (or another), as cosign 2 pushes it."""
        return simple_signing_object(digest, [self.sigstore.simple_signature(digest, key or self.key, logged=False)])

    def keyless(self, artifact: images.Artifact, identity: str = IDENTITY) -> OciObject:
        """A keyless signature, as cosign 3 pushes it."""
        described = OciObject(manifest=artifact.raw, media_type=artifact.media_type).descriptor
        signer = self.sigstore.keyless(identity=identity, issuer=ISSUER)
        return bundle_object(self.sigstore.bundle(artifact.digest, signer), described)


@asynccontextmanager
async def world(clock: Clock) -> AsyncIterator[World]:
    """The registry with its images, and the policies on disk; all gone when it ends."""
    with tempfile.TemporaryDirectory(prefix="sealgate-demo-") as folder:
        async with MemoryRegistry() as registry:
            made = World(
                registry=registry,
                sigstore=PrivateSigstore(now=clock.now()),
                key=SigningKey.generate("ecdsa-p256"),
                policies=Path(folder),
            )
            for name, text in _POLICIES.items():
                (made.policies / name).write_text(text)
            (made.policies / "demo.pub").write_bytes(made.key.public_pem)
            (made.policies / "trusted_root.json").write_bytes(made.sigstore.trusted_root_json())
            _stock(made)
            yield made


def _stock(made: World) -> None:
    signed, multi = images.oci_image(seed=1), images.index(seed=10)
    made.registry.add_artifact("demo/signed", signed, "1.0.0")
    _add(made.registry, "demo/signed", made.by_key(signed.digest))
    made.registry.add_artifact("demo/unsigned", images.oci_image(seed=2), "1.0.0")
    made.registry.add_artifact("demo/multi", multi, "1.0.0")
    _add(made.registry, "demo/multi", made.by_key(multi.digest))
    for repository, seed, identity in (("keyless/app", 3, IDENTITY), ("keyless/other", 4, "someone@else.example")):
        image = images.oci_image(seed=seed)
        made.registry.add_artifact(repository, image, "1.0.0")
        _add(made.registry, repository, made.keyless(image, identity))


def _add(registry: MemoryRegistry, repository: str, carrier: OciObject) -> None:
    for blob in carrier.blobs.values():
        registry.add_blob(repository, blob)
    registry.add_manifest(repository, carrier.manifest, carrier.media_type, carrier.tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried.

    Args:
        what: for people.
        expected: the answer it should have.
        got: the answer it had.
        story: the message of a refusal.
    """

    what: str
    expected: str
    got: str
    story: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether it came out as it should."""
        return self.expected == self.got


async def try_everything(made: World, gate: str) -> list[Step]:
    """Every step once, through the gate, as real clients would take them.

    Args:
        made: the world.
        gate: the gate's origin.
    """
    async with aiohttp.ClientSession() as session:
        client = RegistryClient(gate, session)
        return [step async for step in _steps(made, client)]


async def _steps(made: World, client: RegistryClient) -> AsyncIterator[Step]:
    signed, unsigned, multi = images.oci_image(seed=1), images.oci_image(seed=2), images.index(seed=10)
    layer = Digest.of(signed.blobs[-1])
    yield await _try("pull the signed image", "200", client.pull("demo/signed", "1.0.0"), signed.raw)
    yield await _try("ask for it with HEAD", "200", client.pull("demo/signed", "1.0.0", "HEAD"))
    yield await _try("pull its layer", "200", client.blob("demo/signed", layer), signed.blobs[-1])
    yield await _try("pull the unsigned image", "403 signature-missing", client.pull("demo/unsigned", "1.0.0"))
    yield await _try(
        "pull its layer all the same",
        "403 blob-not-admitted",
        client.blob("demo/unsigned", Digest.of(unsigned.blobs[-1])),
    )
    yield await _try(
        "pull a platform of an index not seen yet",
        "403 child-of-unknown-index",
        client.pull("demo/multi", str(multi.children[0].digest)),
    )
    yield await _try("pull the index, which is signed", "200", client.pull("demo/multi", "1.0.0"), multi.raw)
    yield await _try(
        "pull that platform again",
        "200",
        client.pull("demo/multi", str(multi.children[0].digest)),
        multi.children[0].raw,
    )
    yield await _try("pull the keyless-signed image", "200", client.pull("keyless/app", "1.0.0"))
    yield await _try("pull one signed by somebody else", "403 identity-mismatch", client.pull("keyless/other", "1.0.0"))
    yield await _try("pull from a repository no policy covers", "403 repository-not-covered", _uncovered(made, client))
    new = images.oci_image(seed=5)
    yield await _try("push a new image", "403 signature-missing", client.push("demo/new", new, "2.0.0"))
    yield await _try(
        "sign it with another key, push again", "403 key-not-trusted", _sign_and_push(made, client, new, other=True)
    )
    yield await _try("sign it with the demo key, push again", "201", _sign_and_push(made, client, new, other=False))
    yield await _try("pull it", "200", client.pull("demo/new", "2.0.0"), new.raw)
    yield await _try("delete it", "405", client.ask("DELETE", f"/v2/demo/new/manifests/{new.digest}"))
    made.registry.script("GET /v2/demo/unsigned/referrers/.*", Answer(status=500))
    fresh = images.oci_image(seed=6)
    made.registry.add_artifact("demo/unsigned", fresh, "2.0.0")
    yield await _try(
        "pull while signatures cannot be read", "503 upstream-unavailable", client.pull("demo/unsigned", "2.0.0")
    )


async def _uncovered(made: World, client: RegistryClient) -> Reply:
    made.registry.add_artifact("elsewhere/app", images.oci_image(seed=7), "1.0.0")
    return await client.pull("elsewhere/app", "1.0.0")


async def _sign_and_push(made: World, client: RegistryClient, new: images.Artifact, *, other: bool) -> Reply:
    key = SigningKey.generate("ecdsa-p256") if other else made.key
    signature = await client.push_signature("demo/new", made.by_key(new.digest, key))
    return signature if signature.status != 201 else await client.push("demo/new", new, "2.0.0")


async def _try(what: str, expected: str, asked: Awaitable[Reply], content: bytes | None = None) -> Step:
    reply = await asked
    got = str(reply.status)
    story = ""
    if reply.status in (403, 503) and reply.body:
        error = json.loads(reply.body)["errors"][0]
        got += f" {error['detail']['reason']}"
        story = error["message"]
    if content is not None and reply.status == 200 and reply.body != content:
        got += " with other bytes"
    return Step(what=what, expected=expected, got=got, story=story)
