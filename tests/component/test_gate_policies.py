"""Policies in force at the gate: the sample of the design, types, modes, several together, and a real signature."""

import json
from pathlib import Path

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import MemoryRegistry
from sealgate.testing.sigstore import OciObject, bundle_object, fallback_index

IMAGE = images.oci_image(seed=1)
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "keyless-github"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

# Design section 3, as it stands there.
SAMPLE = """\
name: "require-signatures"
description: "Require signed artifacts for production"
repositories:
  - "production/*"
  - "stable/*"
rules:
  - name: "require-cosign-signature"
    artifact_types: ["docker", "oci"]
    signature_type: "cosign"
    required: true
    key_requirements:
      - type: "keyless"
        certificate_identity: "*@example.com"
        certificate_oidc_issuer: "https://accounts.google.com"
  - name: "require-gpg-signature"
    artifact_types: ["rpm", "deb", "apk"]
    signature_type: "gpg"
    required: true
    trusted_keys:
      - "key-123"
      - "key-456"
"""
GOOGLE = "https://accounts.google.com"


def keyless(world, artifact, identity="build@example.com", issuer=GOOGLE):
    signer = world.sigstore.keyless(identity=identity, issuer=issuer)
    described = OciObject(manifest=artifact.raw, media_type=artifact.media_type)
    return bundle_object(world.sigstore.bundle(artifact.digest, signer), described.descriptor)


@pytest.mark.parametrize("repository", ["production/app", "stable/app"])
@pytest.mark.parametrize(
    "image", [IMAGE, images.docker_image(seed=2), images.index(seed=10)], ids=["oci", "docker", "index"]
)
async def test_the_sample_policy_admits_its_identity(registry, gate_world, repository, image):
    async with gate_world(registry, {"sample.yaml": SAMPLE}) as world:
        world.add(repository, image, signed=False)
        world.put(repository, keyless(world, image))
        assert (await world.client.pull(repository, "1.0")).body == image.raw


@pytest.mark.parametrize(
    ("identity", "issuer", "told"),
    [
        ("build@example.org", GOOGLE, "identity-mismatch"),
        ("build@example.com.evil", GOOGLE, "identity-mismatch"),
        ("a/build@example.com", GOOGLE, "identity-mismatch"),
        ("build@example.com", "https://accounts.google.com.evil", "issuer-mismatch"),
        ("build@example.com", "https://token.actions.githubusercontent.com", "issuer-mismatch"),
    ],
)
async def test_the_sample_policy_refuses_every_other_signer(registry, gate_world, reason, identity, issuer, told):
    async with gate_world(registry, {"sample.yaml": SAMPLE}) as world:
        world.add("production/app", IMAGE, signed=False)
        world.put("production/app", keyless(world, IMAGE, identity, issuer))
        reply = await world.client.pull("production/app", "1.0")
        assert (reply.status, reason(reply)) == (403, told)
        assert IMAGE.raw not in reply.body


async def test_the_sample_policy_refuses_by_key_and_unsigned(registry, gate_world, reason):
    async with gate_world(registry, {"sample.yaml": SAMPLE}) as world:
        world.add("production/app", IMAGE)  # signed with a key that no rule names
        world.add("stable/app", IMAGE, signed=False)
        assert reason(await world.client.pull("production/app", "1.0")) == "key-not-trusted"
        assert reason(await world.client.pull("stable/app", "1.0")) == "signature-missing"
        refused = await world.client.push("stable/new", IMAGE, "1.0")
        told = json.loads(refused.body)["errors"][0]["message"]
        assert f"`cosign sign {world.gate.host}/stable/new@{IMAGE.digest}`" in told


@pytest.mark.parametrize("kind", ["rpm", "deb", "apk"])
async def test_the_sample_policy_refuses_packages_that_it_cannot_check_yet(registry, gate_world, reason, kind):
    """Signed as it would have to be if it were an image, it is still none: the gpg rule is not ignored."""
    package = images.package(kind)
    async with gate_world(registry, {"sample.yaml": SAMPLE}) as world:
        world.add("production/app", package, signed=False)
        world.put("production/app", keyless(world, package))
        reply = await world.client.pull("production/app", "1.0")
        assert (reply.status, reason(reply)) == (403, "signature-type-not-supported-yet")
        assert (await world.client.blob("production/app", Digest.of(package.blobs[1]))).status == 403
        reply = await world.client.push("production/app", package, "2.0")
        assert (reply.status, reason(reply)) == (403, "signature-type-not-supported-yet")
        assert "2.0" not in registry.tags("production/app")


async def test_the_sample_policy_covers_one_level_and_no_other_type(registry, gate_world, reason):
    async with gate_world(registry, {"sample.yaml": SAMPLE}) as world:
        chart = images.helm_chart()
        for repository, artifact in (
            ("production/team/app", IMAGE),
            ("productions/app", IMAGE),
            ("production/app", chart),
        ):
            world.add(repository, artifact, signed=False)
            world.put(repository, keyless(world, artifact))
        for repository in ("production/team/app", "productions/app"):
            assert reason(await world.client.pull(repository, "1.0")) == "repository-not-covered"
        assert reason(await world.client.pull("production/app", "1.0")) == "artifact-type-not-covered"


