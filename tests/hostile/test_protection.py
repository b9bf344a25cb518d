"""What was admitted stays so: signatures cannot be stripped, crowded out or deleted by those who may only add (B21)."""

import asyncio
import json
import random
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.limits import CANDIDATES, LISTING_INDEXES
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry
from sealgate.testing.sigstore import OciObject, SigningKey, attestation_object, bundle_object, fallback_index

IMAGE, OTHER, EVIL = (images.oci_image(seed=seed) for seed in (1, 2, 666))
SIG, FALLBACK = f"sha256-{IMAGE.digest.hex}.sig", f"sha256-{IMAGE.digest.hex}"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

WRITING = ("pull", "push", "sign")
DELETING = (*WRITING, "delete")


@pytest.fixture
def gate_where(gate_world):
    """Makes a gate at which everybody has these rights, with credentials of its own."""

    @asynccontextmanager
    async def make(registry, policies=None, rights=WRITING, **options):
        more = {
            "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
            "auth": "anonymous",
            "access": [{"who": "anyone", "may": [*rights], "repositories": ["**"]}],
        }
        async with gate_world(registry, policies, more=more, **options) as world:
            yield world

    return make


@pytest.fixture
async def registry():
    async with MemoryRegistry() as made:
        yield made


@pytest.fixture
async def apiless():
    """A registry without the referrers API: what refers is listed at the fallback tag."""
    async with MemoryRegistry(referrers=False) as made:
        yield made


def crowd(world, number, repository="team/app", image=IMAGE):
    """So many referrers that say they are bundles, past the gate; each sorts before or after a real one by chance."""
    listed = []
    for seed in range(number):
        junk = images.artifact([(BUNDLE, b'{"n":%d}' % seed)], artifact_type=BUNDLE, subject=image)
        world.registry.add_artifact(repository, junk)
        listed.append(OciObject(manifest=junk.raw, media_type=junk.media_type))
    return listed


def layers(*carriers: OciObject, first=()) -> OciObject:
    """One manifest with the layers of several, as each signer makes it of what it found; `first` are put before."""
    manifests = [json.loads(carrier.manifest) for carrier in carriers]
    joined = {**manifests[0], "layers": [*first, *(layer for one in manifests for layer in one["layers"])]}
    blobs = {digest: blob for carrier in carriers for digest, blob in carrier.blobs.items()}
    return OciObject(
        manifest=json.dumps(joined).encode(), media_type=carriers[0].media_type, blobs=blobs, tag=carriers[0].tag
    )


def junk_layers(carrier: OciObject, number: int):
    """Entries over the very payload that is signed, with something else for a signature."""
    layer = json.loads(carrier.manifest)["layers"][0]
    return [
        {**layer, "annotations": {"dev.cosignproject.cosign/signature": "AAAA", "n": str(each)}}
        for each in range(number)
    ]


async def expire(world):
    """Have the next pull judged anew."""
    reply = await world.client.ask("DELETE", "/v2/team/app/blobs/sha256:" + "0" * 64)
    assert reply.status in (202, 404)


# Crowding out (design section 5: "junk never displaces it").


async def crowded(world, good):
    """Junk in all three places around what is good, in the order that hides it best."""
    crowd(world, 500)
    at_tag = json.loads(good.manifest) if good.tag else None
    if at_tag is not None:
        world.put("team/app", layers(good, first=junk_layers(good, 300)))


@pytest.mark.parametrize("kind", ["bundle", "simple"])
@pytest.mark.parametrize("how", ["pushed", "pulled"])
async def test_a17_500_junk_referrers_do_not_hide_a_signature_that_counted(registry, gate_where, kind, how):
    async with gate_where(registry, rights=DELETING) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.bundle(IMAGE) if kind == "bundle" else world.signature(IMAGE.digest)
        if how == "pushed":
            assert (await world.client.push_signature("team/app", good)).status == 201
        else:
            world.put("team/app", good)
            assert (await world.client.pull("team/app", "1.0")).status == 200
        await crowded(world, good)
        await expire(world)
        assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("kind", ["bundle", "simple"])
