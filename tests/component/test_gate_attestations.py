"""Rules that ask for attestations, at the gate: found where they are, and judged whole."""

import json
from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, attestation_object, bundle_object
from sealgate.testing.sigstore.encoding import compact_json

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
INDEX = images.index(seed=10)
SLSA, VULN = "https://slsa.dev/provenance/v1", "https://cosign.sigstore.dev/attestation/vuln/v1"
ISSUER, BUILDER = "https://token.actions.example", "https://builder.example/release.yml@refs/tags/v1"
OCI_MANIFEST, CONFIG = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"
GOOD = {"builder": {"id": "https://builder.example/v1"}, "level": 3}

KEYLESS = f"{{type: keyless, certificate_identity: '{BUILDER}', certificate_oidc_issuer: '{ISSUER}'}}"
BY_KEY = "{type: key, public_key: release.pub}"


def policy(more="", kind="slsaprovenance1", who=BY_KEY, log="{required: false}"):
    rule = f"  - name: built\n    signature_type: attestation\n    predicate_type: {kind}\n"
    rule += f"    key_requirements: [{who}]\n    rekor: {log}\n"
    return {"p.yaml": "name: p\nrepositories: ['team/**']\nrules:\n" + rule + more}


def bundled(world, image=IMAGE, signer=None, kind=SLSA, predicate=None, **options):
    signer = signer or world.key
    described = OciObject(manifest=image.raw, media_type=image.media_type).descriptor
    made = world.sigstore.bundle(image.digest, signer, predicate_type=kind, predicate=predicate, **options)
    return bundle_object(made, described)


def beside(world, image=IMAGE, signer=None, kind=SLSA, predicate=None, logged=False):
    """cosign 2's form: an envelope at the `.att` tag."""
    signer = signer or world.key
    made = world.sigstore.bundle(image.digest, signer, predicate_type=kind, predicate=predicate, logged=logged)
    return attestation_object(image.digest, [made], signer)


@pytest.fixture(params=[bundled, beside], ids=["bundle", "beside"])
def attest(request):
    return request.param


def keyless(world, identity=BUILDER, **options):
    return world.sigstore.keyless(identity=identity, issuer=ISSUER, **options)


async def pulled(world, reason, tag="1.0"):
    reply = await world.client.pull("team/app", tag)
    return reply.status, reason(reply), reply.body.decode("latin-1")


async def test_an_attestation_admits_whom_the_rule_trusts(registry, gate_world, reason, attest):
    async with gate_world(registry, policy()) as world:
        world.add("team/app", IMAGE, signed=False)
        status, why, body = await pulled(world, reason)
        assert (status, why) == (403, "attestation-missing")
        assert "cosign attest --type slsaprovenance" in body
        assert (await world.client.push_signature("team/app", attest(world))).status == 201
        assert (await pulled(world, reason))[0] == 200


async def test_a_keyless_attestation_is_verified_as_a_signature_is(registry, gate_world, reason, attest):
    async with gate_world(registry, policy(who=KEYLESS, log="{proof: promise}")) as world:
        for number, identity in enumerate([BUILDER, "https://builder.example/release.yml@refs/heads/evil"]):
            image = images.oci_image(seed=50 + number)
            world.add("team/app", image, f"{number}", signed=False)
            options = {"logged": True}
            world.put("team/app", attest(world, image, keyless(world, identity), **options))
        assert (await pulled(world, reason, "0"))[0] == 200
        assert (await pulled(world, reason, "1"))[:2] == (403, "identity-mismatch")


