"""What a policy names, at the gate: exceptions, denials, claims, copied signatures, and the signatures of children."""

import json
from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.oci import media_types
from sealgate.oci.digest import Digest
from sealgate.policy import schema
from sealgate.testing import images
from sealgate.testing.images import Artifact
from sealgate.testing.sigstore import OciObject, bundle_object, simple_signing_object

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
INDEX = images.index(seed=10)
ISSUER = "https://token.actions.example"
CLAIMS = schema.schema("policy")["$defs"]["requirement"]["properties"]["claims"]["properties"]

SIGNED = """\
name: {name}
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{{type: key, public_key: release.pub}}]
    rekor: {{required: false}}
{more}"""


def policy(more: str = "", name: str = "signed") -> dict[str, str]:
    return {f"{name}.yaml": SIGNED.format(name=name, more=more)}


def excepted(digest: Digest, seconds: float) -> str:
    until = (SystemClock().now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"exceptions: [{{digest: '{digest}', reason: incident 12, expires: '{until}', approved_by: ann}}]\n"


async def test_an_exception_lets_through_and_says_so_everywhere(registry, gate_world):
    async with gate_world(registry, policy(excepted(IMAGE.digest, 3600))) as world:
        world.add("team/app", IMAGE, signed=False)
        pushed = await world.client.push("team/new", IMAGE, "1.0")
        for reply in (pushed, await world.client.pull("team/app", "1.0")):
            assert reply.status in (200, 201)
            assert reply.headers["warning"].startswith('299 - "exception of policy signed until 20')
            assert reply.headers["warning"].endswith(': incident 12, approved by ann"')
        (told,) = world.gate.decisions[-1]["exceptions"]
        assert (told["policy"], told["digest"], told["approved_by"]) == ("signed", str(IMAGE.digest), "ann")
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 200
        world.add("team/app", OTHER, "2.0", signed=False)
        assert (await world.client.pull("team/app", "2.0")).status == 403


async def test_an_exception_that_is_over_is_nothing(registry, gate_world, reason):
    async with gate_world(registry, policy(excepted(IMAGE.digest, -1))) as world:
        world.add("team/app", IMAGE, signed=False)
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (403, "exception-expired")
        assert "warning" not in reply.headers
        world.put("team/app", world.signature(IMAGE.digest))
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201


async def test_an_exception_of_an_index_is_one_of_its_children(registry, gate_world):
    async with gate_world(registry, policy(excepted(INDEX.digest, 3600))) as world:
        world.add("team/app", INDEX, signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        reply = await world.client.pull("team/app", str(INDEX.children[0].digest))
        assert reply.status == 200
        assert "exception of policy signed" in reply.headers["warning"]


async def test_a25_what_is_denied_is_denied_at_once_whatever_is_kept(registry, gate_world, reason, tmp_path):
    """Attacks A25: over decisions that are kept, in each policy that covers, also one that only warns."""
    state = tmp_path / "state.db"
    async with gate_world(registry, policy(), state=state) as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
    denied = f"name: denied\nmode: warn\nrepositories: ['**']\nallow_unsigned: true\ndenied: ['{IMAGE.digest}']\n"
    async with gate_world(registry, policy() | {"denied.yaml": denied}, state=state) as world:
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (403, "denied-by-policy")
        assert reason(await world.client.pull("team/app", str(IMAGE.digest))) == "denied-by-policy"
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403
        wrote = len(world.wrote())
        assert reason(await world.client.push("team/app", IMAGE, "2.0")) == "denied-by-policy"
        assert not [one for one in world.wrote()[wrote:] if "/manifests/" in one.target]
        world.add("team/app", OTHER, "3.0")
        assert (await world.client.pull("team/app", "3.0")).status == 200


async def test_a_blob_of_what_is_denied_is_not_served_where_anything_else_may_pass(registry, gate_world):
    denied = f"name: denied\nrepositories: ['**']\nallow_unsigned: true\ndenied: ['{IMAGE.digest}']\n"
    async with gate_world(registry, {"denied.yaml": denied}) as world:
        world.add("team/app", IMAGE, signed=False)
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403
        world.add("team/app", OTHER, "2.0", signed=False)
        assert (await world.client.pull("team/app", "2.0")).status == 200
        assert (await world.client.blob("team/app", Digest.of(OTHER.blobs[1]))).status == 200


async def test_a_denied_index_admits_no_child(registry, gate_world, reason):
    async with gate_world(registry, policy(f"denied: ['{INDEX.digest}']\n")) as world:
        world.add("team/app", INDEX)
        assert reason(await world.client.pull("team/app", "1.0")) == "denied-by-policy"
        assert (await world.client.pull("team/app", str(INDEX.children[0].digest))).status == 403


@pytest.mark.parametrize("free", [True, False])
async def test_whoever_is_denied_spoils_what_they_signed(registry, gate_world, reason, free):
    """The key that no rule names is tried, and the certificate verified, where nothing else asks who signed."""
    asks = (
        "rules: [{name: r, rekor: {required: false}, key_requirements: "
        "[{type: key, public_key: release.pub}, {type: key, public_key: other.pub}]}]\n"
        "denied: [other, '*@former.example']\n"
    )
    anything = "allow_unsigned: true\ndenied: ['*@former.example']\n"
    policies = {"p.yaml": f"name: p\nrepositories: ['**']\n{anything if free else asks}"}
    async with gate_world(registry, policies) as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        for number, identity in enumerate(["eve@former.example", "eve@present.example"]):
            image = images.oci_image(seed=20 + number)
            world.add("team/app", image, f"2.{number}")
            world.put("team/app", keyless(world, image, identity=identity))
            reply = await world.client.pull("team/app", f"2.{number}")
            assert reason(reply) == ("denied-by-policy" if "former" in identity else "")
        if not free:
            image = images.oci_image(seed=30)
            world.add("team/app", image, "3.0", signed=False)
            world.put("team/app", world.signature(image.digest, world.key, world.other_key))
            assert reason(await world.client.pull("team/app", "3.0")) == "denied-by-policy"


def keyless(world, artifact: Artifact, identity="https://x.example/ci", claims=None) -> OciObject:
    signer = world.sigstore.keyless(identity=identity, issuer=ISSUER, claims=claims or {})
    described = OciObject(manifest=artifact.raw, media_type=artifact.media_type)
    return bundle_object(world.sigstore.bundle(artifact.digest, signer), described.descriptor)


async def test_a21_every_extension_of_the_certificate_is_enforced(registry, gate_world, reason):
    """Attacks A21: what a certificate really says, by the name that the policy calls it by."""
    asks = {
        "name": "claims",
        "repositories": ["team/**"],
        "rules": [
            {
                "name": "signed",
                "key_requirements": [
                    {
                        "type": "keyless",
                        "certificate_identity": "https://x.example/ci",
                        "certificate_oidc_issuer": ISSUER,
                        "claims": {name: f"{name}/*" for name in CLAIMS},
                    }
                ],
            }
        ],
    }
    said = {name: f"{name}/value" for name in CLAIMS}
    async with gate_world(registry, {"claims.yaml": json.dumps(asks)}) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", keyless(world, IMAGE, claims=said))
        assert (await world.client.pull("team/app", "1.0")).status == 200
        for number, name in enumerate(CLAIMS):
            image = images.oci_image(seed=100 + number)
            world.add("team/app", image, f"2.{number}", signed=False)
            world.put("team/app", keyless(world, image, claims=said | {name: f"{name}/value/x"}))
            reply = await world.client.pull("team/app", f"2.{number}")
            assert (reply.status, reason(reply)) == (403, "claim-mismatch")
            assert f"{name} {name}/value/x, expected {name}/*" in reply.body.decode()


async def test_a24_a_signature_that_was_copied_from_another_repository(registry, gate_world, reason):
    more = "    signed_reference: repository\n"
    async with gate_world(registry, policy(more)) as world:
        host = world.gate.host
        for repository, reference, told in (
            ("team/own", f"{host}/team/own", ""),
            ("team/tagged", f"{host}/team/tagged:1.0@{IMAGE.digest}", ""),
            ("team/direct", f"{world.registry.url.removeprefix('http://')}/team/direct", ""),
            ("team/copied", f"{host}/team/own", "reference-mismatch"),
            ("team/elsewhere", "registry.evil.example/team/elsewhere", "reference-mismatch"),
            ("team/longer", f"{host}/team/longer/x", "reference-mismatch"),
            ("team/bare", "team/bare", "reference-mismatch"),
            ("team/none", "", "reference-mismatch"),
        ):
            made = world.sigstore.simple_signature(IMAGE.digest, world.key, docker_reference=reference, logged=False)
            world.add(repository, IMAGE, signed=False)
            world.put(repository, simple_signing_object(IMAGE.digest, [made]))
            assert reason(await world.client.pull(repository, "1.0")) == told
        world.add("team/bundled", IMAGE, signed=False)
        world.put("team/bundled", world.bundle(IMAGE))
        assert reason(await world.client.pull("team/bundled", "1.0")) == "reference-mismatch"


async def test_a26_each_child_is_signed_where_the_policy_asks_for_it(registry, gate_world, reason):
    first, second, attestation = (images.oci_image(seed=30 + number) for number in range(3))
    plain = images.index([first, second, attestation])
    document = json.loads(plain.raw)
    document["manifests"][2]["platform"] = {"os": "unknown", "architecture": "unknown"}
    del document["manifests"][1]["platform"]
    raw = json.dumps(document).encode()
    index = Artifact(raw, plain.media_type, (), plain.children)
    async with gate_world(registry, policy("    index: each\n")) as world:
        world.add("team/app", index)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        for child, told in ((first, "child-not-signed"), (second, "child-not-signed"), (attestation, "")):
            assert reason(await world.client.pull("team/app", str(child.digest))) == told
        await world.client.push_signature("team/app", world.signature(first.digest))
        assert (await world.client.pull("team/app", str(first.digest))).status == 200


async def test_a21_no_content_type_chooses_which_rules_are_for_an_index(registry, gate_world, reason):
    """An index that states no media type is what its `Content-Type` says, and that is not in its digest."""
    plain = images.index(seed=40)
    document = json.loads(plain.raw)
    del document["mediaType"]
    raw = json.dumps(document).encode()
    both = policy(
        "  - name: indexes\n"
        f"    artifact_types: ['{media_types.OCI_INDEX}']\n"
        "    key_requirements: [{type: key, public_key: other.pub}]\n"
        "    rekor: {required: false}\n"
    )
    async with gate_world(registry, both) as world:
        for number, media_type in enumerate((media_types.DOCKER_INDEX, media_types.OCI_INDEX)):
            index = Artifact(raw, media_type, (), plain.children)
            world.add("team/app", index, f"{number}.0")
            await world.client.push_signature("team/app", world.signature(index.digest))
            reply = await world.client.pull("team/app", f"{number}.0")
            assert (reply.status, reason(reply)) == (403, "key-not-trusted")