async def test_a17_500_junk_referrers_around_what_the_gate_never_saw_are_a_doubt(registry, gate_world, reason, kind):
    async with gate_world(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.signature(IMAGE.digest)
        if kind == "simple":
            world.put("team/app", good)
            await crowded(world, good)
        else:
            crowd(world, 500)
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (503, "evidence-too-much")


async def test_a17_a_signature_that_came_before_its_manifest_is_not_hidden_either(registry, gate_world):
    async with gate_world(registry) as world:
        good = world.bundle(IMAGE)
        assert (await world.client.push_signature("team/app", good)).status == 201
        crowd(world, 500)
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201


async def test_a17_a_second_signature_is_remembered_though_the_image_is_admitted_already(registry, gate_where):
    """The first one may be taken away later, or its key; nobody judged the image again when the second came."""
    async with gate_where(registry, rights=DELETING) as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
        crowd(world, 500)
        assert (await world.client.ask("DELETE", f"/v2/team/app/manifests/{SIG}")).status == 202
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_b34_what_counted_is_remembered_over_a_restart_and_proves_nothing(registry, gate_world, tmp_path):
    state = tmp_path / "state.db"
    async with gate_world(registry, state=state) as world:
        world.add("team/app", IMAGE, signed=False)
        assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
        crowd(world, 500)
    strict = {"p.yaml": "name: p\nrepositories: ['team/**']\nrules:\n  - name: other\n    rekor: {required: false}\n"
                        "    key_requirements: [{type: key, public_key: other.pub}]\n"}  # fmt: skip
    async with gate_world(registry, state=state) as world:
        assert (await world.client.pull("team/app", "1.0")).status == 200
    async with gate_world(registry, strict, state=state) as world:
        assert (await world.client.pull("team/app", "1.0")).status == 503


@pytest.mark.parametrize("digest", ["of junk", "of the image", "of nothing", "of no form"])
async def test_b32_a_row_that_somebody_wrote_admits_nothing(registry, gate_where, tmp_path, digest):
    state = tmp_path / "state.db"
    async with gate_where(registry, state=state) as world:
        world.add("team/app", IMAGE, signed=False)
        (junk,) = crowd(world, 1)
        forged = {"of junk": junk.digest, "of the image": IMAGE.digest, "of nothing": Digest.of(b"x")}.get(digest, "'")
        with closing(sqlite3.connect(state)) as by_hand:
            row = ("team/app", str(IMAGE.digest), str(forged))
            by_hand.execute("INSERT INTO carriers (repository, subject, digest) VALUES (?, ?, ?)", row)
            by_hand.commit()
        assert (await world.client.pull("team/app", "1.0")).status == 403
        assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_b31_what_counted_in_one_repository_is_not_looked_for_in_another(registry, gate_world):
    async with gate_world(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        world.add("team/copy", IMAGE, signed=False)
        assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.pull("team/copy", "1.0")).status == 403


async def test_b34_what_cannot_be_remembered_changes_no_decision(registry, gate_where, tmp_path):
    """The table of what counted is gone: what is signed is admitted, what is not is denied, what comes is stored."""
    state = tmp_path / "state.db"
    async with gate_where(registry, state=state) as world:
        with closing(sqlite3.connect(state)) as by_hand:
            by_hand.execute("DROP TABLE carriers")
            by_hand.commit()
        world.add("team/app", IMAGE)
        world.add("team/app", OTHER, "2.0", signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.pull("team/app", "2.0")).status == 403
        assert (await world.client.push_signature("team/app", world.bundle(OTHER))).status == 201
        assert (await world.client.pull("team/app", "2.0")).status == 200


async def test_b33_the_same_is_decided_every_time_or_nothing_is(registry, gate_where):
    """Judged anew a hundred times, over a registry that fails now and then: yes stays yes, no stays no."""
    async with gate_where(registry, rights=DELETING) as world:
        for image, key, tag in ((IMAGE, world.key, "1.0"), (OTHER, world.other_key, "2.0")):
            world.add("team/app", image, tag, signed=False)
            crowd(world, 8, image=image)
            world.put("team/app", world.bundle(image, key))
            world.put("team/app", world.signature(image.digest, key))
        chance = random.Random(33)  # noqa: S311 - which request fails
        registry.script(
            "GET /v2/team/app/(referrers|blobs|manifests/sha256).*",
            lambda _: Answer(status=500) if chance.random() < 0.05 else None,
        )
        found = {"1.0": set(), "2.0": set()}
        for _ in range(100):
            await expire(world)
            for tag, statuses in found.items():
                statuses.add((await world.client.pull("team/app", tag)).status)
        assert found == {"1.0": {200, 503}, "2.0": {403, 503}} or found == {"1.0": {200}, "2.0": {403, 503}}


# Indexes that list a child (attacks A26).


def junk_indexes(child, number):
    for seed in range(number):
        listed = images.index(seed=900 + seed)
        document = json.loads(listed.raw)
        document["manifests"] = [images.descriptor(child.raw, child.media_type)]
        document["annotations"] = {"n": str(seed)}
        yield json.dumps(document).encode(), listed.media_type


@pytest.mark.parametrize("order", ["index first", "signature first"])
async def test_a26_junk_indexes_do_not_hide_one_that_was_signed_and_never_asked_for(registry, gate_world, order):
    async with gate_world(registry) as world:
        index = images.index(seed=10)
        child = index.children[0]
        if order == "signature first":
            assert (await world.client.push_signature("team/app", world.bundle(index))).status == 201
            assert (await world.client.push("team/app", index, "1.0")).status == 201
        else:
            assert (await world.client.push("team/app", index)).status == 201
            assert (await world.client.push_signature("team/app", world.bundle(index))).status == 201
        for raw, media_type in junk_indexes(child, LISTING_INDEXES + 4):
            reply = await world.client.push_manifest("team/app", str(Digest.of(raw)), raw, media_type)
            assert reply.status == 201
        assert (await world.client.pull("team/app", str(child.digest))).status == 200


# Stripping (design section 6: "a PUT that drops a satisfying entry is refused").


async def test_b21_a_signature_is_added_to_what_is_there(registry, gate_where):
    async with gate_where(registry) as world:
        first = world.signature(IMAGE.digest)
        assert (await world.client.push_signature("team/app", first)).status == 201
        both = layers(first, world.signature(IMAGE.digest, world.other_key))
        assert (await world.client.push_signature("team/app", both)).status == 201
        assert (await world.client.push_signature("team/app", both)).status == 201
        assert registry.tags("team/app")[SIG] == both.digest


@pytest.mark.parametrize("by", ["another signature", "something that runs", "an index"])
async def test_b21_a_push_that_strips_a_signature_is_refused(registry, gate_where, reason, by):
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE)
        there = registry.tags("team/app")[SIG]
        if by == "another signature":
            reply = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key))
        elif by == "something that runs":
            world.add("team/app", OTHER, None)
            reply = await world.client.push("team/app", OTHER, SIG)
        else:
            index = images.index(seed=10)
            world.add("team/app", index, None)
            reply = await world.client.push("team/app", index, SIG)
        assert (reply.status, reason(reply)) == (403, "signature-in-use")
        assert "sign again" in reply.body.decode()
        assert registry.tags("team/app")[SIG] == there
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_b21_something_that_waits_for_its_own_signature_does_not_take_the_place_of_one(
    registry, gate_where, reason, tmp_path
):
    """A hold of a tag of signatures would strip them later, when nobody looks."""
    policy = {"p.yaml": "name: p\nrepositories: ['team/**']\non_unsigned_push: hold\nrules:\n  - name: signed\n"
                        "    rekor: {required: false}\n"
                        "    key_requirements: [{type: key, public_key: release.pub}]\n"}  # fmt: skip
    async with gate_where(registry, policy, state=tmp_path / "s.db") as world:
        world.add("team/app", IMAGE)
        there = registry.tags("team/app")[SIG]
        reply = await world.client.push("team/app", OTHER, SIG)
        assert (reply.status, reason(reply)) == (403, "signature-in-use")
        assert (await world.client.push_signature("team/app", world.bundle(OTHER))).status == 201
        assert registry.tags("team/app")[SIG] == there