async def test_a11_a_signature_is_no_attestation_and_an_attestation_no_signature(registry, gate_world, reason, attest):
    signed = {"p.yaml": "name: p\nrepositories: ['team/**']\nrules: [{name: signed, rekor: {required: false}, "
              f"key_requirements: [{BY_KEY}]}}]\n"}  # fmt: skip
    async with gate_world(registry, policy()) as world:
        world.add("team/app", IMAGE, signed=True)
        world.put("team/app", world.bundle(IMAGE))
        assert (await pulled(world, reason))[:2] == (403, "attestation-missing")
    async with gate_world(registry, signed) as world:
        world.add("team/app", OTHER, "2.0", signed=False)
        world.put("team/app", attest(world, OTHER))
        assert (await pulled(world, reason, "2.0"))[0] == 403
        assert (await world.client.push_signature("team/app", world.signature(OTHER.digest))).status == 201
        assert (await pulled(world, reason, "2.0"))[0] == 200


async def test_a_rule_for_signatures_beside_one_for_attestations_counts_no_attestation(
    registry, gate_world, reason, attest
):
    """Both are read then; still neither stands in for the other."""
    both = policy(
        "  - name: signed\n    key_requirements: [{type: key, public_key: release.pub}]\n    rekor: {required: false}\n"
    )
    async with gate_world(registry, both) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", attest(world))
        assert (await pulled(world, reason))[:2] == (403, "predicate-type-mismatch")
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert (await pulled(world, reason))[0] == 200


async def test_one_attestation_must_satisfy_everything(registry, gate_world, reason, attest):
    """Two that each satisfy a part are not one that satisfies all."""
    asks = (
        "    condition: ['predicate.level >= 3', \"predicate.builder.id.startsWith('https://builder.example/')\"]\n"
        "    predicate_schema: {type: object, required: [level]}\n"
    )
    async with gate_world(registry, policy(asks)) as world:
        cases = {
            "good": ([GOOD], 200, ""),
            "low": ([GOOD | {"level": 2}], 403, "condition-false"),
            "elsewhere": ([GOOD | {"builder": {"id": "https://builder.evil/"}}], 403, "condition-false"),
            "parts": ([GOOD | {"level": 2}, GOOD | {"builder": {"id": "x"}}], 403, "condition-false"),
            "schema": ([{"builder": {"id": "https://builder.example/"}}], 403, "predicate-rejected"),
            "error": ([{"level": 3}], 403, "condition-error"),
            "several": ([{"level": 3}, GOOD], 200, ""),
        }
        for number, (name, (predicates, status, why)) in enumerate(cases.items()):
            image = images.oci_image(seed=100 + number)
            world.add("team/app", image, name, signed=False)
            for predicate in predicates:
                made = attest if len(predicates) == 1 else bundled
                world.put("team/app", made(world, image, predicate=predicate))
            found = await pulled(world, reason, name)
            assert found[:2] == (status, why), (name, found)
            if name == "low":
                assert "predicate.level >= 3" in found[2]
                assert "predicate.level is 2" in found[2] or "2" in found[2]


async def test_the_wrong_type_counts_for_nothing(registry, gate_world, reason, attest):
    async with gate_world(registry, policy(kind="vuln")) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", attest(world))
        assert (await pulled(world, reason))[:2] == (403, "predicate-type-mismatch")
        world.put("team/app", bundled(world, kind=VULN))
        await world.client.push_signature("team/app", bundled(world, kind=VULN))
        assert (await pulled(world, reason))[0] == 200


async def test_a_stranger_has_nothing_evaluated(registry, gate_world, reason, attest):
    """A condition that takes for ever, over a predicate of somebody whom no rule trusts, costs nothing."""
    slow = "    condition: 'predicate.a.all(x, predicate.a.all(y, predicate.a.all(z, x + y + z > 0)))'\n"
    async with gate_world(registry, policy(slow)) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", attest(world, signer=world.other_key, predicate={"a": list(range(1, 2000))}))
        assert (await pulled(world, reason))[:2] == (403, "key-not-trusted")


