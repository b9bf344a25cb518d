"""Pulls through the whole gate: what comes out, and what the registry was asked for it."""

import asyncio
import json

import aiohttp
import pytest

from sealgate.limits import LISTING_INDEXES, LISTING_MANIFESTS
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry

IMAGE = images.oci_image(seed=1)
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reference", ["1.0", str(IMAGE.digest)])
async def test_what_is_signed_comes_out(world, method, reference):
    world.add("team/app", IMAGE)
    reply = await world.client.pull("team/app", reference, method)
    assert (reply.status, reply.body) == (200, IMAGE.raw if method == "GET" else b"")
    assert reply.headers["docker-content-digest"] == str(IMAGE.digest)
    assert reply.headers["content-type"] == IMAGE.media_type
    assert reply.headers["content-length"] == str(len(IMAGE.raw))


@pytest.mark.parametrize("reference", ["1.0", str(IMAGE.digest)])
async def test_what_is_not_signed_stays(world, reason, reference):
    world.add("team/app", IMAGE, signed=False)
    reply = await world.client.pull("team/app", reference)
    assert reply.status == 403
    assert reason(reply) == ("signature-missing" if reference == "1.0" else "child-of-unknown-index")
    assert IMAGE.raw not in reply.body


async def test_what_another_key_signed_stays(world, reason):
    world.add("team/app", IMAGE, signed=False)
    world.put("team/app", world.signature(IMAGE.digest, world.other_key))
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "key-not-trusted")


async def test_a_signature_of_another_image_is_none(world, reason):
    world.add("team/app", IMAGE, signed=False)
    foreign = world.signature(images.oci_image(seed=2).digest)
    for blob in foreign.blobs.values():
        world.registry.add_blob("team/app", blob)
    world.registry.add_manifest("team/app", foreign.manifest, foreign.media_type, f"sha256-{IMAGE.digest.hex}.sig")
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "subject-mismatch")