async def test_b21_junk_may_be_left_out(registry, gate_where):
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.signature(IMAGE.digest)
        world.put("team/app", layers(good, world.signature(IMAGE.digest, world.other_key), first=junk_layers(good, 20)))
        assert (await world.client.push_signature("team/app", good)).status == 201
        assert registry.tags("team/app")[SIG] == good.digest


async def test_b21_what_cannot_be_read_may_be_replaced(registry, gate_where):
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        registry.add_manifest("team/app", b'{"schemaVersion":2,', "application/vnd.oci.image.manifest.v1+json", SIG)
        assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201


@pytest.mark.parametrize(("what", "status"), [("manifests", 500), ("manifests", 429), ("blobs", 500)])
async def test_b21_whether_something_counts_is_not_guessed(registry, gate_where, what, status):
    """Where what is there cannot be read just now, it is not overwritten."""
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE)
        there = registry.tags("team/app")[SIG]
        payload = json.loads(world.signature(IMAGE.digest).manifest)["layers"][0]["digest"]
        failing = f"manifests/{SIG}" if what == "manifests" else f"blobs/{payload}"
        other = world.signature(IMAGE.digest, world.other_key)
        for blob in other.blobs.values():
            assert (await world.client.push_blob("team/app", blob)).status == 201
        # The new carrier's own look at the same payload comes first.
        registry.script(f"GET /v2/team/app/{failing}", Answer(status=status), after=int(what == "blobs"))
        reply = await world.client.push_manifest("team/app", SIG, other.manifest, other.media_type)
        assert reply.status == (429 if status == 429 else 503)
        assert registry.tags("team/app")[SIG] == there


