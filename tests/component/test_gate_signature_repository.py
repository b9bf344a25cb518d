"""Signatures that `COSIGN_REPOSITORY` put elsewhere (cosign's documentation, "Specifying registry")."""

from sealgate.testing import images

IMAGE = images.oci_image(seed=1)
POLICY = """\
name: elsewhere
repositories: ["team/{name}"]
signature_repository: "signatures/{name}"
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
OPEN = """\
name: carriers
repositories: ["signatures/*"]
rules: [{name: signed, key_requirements: [{type: key, public_key: other.pub}]}]
"""


async def test_signatures_are_found_where_the_policy_says(registry, gate_world, reason):
    async with gate_world(registry, {"a.yaml": POLICY, "b.yaml": OPEN}) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("signatures/other", world.signature(IMAGE.digest))
        assert reason(await world.client.pull("team/app", "1.0")) == "signature-missing"
        world.put("signatures/app", world.signature(IMAGE.digest, world.other_key))
        assert reason(await world.client.push("team/app", IMAGE, "2.0")) == "key-not-trusted"
        pushed = await world.client.push_signature("signatures/app", world.signature(IMAGE.digest))
        assert pushed.status == 201
        assert (await world.client.push("team/app", IMAGE, "2.0")).status == 201


async def test_its_own_repository_is_looked_at_too(registry, gate_world):
    async with gate_world(registry, {"a.yaml": POLICY}) as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
