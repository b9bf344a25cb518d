"""Pushes through the whole gate: which tags move, and what the registry has afterwards."""

import json

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer

IMAGE = images.oci_image(seed=1)


def message(reply):
    return json.loads(reply.body)["errors"][0]["message"]


async def test_b5_push_refused_sign_push_again(world, reason):
    """By tag first: 403 with the digest and the command; signed, the same push moves the tag at once."""
    refused = await world.client.push("team/app", IMAGE, "1.0")
    assert (refused.status, reason(refused)) == (403, "signature-missing")
    assert f"{world.gate.host}/team/app@{IMAGE.digest}" in message(refused)
    assert "cosign sign --key" in message(refused)
    assert world.registry.tags("team/app") == {}
    assert world.registry.has_manifest("team/app", IMAGE.digest)  # by digest, so that it can be signed
    assert (await world.client.pull("team/app", str(IMAGE.digest))).status == 403
    signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
    assert signed.status == 201
    assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
    assert world.registry.tags("team/app")["1.0"] == IMAGE.digest
    assert (await world.client.pull("team/app", "1.0")).body == IMAGE.raw


@pytest.mark.parametrize("kind", ["simple", "bundle"])
@pytest.mark.parametrize("order", ["signature first", "digest first"])
async def test_b5_sign_by_digest_before_the_tag(world, kind, order):
    """What CI does that signs before it tags; a referrer may come before the subject that it is about."""
    carrier = world.signature(IMAGE.digest) if kind == "simple" else world.bundle(IMAGE)
    if order == "signature first":
        assert (await world.client.push_signature("team/app", carrier)).status == 201
    assert (await world.client.push("team/app", IMAGE)).status == 201  # by digest
    if order == "digest first":
        assert (await world.client.push_signature("team/app", carrier)).status == 201
    assert (await world.client.push_manifest("team/app", "1.0", IMAGE.raw, IMAGE.media_type)).status == 201
    assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_b5_a_denial_is_forgotten_when_a_signature_comes_through(world):
    world.add("team/app", IMAGE, signed=False)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201
    assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_b5_the_denial_of_an_index_is_forgotten_for_its_children_too(world):
    index = world.add("team/app", images.index(seed=10), signed=False)
    child = str(index.children[0].digest)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    assert (await world.client.pull("team/app", child)).status == 403
    assert (await world.client.push_signature("team/app", world.bundle(index))).status == 201
    assert (await world.client.pull("team/app", child)).status == 200


async def test_b5_a_push_never_uses_a_cached_denial(world):
    """The signature came to the registry past the gate, and a denial of seconds ago is still kept for pulls."""
    world.add("team/app", IMAGE, signed=False)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    world.put("team/app", world.signature(IMAGE.digest))
    assert (await world.client.push_manifest("team/app", "2.0", IMAGE.raw, IMAGE.media_type)).status == 201


async def test_b5_a_push_never_uses_a_cached_admission(world):
    """The signature was removed behind the gate; pulls may go on for a while, the tag does not move."""
    world.add("team/app", IMAGE)
    assert (await world.client.pull("team/app", "1.0")).status == 200
    world.registry.remove("team/app", str(world.signature(IMAGE.digest).tag))
    assert (await world.client.push_manifest("team/app", "2.0", IMAGE.raw, IMAGE.media_type)).status == 403
    assert "2.0" not in world.registry.tags("team/app")


async def test_b5_a_multi_platform_image_signed_at_its_index(world):
    index = images.index(seed=10)
    assert (await world.client.push("team/app", index, "1.0")).status == 403
    for child in index.children:
        assert world.registry.has_manifest("team/app", child.digest)
        assert (await world.client.pull("team/app", str(child.digest))).status == 403
    assert (await world.client.push_signature("team/app", world.signature(index.digest))).status == 201
    assert (await world.client.push("team/app", index, "1.0")).status == 201
    for child in index.children:
        assert (await world.client.pull("team/app", str(child.digest))).body == child.raw


async def test_b5_a_refused_push_leaves_the_tag_where_it_was(world):
    world.add("team/app", IMAGE)
    new = images.oci_image(seed=2)
    assert (await world.client.push("team/app", new, "1.0")).status == 403
    assert world.registry.tags("team/app")["1.0"] == IMAGE.digest
    assert (await world.client.pull("team/app", "1.0")).body == IMAGE.raw