async def test_a_bundle_is_found_in_the_referrers_api(world):
    world.add("team/app", IMAGE, signed=False)
    world.put("team/app", world.bundle(IMAGE))
    assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_what_no_policy_covers_stays(world, reason):
    world.registry.add_artifact("elsewhere/app", IMAGE, "1.0")
    reply = await world.client.pull("elsewhere/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "repository-not-covered")


async def test_a_second_pull_makes_one_request(world):
    world.add("team/app", IMAGE)
    assert (await world.client.pull("team/app", "1.0")).status == 200
    world.asked()
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert world.asked() == ["GET /v2/team/app/manifests/1.0"]
    assert [decision["cached"] for decision in world.gate.decisions] == [False, True]


async def test_a_signature_that_is_put_past_the_gate_counts_once_the_denial_is_over(world):
    world.add("team/app", IMAGE, signed=False)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    world.asked()
    assert (await world.client.pull("team/app", "1.0")).status == 403  # a denial is kept for seconds
    assert world.asked() == ["GET /v2/team/app/manifests/1.0"]


async def test_fifty_who_ask_at_once_share_one_verification(world):
    world.add("team/app", IMAGE)
    world.registry.script(
        "GET /v2/team/app/referrers/.*",
        Answer(status=404, delay=0.2),
    )
    replies = await asyncio.gather(*(world.client.pull("team/app", "1.0") for _ in range(50)))
    assert {(reply.status, reply.body) for reply in replies} == {(200, IMAGE.raw)}
    asked = world.asked()
    assert asked.count("GET /v2/team/app/manifests/1.0") == 50  # each with its own right
    assert len([line for line in asked if "/referrers/" in line]) == 1
    assert len([line for line in asked if ".sig" in line]) == 1


# Indexes


async def test_a26_a_signed_index_admits_its_children(world):
    index = world.add("team/app", images.index(seed=10))
    assert (await world.client.pull("team/app", "1.0")).status == 200
    for child in index.children:
        reply = await world.client.pull("team/app", str(child.digest))
        assert (reply.status, reply.body) == (200, child.raw)
    assert world.gate.decisions[-1]["covered_by"] == str(index.digest)


async def test_a26_a_signed_index_admits_nothing_in_another_repository(world):
    index = world.add("team/app", images.index(seed=10))
    world.registry.add_artifact("team/other", index, "1.0")  # without its signature
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert (await world.client.pull("team/other", "1.0")).status == 403
    for child in index.children:
        reply = await world.client.pull("team/other", str(child.digest))
        assert reply.status == 403
        assert child.raw not in reply.body


async def test_a26_a_child_is_not_known_before_its_index(world, reason):
    index = world.add("team/app", images.index(seed=10))
    reply = await world.client.pull("team/app", str(index.children[0].digest))
    assert (reply.status, reason(reply)) == (403, "child-of-unknown-index")
    assert "tag" in json.loads(reply.body)["errors"][0]["message"]


async def test_a26_an_unsigned_index_admits_nothing(world, reason):
    index = world.add("team/app", images.index(seed=10), signed=False)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    reply = await world.client.pull("team/app", str(index.children[0].digest))
    assert (reply.status, reason(reply)) == (403, "signature-missing")


async def test_a26_a_child_is_admitted_by_itself_where_its_index_is_not(world):
    index = world.add("team/app", images.index(seed=10), signed=False)
    world.put("team/app", world.signature(index.children[0].digest))
    assert (await world.client.pull("team/app", "1.0")).status == 403
    assert (await world.client.pull("team/app", str(index.children[0].digest))).status == 200
    assert (await world.client.pull("team/app", str(index.children[1].digest))).status == 403


async def test_a26_a_signed_index_of_indexes_admits_what_they_list(world):
    inner = images.index(seed=20)
    outer = world.add("team/app", images.index([inner], seed=10))
    for reference in ("1.0", str(inner.digest), str(inner.children[0].digest)):
        assert (await world.client.pull("team/app", reference)).status == 200
    assert outer.digest != inner.digest


async def test_an_index_that_cannot_be_read_decides_nothing(registry, gate_world, reason, tmp_path):
    """After a restart the gate knows who lists the child, and has to read it again."""
    index = images.index(seed=10)
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        world.add("team/app", index)
        assert (await world.client.pull("team/app", "1.0")).status == 200
    for status, told in ((500, "upstream-unavailable"), (429, "upstream-limited")):
        async with gate_world(registry, state=tmp_path / "state.db") as world:
            registry.script(f"GET /v2/team/app/manifests/{index.digest}", Answer(status=status), times=1)
            reply = await world.client.pull("team/app", str(index.children[0].digest))
            assert (reply.status, reason(reply)) == (503, told)
            assert int(reply.headers["retry-after"]) > 0
            assert (await world.client.pull("team/app", str(index.children[0].digest))).status == 200


# Blobs


async def test_blobs_come_out_once_a_manifest_that_lists_them_is_admitted(world, reason):
    world.add("team/app", IMAGE)
    for blob in IMAGE.blobs:
        reply = await world.client.blob("team/app", Digest.of(blob))
        assert (reply.status, reason(reply)) == (403, "blob-not-admitted")
    assert (await world.client.pull("team/app", "1.0")).status == 200
    for blob in IMAGE.blobs:
        reply = await world.client.blob("team/app", Digest.of(blob))
        assert (reply.status, reply.body) == (200, blob)


async def test_a_range_of_a_blob_comes_out_under_the_same_condition(world):
    world.add("team/app", IMAGE)
    path, wanted = f"/v2/team/app/blobs/{Digest.of(IMAGE.blobs[1])}", {"Range": "bytes=3-9"}
    assert (await world.client.ask("GET", path, headers=wanted)).status == 403
    assert (await world.client.pull("team/app", "1.0")).status == 200
    reply = await world.client.ask("GET", path, headers=wanted)
    assert (reply.status, reply.body) == (206, IMAGE.blobs[1][3:10])


async def test_a_blob_of_an_unsigned_image_stays_whatever_was_asked_before(world, reason):
    world.add("team/app", IMAGE, signed=False)
    assert (await world.client.pull("team/app", "1.0")).status == 403
    for blob in IMAGE.blobs:
        reply = await world.client.blob("team/app", Digest.of(blob))
        assert (reply.status, reason(reply)) == (403, "blob-not-admitted")
        assert blob not in reply.body


async def test_a_layer_that_a_signed_and_an_unsigned_image_share_comes_out(world):
    """The layer does; the unsigned image's own config does not."""
    signed = world.add("team/app", IMAGE)
    shared = (signed.blobs[1], "application/vnd.oci.image.layer.v1.tar+gzip")
    config = (
        b'{"os":"linux","architecture":"amd64","config":{"Cmd":["evil"]}}',
        "application/vnd.oci.image.config.v1+json",
    )
    evil = images.artifact([(shared[1], shared[0])], config=(config[1], config[0]))
    world.add("team/app", evil, "evil", signed=False)
    assert (await world.client.pull("team/app", "evil")).status == 403
    assert (await world.client.blob("team/app", Digest.of(shared[0]))).status == 403
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert (await world.client.blob("team/app", Digest.of(shared[0]))).status == 200
    assert (await world.client.blob("team/app", Digest.of(config[0]))).status == 403


async def test_blobs_of_one_repository_are_not_those_of_another(world):
    world.add("team/app", IMAGE)
    world.registry.add_artifact("team/other", IMAGE, "1.0")
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert (await world.client.blob("team/other", Digest.of(IMAGE.blobs[1]))).status == 403


async def test_blobs_of_children_come_out_with_their_index(world):
    index = world.add("team/app", images.index(seed=10))
    child = index.children[1]
    assert (await world.client.pull("team/app", "1.0")).status == 200
    assert (await world.client.pull("team/app", str(child.digest))).status == 200
    for blob in child.blobs:
        assert (await world.client.blob("team/app", Digest.of(blob))).body == blob


async def test_blobs_of_carriers_come_out(world):
    world.add("team/app", IMAGE)
    carrier = world.signature(IMAGE.digest)
    world.put("team/app", carrier)
    assert (await world.client.pull("team/app", str(carrier.tag))).body == carrier.manifest
    for digest, blob in carrier.blobs.items():
        assert (await world.client.blob("team/app", digest)).body == blob


async def test_junk_that_lists_a_layer_does_not_hide_who_is_admitted(world):
    """Anybody who may push by digest can list a foreign layer, more often than listings are asked about."""
    world.add("team/app", IMAGE)
    layer = ("application/vnd.oci.image.layer.v1.tar+gzip", IMAGE.blobs[1])
    assert (await world.client.pull("team/app", "1.0")).status == 200
    for number in range(LISTING_MANIFESTS):
        junk = images.artifact([layer], config=("application/vnd.oci.image.config.v1+json", b'{"n":%d}' % number))
        pushed = await world.client.push_manifest("team/app", str(junk.digest), junk.raw, junk.media_type)
        assert pushed.status == 201
    assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 200


async def test_junk_that_lists_a_child_does_not_hide_who_is_admitted(world):
    index = world.add("team/app", images.index(seed=10))
    assert (await world.client.pull("team/app", "1.0")).status == 200
    for number in range(LISTING_INDEXES):
        junk = images.index([index.children[0], images.oci_image(seed=100 + number)])
        pushed = await world.client.push_manifest("team/app", str(junk.digest), junk.raw, junk.media_type)
        assert pushed.status == 201
    assert (await world.client.pull("team/app", str(index.children[0].digest))).status == 200


async def test_a_restarted_gate_knows_what_lists_a_blob(registry, gate_world, tmp_path):
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        reply = await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))
        assert (reply.status, reply.body) == (200, IMAGE.blobs[1])