async def test_b21_more_than_is_read_is_not_thrown_away_unread(registry, gate_where, reason):
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.signature(IMAGE.digest)
        world.put("team/app", layers(good, first=junk_layers(good, CANDIDATES + 1)))
        reply = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key))
        assert (reply.status, reason(reply)) == (503, "evidence-too-much")


async def test_b21_more_entries_than_are_read_are_not_thrown_away_unread(apiless, gate_where, reason):
    async with gate_where(apiless) as world:
        world.add("team/app", IMAGE, signed=False)
        world.put("team/app", fallback_index(IMAGE.digest, crowd(world, CANDIDATES + 1)))
        good = world.bundle(IMAGE)
        assert (await world.client.push_signature("team/app", good)).status == 201
        reply = await world.client.push_signature("team/app", fallback_index(IMAGE.digest, [good]))
        assert (reply.status, reason(reply)) == (503, "evidence-too-much")


async def test_b21_who_may_delete_may_strip_and_the_image_is_judged_anew(registry, gate_where):
    async with gate_where(registry, rights=DELETING) as world:
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        reply = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key))
        assert reply.status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 403


@pytest.mark.parametrize("right", [WRITING, DELETING], ids=["writing", "deleting"])
async def test_b21_an_entry_of_the_fallback_index_is_not_stripped(apiless, gate_where, reason, right):
    async with gate_where(apiless, rights=right) as world:
        world.add("team/app", IMAGE, signed=False)
        good, other = world.bundle(IMAGE), world.bundle(IMAGE, world.other_key)
        for carrier in (good, other, fallback_index(IMAGE.digest, [good, other])):
            assert (await world.client.push_signature("team/app", carrier)).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200
        without_junk = fallback_index(IMAGE.digest, [good])
        assert (await world.client.push_signature("team/app", without_junk)).status == 201
        reply = await world.client.push_signature("team/app", fallback_index(IMAGE.digest, [other]))
        if right is WRITING:
            assert (reply.status, reason(reply)) == (403, "signature-in-use")
            assert apiless.tags("team/app")[FALLBACK] == without_junk.digest
            assert (await world.client.pull("team/app", "1.0")).status == 200
        else:
            assert reply.status == 201
            assert (await world.client.pull("team/app", "1.0")).status == 403