async def test_b5_a_child_pushed_by_tag_needs_its_own_signature(world):
    """That an admitted index lists it lets it be pulled by digest; a tag is moved by its own right only."""
    index = world.add("team/app", images.index(seed=10))
    assert (await world.client.pull("team/app", "1.0")).status == 200
    child = index.children[0]
    reply = await world.client.push_manifest("team/app", "amd64", child.raw, child.media_type)
    assert reply.status == 403
    assert "amd64" not in world.registry.tags("team/app")


async def test_an_uncovered_repository_is_refused_before_the_layers_travel(world, reason):
    refused = await world.client.push("elsewhere/app", IMAGE, "1.0")
    assert (refused.status, reason(refused)) == (403, "repository-not-covered")
    by_digest = await world.client.push_manifest("elsewhere/app", str(IMAGE.digest), IMAGE.raw, IMAGE.media_type)
    by_tag = await world.client.push_manifest("elsewhere/app", "1.0", IMAGE.raw, IMAGE.media_type)
    carrier = world.signature(IMAGE.digest)
    signature = await world.client.push_signature("elsewhere/app", carrier)
    for reply in (by_digest, by_tag, signature):
        assert (reply.status, reason(reply)) == (403, "repository-not-covered")
    assert world.registry.requests == []


async def test_what_could_not_be_checked_is_stored_by_digest_and_not_acknowledged(world, reason):
    world.registry.script("GET /v2/team/app/referrers/.*", Answer(status=500), times=1)
    reply = await world.client.push("team/app", IMAGE, "1.0")
    assert (reply.status, reason(reply)) == (503, "upstream-unavailable")
    assert int(reply.headers["retry-after"]) > 0
    assert world.registry.tags("team/app") == {}
    assert world.registry.has_manifest("team/app", IMAGE.digest)


async def test_a_signature_by_the_wrong_key_is_stored_and_moves_nothing(world, reason):
    assert (await world.client.push("team/app", IMAGE, "1.0")).status == 403
    wrong = world.signature(IMAGE.digest, world.other_key)
    assert (await world.client.push_signature("team/app", wrong)).status == 201
    reply = await world.client.push("team/app", IMAGE, "1.0")
    assert (reply.status, reason(reply)) == (403, "key-not-trusted")
    both = world.signature(IMAGE.digest, world.other_key, world.key)
    assert (await world.client.push_signature("team/app", both)).status == 201
    assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_push_by_a_digest_of_other_bytes_is_refused(world, algorithm):
    other = Digest.of(b"other", algorithm)
    reply = await world.client.push_manifest("team/app", str(other), IMAGE.raw, IMAGE.media_type)
    assert reply.status == 400
    assert world.registry.requests == []


async def test_a_push_by_sha512_is_judged_by_sha256(world):
    """Stored as it was asked; what the gate knows it by is its own SHA-256."""
    wide = str(Digest.of(IMAGE.raw, "sha512"))
    for blob in IMAGE.blobs:
        assert (await world.client.push_blob("team/app", blob)).status == 201
    assert (await world.client.push_manifest("team/app", wide, IMAGE.raw, IMAGE.media_type)).status == 201
    assert (await world.client.pull("team/app", wide)).status == 403
    assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201
    reply = await world.client.pull("team/app", wide)
    assert (reply.status, reply.body) == (200, IMAGE.raw)
    assert reply.headers["docker-content-digest"] == wide


async def test_an_upload_that_was_not_begun_here_is_none(world):
    for token in ("x", "A" * 64, "..", "%2e%2e"):
        reply = await world.client.ask("PUT", f"/v2/team/app/blobs/uploads/{token}?digest={IMAGE.digest}", body=b"x")
        assert reply.status == 404
    started = await world.client.ask("POST", "/v2/team/app/blobs/uploads/")
    token = started.headers["location"].rpartition("/")[2]
    elsewhere = f"/v2/team/other/blobs/uploads/{token}?digest={Digest.of(b'x')}"
    assert (await world.client.ask("PUT", elsewhere, body=b"x")).status == 404
    assert [request.method for request in world.wrote()] == ["POST"]