async def test_a_condition_that_takes_too_long_is_a_doubt(registry, gate_world, reason):
    slow = "    condition: 'predicate.a.all(x, predicate.a.all(y, predicate.a.all(z, x + y + z > 0)))'\n"
    async with gate_world(registry, policy(slow)) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", bundled(world, predicate={"a": list(range(1, 2000))}))
        assert (await pulled(world, reason))[:2] == (503, "verification-timeout")
        world.add("team/app", OTHER, "2.0", signed=False)
        world.put("team/app", bundled(world, OTHER, predicate={"a": [1]}))
        assert (await pulled(world, reason, "2.0"))[0] == 200


async def test_a12_one_of_several_subjects(registry, gate_world, reason):
    async with gate_world(registry, policy()) as world:
        world.add("team/app", IMAGE, signed=False)
        world.add("team/app", OTHER, "2.0", signed=False)
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": OTHER.digest.hex}}, {"digest": {"sha256": IMAGE.digest.hex}}],
            "predicateType": SLSA,
            "predicate": {},
        }
        made = world.sigstore.bundle_of(compact_json(statement), world.key, logged=False)
        described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type).descriptor
        world.put("team/app", bundle_object(made, described))
        assert (await pulled(world, reason))[0] == 200
        assert (await pulled(world, reason, "2.0"))[:2] == (403, "attestation-missing")


async def test_the_signer_the_artifact_and_the_time_are_told(registry, gate_world, reason):
    asks = (
        "    condition:\n"
        f"      - signer.identity == '{BUILDER}' && signer.issuer == '{ISSUER}' && signer.key == ''\n"
        "      - signer.claims.build_trigger == 'push' && signer.trusted_root == 'default'\n"
        f"      - artifact.repository == 'team/app' && artifact.digest == '{IMAGE.digest}'\n"
        "      - now - timestamp(predicate.at) < duration('1h')\n"
        f"      - statement.predicateType == '{SLSA}'\n"
    )
    at = (SystemClock().now() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with gate_world(registry, policy(asks, who=KEYLESS, log="{}")) as world:
        world.add("team/app", IMAGE, signed=False)
        signer = keyless(world, claims={"build_trigger": "push"})
        world.put("team/app", bundled(world, signer=signer, predicate={"at": at}))
        found = await pulled(world, reason)
        assert found[0] == 200, found
        # What depends on the time is not relied on for long.
        until = json.loads(json.dumps(world.gate.decisions[-1]["valid_until"]))
        assert until < (SystemClock().now() + timedelta(seconds=120)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_what_is_denied_is_denied_by_an_attestation_too(registry, gate_world, reason, attest):
    policies = policy()
    policies["p.yaml"] += "denied: [other]\n"
    policies["p.yaml"] = policies["p.yaml"].replace(f"[{BY_KEY}]", f"[{BY_KEY}, {{type: key, public_key: other.pub}}]")
    async with gate_world(registry, policies) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", attest(world, signer=world.other_key))
        assert (await pulled(world, reason))[:2] == (403, "denied-by-policy")


async def test_an_index_that_is_attested_covers_its_platforms(registry, gate_world, reason, attest):
    async with gate_world(registry, policy()) as world:
        world.add("team/app", INDEX, signed=False)
        world.put("team/app", attest(world, INDEX))
        assert (await pulled(world, reason))[0] == 200
        assert (await pulled(world, reason, str(INDEX.children[0].digest)))[0] == 200


async def test_attestations_are_read_only_where_a_rule_asks_for_them(world):
    """An SBOM of any size is nothing to a policy about signatures."""
    world.add("team/app", IMAGE)
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert not [asked for asked in world.asked() if ".att" in asked]


async def test_a_large_attestation_is_read(registry, gate_world, reason, attest):
    async with gate_world(registry, policy(kind="spdxjson")) as world:
        world.add("team/app", IMAGE, signed=False)
        sbom = {"packages": [{"name": f"package-{number}", "versionInfo": "1.0.0"} for number in range(15_000)]}
        world.put("team/app", attest(world, kind="https://spdx.dev/Document", predicate=sbom))
        assert (await pulled(world, reason))[0] == 200