WARN = """\
name: soon
mode: warn
repositories: ["team/**"]
rules:
  - name: signed
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


async def test_a_policy_that_warns_lets_through_and_says_so(registry, gate_world):
    async with gate_world(registry, {"warn.yaml": WARN}) as world:
        for reply in (
            await world.client.push("team/app", IMAGE, "1.0"),
            await world.client.pull("team/app", "1.0"),
            await world.client.pull("team/app", "1.0", "HEAD"),
        ):
            assert reply.status in (200, 201)
            assert reply.headers["warning"].startswith(
                '299 - "would be denied by policy soon, rule signed: no signature'
            )
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 200
        assert world.gate.decisions[0]["warnings"] != []
        world.put("team/app", world.signature(IMAGE.digest))
        assert "warning" not in (await world.client.push("team/app", IMAGE, "2.0")).headers


async def test_every_policy_that_covers_must_be_satisfied(registry, gate_world, reason):
    both = {
        "one.yaml": WARN.replace("mode: warn\n", "").replace("soon", "one"),
        "two.yaml": WARN.replace("mode: warn\n", "").replace("soon", "two").replace("release.pub", "other.pub"),
    }
    async with gate_world(registry, both) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", world.signature(IMAGE.digest, world.other_key))
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (403, "key-not-trusted")
        assert json.loads(reply.body)["errors"][0]["detail"]["policy"] == "one"
        signed = await world.client.push_signature("team/app", world.bundle(IMAGE))
        assert signed.status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200


# Where signatures are found


@pytest.mark.parametrize("page", [0, 1, 10])
@pytest.mark.parametrize("api", [True, False])
@pytest.mark.parametrize("kind", ["simple", "bundle"])
async def test_signatures_are_found_wherever_clients_put_them(gate_world, api, page, kind):
    async with MemoryRegistry(referrers=api, page=page) as registry, gate_world(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        if kind == "simple":
            world.put("team/app", world.signature(IMAGE.digest))
        else:
            listed = [world.bundle(IMAGE, world.other_key) for _ in range(4)] + [world.bundle(IMAGE)]
            for bundle in listed:
                world.put("team/app", bundle)
            if not api:
                world.put("team/app", fallback_index(IMAGE.digest, listed))
        assert (await world.client.pull("team/app", "1.0")).status == 200


# A real signature

CORPUS_IDENTITY = (
    "https://github.com/docker/github-builder-experimental/.github/workflows/build.yml"
    "@refs/heads/build-reusable-workflow"
)
CORPUS_ISSUER = "https://token.actions.githubusercontent.com"
CORPUS_POLICY = """\
name: real
repositories: ["real/**"]
rules:
  - name: built-by-that-workflow
    signature_type: cosign
    key_requirements:
      - type: keyless
        certificate_identity: "{identity}"
        certificate_oidc_issuer: "{issuer}"
"""


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real signatures is not part of the repository")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ""),
        ({"identity": CORPUS_IDENTITY[:-1]}, "identity-mismatch"),
        ({"identity": CORPUS_IDENTITY + "x"}, "identity-mismatch"),
        ({"identity": CORPUS_IDENTITY.replace("docker/", "dockes/")}, "identity-mismatch"),
        ({"issuer": CORPUS_ISSUER + "/"}, "issuer-mismatch"),
        ({"issuer": "https://accounts.google.com"}, "issuer-mismatch"),
        ({"subject": True}, "subject-mismatch"),
        ({"root": True}, ("certificate-chain-untrusted", "log-checkpoint-invalid")),
    ],
)
async def test_a_real_keyless_signature(registry, gate_world, reason, changed, told):
    """Under the public good instance's root; pytest-socket lets nothing but loopback be reached."""
    subject, signature, bundle = (
        (CORPUS / f"{name}.json").read_bytes()
        for name in ("subject.manifest", "signature.manifest", "signature.bundle")
    )
    if "subject" in changed:
        other = subject.replace(b'"schemaVersion"', b' "schemaVersion"', 1)
        signature = signature.replace(str(Digest.of(subject)).encode(), str(Digest.of(other)).encode())
        subject = other
    registry.add_manifest("real/app", subject, OCI_MANIFEST)
    registry.add_manifest("real/app", signature, OCI_MANIFEST)
    registry.add_blob("real/app", bundle)
    registry.add_blob("real/app", b"{}")
    policy = CORPUS_POLICY.format(
        identity=changed.get("identity", CORPUS_IDENTITY), issuer=changed.get("issuer", CORPUS_ISSUER)
    )
    options = {} if "root" in changed else {"trusted_root": None}
    async with gate_world(registry, {"real.yaml": policy}, **options) as world:
        reply = await world.client.pull("real/app", str(Digest.of(subject)))
        if not told:
            assert (reply.status, reply.body) == (200, subject)
            assert any(CORPUS_IDENTITY in signer for signer in world.gate.decisions[-1]["signers"])
            return
        assert reply.status == 403
        assert reason(reply) in told
        assert subject not in reply.body