async def test_a_restarted_gate_admits_no_blob_of_what_it_refused(registry, gate_world, tmp_path):
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        world.add("team/app", IMAGE, signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 403
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403


async def test_a_decision_does_not_outlive_its_policy(registry, gate_world, tmp_path):
    """Restarted with another key in the policy, the state that says "admit" admits nothing (attacks B31)."""
    async with gate_world(registry, state=tmp_path / "state.db") as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        other = world.other_key.public_pem
    async with gate_world(registry, state=tmp_path / "state.db", files={"release.pub": other}) as world:
        assert (await world.client.pull("team/app", "1.0")).status == 403
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403


# Who may read


async def test_what_one_may_read_is_not_served_to_another(gate_world, tmp_path):
    """Decisions and listings are cached; each answer is the upstream's to grant, to whoever asks (attacks B31)."""
    async with MemoryRegistry(users={"ann": "secret"}) as registry, gate_world(registry) as world:
        world.add("team/app", IMAGE)
        blob = Digest.of(IMAGE.blobs[1])
        manifest, layer = "/v2/team/app/manifests/1.0", f"/v2/team/app/blobs/{blob}"
        ann, wrong = ({"Authorization": aiohttp.encode_basic_auth("ann", word)} for word in ("secret", "wrong"))
        assert (await world.client.ask("GET", manifest, headers=ann)).body == IMAGE.raw
        assert (await world.client.ask("GET", layer, headers=ann)).body == IMAGE.blobs[1]
        for method in ("GET", "HEAD"):
            for path in (manifest, layer, "/v2/", "/v2/team/app/tags/list"):
                if method == "HEAD" and path.endswith("list"):
                    continue
                for headers in ({}, wrong):
                    reply = await world.client.ask(method, path, headers=headers)
                    assert reply.status == 401, (method, path)
                    assert reply.headers["www-authenticate"] == 'Basic realm="memory"'
                    assert IMAGE.raw not in reply.body
                    assert IMAGE.blobs[1] not in reply.body
        assert "secret" not in json.dumps(world.gate.decisions)


async def test_a_blob_without_credentials_is_challenged_by_a_gate_that_was_restarted(gate_world, tmp_path):
    """A client whose token ran out asks for another one only when it is told 401, never at a 403."""
    ann = {"Authorization": aiohttp.encode_basic_auth("ann", "secret")}
    path = f"/v2/team/app/blobs/{Digest.of(IMAGE.blobs[1])}"
    async with MemoryRegistry(users={"ann": "secret"}) as registry:
        async with gate_world(registry, state=tmp_path / "state.db") as world:
            world.add("team/app", IMAGE)
            assert (await world.client.ask("GET", "/v2/team/app/manifests/1.0", headers=ann)).status == 200
        async with gate_world(registry, state=tmp_path / "state.db") as world:
            reply = await world.client.ask("GET", path)
            assert reply.status == 401
            assert reply.headers["www-authenticate"] == 'Basic realm="memory"'
            assert (await world.client.ask("GET", path, headers=ann)).body == IMAGE.blobs[1]


async def test_a_doubt_of_one_asker_is_not_that_of_another(world):
    """Askers share a verification; when its starter's right did not suffice, the others try with their own."""
    world.add("team/app", IMAGE)

    begun = asyncio.Event()

    def by_right(request):
        if request.header("authorization") == "Bearer good":
            return None
        begun.set()
        return Answer(status=401, delay=0.3)

    world.registry.script("GET /v2/team/app/(referrers/.*|manifests/sha256-.*)", by_right)
    path = "/v2/team/app/manifests/1.0"
    first = asyncio.create_task(world.client.ask("GET", path, headers={"Authorization": "Bearer worn"}))
    await begun.wait()
    second = await world.client.ask("GET", path, headers={"Authorization": "Bearer good"})
    assert (await first).status == 503
    assert (second.status, second.body) == (200, IMAGE.raw)


async def test_a_denial_that_is_being_made_does_not_outlive_the_signature(world):
    """A pull looked for signatures before the signature came, and ends after it: nobody hears of it later (B5)."""
    world.add("team/app", IMAGE, signed=False)
    world.registry.script("GET /v2/team/app/referrers/.*", Answer(status=404, delay=0.5), times=1)
    looked = asyncio.Event()
    absent = lambda request: looked.set() or Answer(status=404)  # noqa: E731
    world.registry.script("GET /v2/team/app/manifests/.*[.]sig", absent, times=1)
    slow = asyncio.create_task(world.client.pull("team/app", "1.0"))
    await looked.wait()
    assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201
    assert not slow.done()
    assert (await world.client.pull("team/app", "1.0")).status == 200  # not a share of the pull before
    assert (await slow).status == 403
    assert (await world.client.pull("team/app", "1.0")).status == 200


# What could not be checked


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(status=500), "upstream-unavailable"),
        (Answer(status=403), "upstream-unavailable"),
        (Answer(status=429, headers={"Retry-After": "7"}), "upstream-limited"),
        (Answer(headers={"Content-Type": INDEX}, body=b"{}", length=100), "upstream-unavailable"),
    ],
)
@pytest.mark.parametrize("place", ["referrers/.*", "manifests/sha256-.*[.]sig", "manifests/sha256-[0-9a-f]*"])
async def test_what_cannot_be_checked_is_undetermined_and_not_kept(world, reason, answer, told, place):
    world.add("team/app", IMAGE, signed=False)
    world.registry.script(f"GET /v2/team/app/{place}", answer, times=1)
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, told)
    assert int(reply.headers["retry-after"]) > 0
    assert IMAGE.raw not in reply.body
    world.put("team/app", world.signature(IMAGE.digest))
    assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_referrers_that_cannot_be_parsed_are_a_doubt(world, reason):
    world.add("team/app", IMAGE, signed=False)
    world.registry.script("GET /v2/team/app/referrers/.*", Answer(headers={"Content-Type": INDEX}, body=b"{"))
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "upstream-unavailable")


async def test_a_carrier_that_cannot_be_parsed_is_a_finding(world, reason):
    """It is there and says nothing: that is known, and no doubt."""
    world.add("team/app", IMAGE, signed=False)
    world.registry.add_manifest("team/app", b"{", INDEX, f"sha256-{IMAGE.digest.hex}.sig")
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")


async def test_what_satisfies_is_enough_where_the_rest_cannot_be_read(world):
    """Extra evidence, and the want of it, never takes an admission away."""
    world.add("team/app", IMAGE)
    world.registry.script("GET /v2/team/app/referrers/.*", Answer(status=500))
    assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_an_upstream_that_is_gone_is_503(registry, gate_world):
    async with MemoryRegistry() as lost:
        url = lost
    async with gate_world(url) as world:
        reply = await world.client.pull("team/app", "1.0")
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) > 0