async def test_b21_a_signature_that_is_kept_elsewhere_is_not_stripped(registry, gate_where, reason):
    policy = {"p.yaml": "name: p\nrepositories: ['team/{app}']\nsignature_repository: 'signatures/{app}'\nrules:\n"
                        "  - name: signed\n    rekor: {required: false}\n"
                        "    key_requirements: [{type: key, public_key: release.pub}]\n",
              "q.yaml": "name: q\nrepositories: ['signatures/*']\nallow_unsigned: true\n"}  # fmt: skip
    async with gate_where(registry, policy) as world:
        world.add("team/app", IMAGE, signed=False)
        good, other = world.signature(IMAGE.digest), world.signature(IMAGE.digest, world.other_key)
        assert (await world.client.push_signature("signatures/app", good)).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200
        reply = await world.client.push_signature("signatures/app", other)
        assert (reply.status, reason(reply)) == (403, "signature-in-use")
        assert (await world.client.push_signature("signatures/app", layers(good, other))).status == 201


async def test_b21_an_entry_about_something_else_may_be_left_out(apiless, gate_where):
    """It says itself that it is about another image, so that nobody reads it as evidence here (attacks A19)."""
    async with gate_where(apiless) as world:
        world.add("team/app", IMAGE, signed=False)
        described = OciObject(manifest=OTHER.raw, media_type=OTHER.media_type).descriptor
        made = world.sigstore.bundle(IMAGE.digest, world.key, logged=False)
        good, foreign = world.bundle(IMAGE), bundle_object(made, described)
        for carrier in (good, foreign, fallback_index(IMAGE.digest, [good, foreign])):
            world.put("team/app", carrier)
        assert (await world.client.push_signature("team/app", fallback_index(IMAGE.digest, [good]))).status == 201


async def test_b21_an_attestation_is_not_stripped(registry, gate_where, reason):
    policy = {"p.yaml": "name: p\nrepositories: ['team/**']\nrules:\n  - name: built\n    signature_type: attestation\n"
                        "    predicate_type: slsaprovenance\n    rekor: {required: false}\n"
                        "    key_requirements: [{type: key, public_key: release.pub}]\n"}  # fmt: skip
    async with gate_where(registry, policy) as world:
        world.add("team/app", IMAGE, signed=False)
        good, other = (attestation(world, key) for key in (world.key, world.other_key))
        for carrier, status in ((good, 201), (layers(good, other), 201), (other, 403)):
            reply = await world.client.push_signature("team/app", carrier)
            assert reply.status == status
        assert reason(reply) == "signature-in-use"
        assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("by", ["the same", "another", "both", "another and what is left out"])
async def test_b21_who_says_it_anew_may_take_the_place_of_what_he_said(registry, gate_where, reason, by):
    """`cosign attest --replace`: nobody who counted counts no more; another one in his place is not he."""
    policy = {"p.yaml": "name: p\nrepositories: ['team/**']\nrules:\n  - name: built\n    signature_type: attestation\n"
                        "    predicate_type: slsaprovenance\n    rekor: {required: false}\n"
                        "    key_requirements: [{type: key, public_key: release.pub},"
                        " {type: key, public_key: other.pub}]\n"}  # fmt: skip
    async with gate_where(registry, policy) as world:
        world.add("team/app", IMAGE, signed=False)
        first = attestation(world, world.key)
        assert (await world.client.push_signature("team/app", first)).status == 201
        anew, other = attestation(world, world.key), attestation(world, world.other_key)
        sent = {"the same": anew, "another": other, "both": layers(anew, other)}.get(by, layers(other, first))
        reply = await world.client.push_signature("team/app", sent)
        assert reply.status == (403 if by == "another" else 201)
        assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("by", ["the same", "another"])
async def test_b21_an_entry_of_the_fallback_index_may_be_said_anew(apiless, gate_where, by):
    async with gate_where(apiless) as world:
        world.add("team/app", IMAGE, signed=False)
        first, anew, other = (world.bundle(IMAGE, key) for key in (world.key, world.key, world.other_key))
        for carrier in (first, fallback_index(IMAGE.digest, [first]), anew, other):
            assert (await world.client.push_signature("team/app", carrier)).status == 201
        sent = fallback_index(IMAGE.digest, [anew if by == "the same" else other])
        reply = await world.client.push_signature("team/app", sent)
        assert reply.status == (201 if by == "the same" else 403)


def attestation(world, key: SigningKey) -> OciObject:
    """A statement of provenance at the `.att` tag, as cosign 2 writes it."""
    made = world.sigstore.bundle(IMAGE.digest, key, predicate_type="https://slsa.dev/provenance/v0.2", logged=False)
    return attestation_object(IMAGE.digest, [made], key)


async def test_b2_two_who_sign_at_once_leave_no_signature_behind(registry, gate_where):
    """Each reads the tag, adds to it, and puts it back; the one who comes late is told to sign again, and does."""
    each = "  - name: {0}\n    rekor: {{required: false}}\n    key_requirements: [{{type: key, public_key: {0}.pub}}]\n"
    rules = each.format("release") + each.format("other")
    async with gate_where(registry, {"p.yaml": f"name: p\nrepositories: ['team/**']\nrules:\n{rules}"}) as world:
        world.add("team/app", IMAGE, signed=False)
        refused = 0

        async def sign(key):
            nonlocal refused
            own = world.signature(IMAGE.digest, key)
            for blob in own.blobs.values():
                assert (await world.client.push_blob("team/app", blob)).status == 201
            while True:
                there = await world.client.pull("team/app", SIG)
                joined = own if there.status == 404 else layers(
                    OciObject(manifest=there.body, media_type=own.media_type, tag=SIG), own
                )  # fmt: skip
                reply = await world.client.push_manifest("team/app", SIG, joined.manifest, joined.media_type)
                if reply.status == 201:
                    return key, json.loads(own.manifest)["layers"][0]["annotations"]
                assert (reply.status, "signature-in-use" in reply.reason) == (403, True)
                refused += 1

        wrote = await asyncio.gather(*(sign(key) for key in (world.key, world.other_key) * 3))
        final = json.loads((await world.client.pull("team/app", SIG)).body)["layers"]
        left = [layer["annotations"] for layer in final]
        assert all(any(key is one and said in left for one, said in wrote) for key in (world.key, world.other_key))
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert refused


# Deleting.


@pytest.mark.parametrize("what", ["the tag", "its manifest", "its payload", "a referrer", "the image"])
async def test_b21_who_may_sign_and_push_deletes_no_signature(registry, gate_where, what):
    async with gate_where(registry) as world:
        world.add("team/app", IMAGE)
        bundle = world.bundle(IMAGE)
        world.put("team/app", bundle)
        path = {
            "the tag": f"manifests/{SIG}",
            "its manifest": f"manifests/{registry.tags('team/app')[SIG]}",
            "its payload": f"blobs/{json.loads(world.signature(IMAGE.digest).manifest)['layers'][0]['digest']}",
            "a referrer": f"manifests/{bundle.digest}",
            "the image": f"manifests/{IMAGE.digest}",
        }[what]
        before = len(world.wrote())
        assert (await world.client.ask("DELETE", f"/v2/team/app/{path}")).status == 403
        assert len(world.wrote()) == before


async def test_b21_what_was_deleted_is_not_found_by_its_name(registry, gate_where):
    """A registry keeps the manifest when its tag is deleted; what was remembered of it must not bring it back."""
    async with gate_where(registry, rights=DELETING) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.signature(IMAGE.digest)
        assert (await world.client.push_signature("team/app", good)).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.ask("DELETE", f"/v2/team/app/manifests/{SIG}")).status == 202
        assert registry.has_manifest("team/app", good.digest)
        assert (await world.client.pull("team/app", "1.0")).status == 403


async def test_b21_the_entry_of_a_fallback_index_is_gone_with_its_tag(apiless, gate_where):
    async with gate_where(apiless, rights=DELETING) as world:
        world.add("team/app", IMAGE, signed=False)
        good = world.bundle(IMAGE)
        for carrier in (good, fallback_index(IMAGE.digest, [good])):
            assert (await world.client.push_signature("team/app", carrier)).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.ask("DELETE", f"/v2/team/app/manifests/{FALLBACK}")).status == 202
        assert apiless.has_manifest("team/app", good.digest)
        assert (await world.client.pull("team/app", "1.0")).status == 403


# Denied (attacks A25).


async def test_a25_a_denied_digest_is_not_served_though_it_is_a_carrier(registry, gate_world, reason):
    async with gate_world(registry) as world:
        carriers = [world.signature(IMAGE.digest), world.bundle(IMAGE)]
        for carrier in carriers:
            world.put("team/app", carrier)
            assert (await world.client.pull("team/app", str(carrier.digest))).status == 200
    told = ", ".join(f"'{carrier.digest}'" for carrier in carriers)
    denied = f"name: denied\nrepositories: ['**']\nallow_unsigned: true\ndenied: [{told}]\n"
    async with gate_world(registry, {"denied.yaml": denied}) as world:
        for carrier in carriers:
            reply = await world.client.pull("team/app", str(carrier.digest))
            assert (reply.status, reason(reply)) == (403, "denied-by-policy")
            assert carrier.manifest not in reply.body
        blob = json.loads(carriers[1].manifest)["layers"][0]["digest"]
        assert (await world.client.blob("team/app", Digest.parse(blob))).status == 403
        reply = await world.client.push_signature("team/app", carriers[0])
        assert (reply.status, reason(reply)) == (403, "denied-by-policy")
        reply = await world.client.pull("team/app", SIG)
        assert (reply.status, reason(reply)) == (404, "denied-by-policy")


async def test_a25_a_digest_that_is_denied_to_pushes_is_no_carrier_to_them(registry, gate_world, reason):
    async with gate_world(registry) as world:
        carrier = world.signature(IMAGE.digest)
    rule = "rules: [{name: n, rekor: {required: false}, key_requirements: [{type: key, public_key: release.pub}]}]\n"
    policies = {
        "all.yaml": f"name: all\nrepositories: ['**']\n{rule}",
        "denied.yaml": "name: denied\nrepositories: ['**']\noperations: [push]\ntags: ['*.sig']\n"
        f"allow_unsigned: true\ndenied: ['{carrier.digest}']\n",
    }
    async with gate_world(registry, policies) as world:
        reply = await world.client.push_signature("team/app", carrier)
        assert (reply.status, reason(reply)) == (403, "denied-by-policy")
        other = world.signature(IMAGE.digest)
        assert (await world.client.push_signature("team/app", other)).status == 201


async def test_a25_a_tag_that_goes_back_to_what_was_signed_before(registry, gate_world, reason):
    """A registry that serves an older, validly signed digest for a tag: freshness off admits it, on denies it."""
    policy = {"p.yaml": "name: p\nrepositories: ['team/**']\nrules:\n  - name: signed\n"
                        "    key_requirements: [{type: key, public_key: release.pub}]\n"}  # fmt: skip
    text = policy["p.yaml"]
    now = SystemClock().now()
    async with gate_world(registry, policy) as world:
        for image, minutes in ((OTHER, 60), (IMAGE, 1)):
            registry.add_artifact("team/app", image, "1.0")
            described = OciObject(manifest=image.raw, media_type=image.media_type).descriptor
            made = world.sigstore.bundle(image.digest, world.key, at=now - timedelta(minutes=minutes))
            world.put("team/app", bundle_object(made, described))
        assert (await world.client.pull("team/app", "1.0")).body == IMAGE.raw
        registry.add_artifact("team/app", OTHER, "1.0")
        assert (await world.client.pull("team/app", "1.0")).body == OTHER.raw
    since = (now - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for freshness in ("max_age: 30m", f"min_signed_at: '{since}'"):
        async with gate_world(registry, {"p.yaml": f"{text}    {freshness}\n"}) as world:
            reply = await world.client.pull("team/app", "1.0")
            assert (reply.status, reason(reply)) == (403, "signature-too-old")
            assert (await world.client.pull("team/app", str(IMAGE.digest))).status == 200
