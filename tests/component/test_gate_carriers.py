"""Carriers: what passes unsigned because it carries signatures, and what only looks so."""

import asyncio
import base64
import json

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer
from sealgate.testing.sigstore import OciObject, bundle_object, fallback_index

IMAGE = images.oci_image(seed=1)
FOREIGN = images.oci_image(seed=2)
SIG = f"sha256-{IMAGE.digest.hex}.sig"
ATT = f"sha256-{IMAGE.digest.hex}.att"
FALLBACK = f"sha256-{IMAGE.digest.hex}"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize("tag", [SIG, ATT, FALLBACK])
@pytest.mark.parametrize(
    "image", [IMAGE, images.index(seed=30), images.docker_image(seed=3)], ids=["image", "index", "docker"]
)
async def test_a27_something_runnable_at_a_carriers_tag_is_an_ordinary_push(world, tag, image):
    reply = await world.client.push("team/app", image, tag)
    assert reply.status == 403
    assert tag not in world.registry.tags("team/app")
    world.registry.add_artifact("team/app", image, tag)
    for reference, status in ((tag, 404), (str(image.digest), 403)):
        reply = await world.client.pull("team/app", reference)
        assert reply.status == status
        assert image.raw not in reply.body


async def test_a27_something_runnable_at_a_carriers_tag_may_be_signed_as_anything(world):
    assert (await world.client.push("team/app", IMAGE, SIG)).status == 403
    assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
    assert (await world.client.push("team/app", IMAGE, SIG)).status == 201


async def test_a_real_one_passes_in_and_out(world):
    carrier = world.signature(IMAGE.digest)
    assert (await world.client.push_signature("team/app", carrier)).status == 201
    assert world.registry.tags("team/app") == {SIG: carrier.digest}
    for reference in (SIG, str(carrier.digest)):
        reply = await world.client.pull("team/app", reference)
        assert (reply.status, reply.body) == (200, carrier.manifest)


async def test_a_signature_at_an_ordinary_tag_is_an_ordinary_artifact(world):
    carrier = world.signature(IMAGE.digest)
    for blob in carrier.blobs.values():
        assert (await world.client.push_blob("team/app", blob)).status == 201
    reply = await world.client.push_manifest("team/app", "1.0", carrier.manifest, carrier.media_type)
    assert reply.status == 403
    assert "1.0" not in world.registry.tags("team/app")


async def test_a27_a_signature_at_the_tag_of_another_image_is_malformed(world, reason):
    carrier = world.signature(FOREIGN.digest)
    for blob in carrier.blobs.values():
        assert (await world.client.push_blob("team/app", blob)).status == 201
    reply = await world.client.push_manifest("team/app", SIG, carrier.manifest, carrier.media_type)
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")
    assert SIG not in world.registry.tags("team/app")


def simple(*layers, config=(OCI_CONFIG, b"{}")):
    return images.artifact([(SIMPLE_SIGNING, layer) for layer in layers], config=config)


def payload(digest, **more):
    identity = {"identity": {"docker-reference": "x"}, "image": {"docker-manifest-digest": str(digest)}}
    return json.dumps(
        {"critical": {**identity, "type": "cosign container image signature"}, "optional": None, **more}
    ).encode()


RUNS = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/evil"]}}).encode()


@pytest.mark.parametrize(
    "carrier",
    [
        simple(b"\x1f\x8b not a payload"),
        simple(payload(IMAGE.digest), payload(FOREIGN.digest)),
        simple(payload(IMAGE.digest), b"#!/bin/sh\n"),
        simple(payload(IMAGE.digest), config=(OCI_CONFIG, RUNS)),
        simple(payload(IMAGE.digest), config=(OCI_CONFIG, b"#!/bin/sh\n")),
        simple(payload(IMAGE.digest).replace(b'"critical"', b'"critical":{},"critical"', 1)),
        simple(*(payload(IMAGE.digest, n=n) for n in range(101))),
        images.artifact([("application/vnd.dsse.envelope.v1+json", b"{}")]),
        images.artifact([("application/vnd.dev.sigstore.bundle.v0.3+json", b"{}")], subject=IMAGE),
        images.artifact(
            [("application/jose+json", b"{}")], config=("application/vnd.cncf.notary.signature", b"{}"), subject=IMAGE
        ),
    ],
    ids=[
        "binary",
        "two subjects",
        "script",
        "runs",
        "config script",
        "twice",
        "many",
        "dsse",
        "bundle",
        "notation",
    ],
)
async def test_a27_what_only_looks_like_a_carrier_is_malformed(world, reason, carrier):
    reply = await world.client.push("team/app", carrier, SIG)
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")
    assert world.registry.tags("team/app") == {}
    world.registry.add_artifact("team/app", carrier, SIG)
    for reference, status in (
        (SIG, 404),
        (str(carrier.digest), 403),
    ):  # cosign goes on at 404, and puts a real one there
        reply = await world.client.pull("team/app", reference)
        assert (reply.status, reason(reply)) == (status, "carrier-malformed")
        assert carrier.raw not in reply.body
    for blob in carrier.blobs:
        assert (await world.client.blob("team/app", Digest.of(blob))).status == 403


async def test_a_carrier_whose_blob_is_absent_is_malformed_and_one_that_is_unread_a_doubt(world, reason):
    carrier = world.signature(IMAGE.digest)
    reply = await world.client.push_manifest("team/app", SIG, carrier.manifest, carrier.media_type)
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")
    world.registry.script("GET /v2/team/app/blobs/.*", Answer(status=500), times=1)
    reply = await world.client.push_signature("team/app", carrier)
    assert (reply.status, reason(reply)) == (503, "upstream-unavailable")
    assert SIG not in world.registry.tags("team/app")
    assert (await world.client.push_signature("team/app", carrier)).status == 201


async def test_where_the_policies_could_not_be_asked_what_looks_like_a_carrier_is_a_doubt(world, reason):
    """It is no carrier, but it may be signed, and that could not be read: "no" would be too much."""
    carrier = simple(b"no payload")
    world.registry.add_artifact("team/app", carrier, "1.0")
    world.registry.script("GET /v2/team/app/referrers/.*", Answer(status=500), times=1)
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "upstream-unavailable")


async def test_a_bundle_passes_by_digest_and_comes_out(world):
    carrier = world.bundle(IMAGE)
    assert (await world.client.push_signature("team/app", carrier)).status == 201
    assert (await world.client.pull("team/app", str(carrier.digest))).body == carrier.manifest
    for digest, blob in carrier.blobs.items():
        assert (await world.client.blob("team/app", digest)).body == blob


async def test_a_bundle_that_names_another_subject_than_it_is_about_stays(world, reason):
    made = world.sigstore.bundle(FOREIGN.digest, world.key, logged=False)
    described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type).descriptor
    lying = bundle_object(made, described)
    assert (await world.client.push_signature("team/app", lying)).status == 201  # by digest anything is stored
    reply = await world.client.pull("team/app", str(lying.digest))
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")


async def test_a_fallback_index_passes_and_admits_no_child(plain_registry, gate_world):
    async with gate_world(plain_registry) as world:
        bundle = world.bundle(IMAGE)
        runnable = images.oci_image(seed=9, subject=IMAGE)  # a referrer, and something that runs
        assert (await world.client.push("team/app", IMAGE)).status == 201
        assert (await world.client.push_signature("team/app", bundle)).status == 201
        assert (await world.client.push("team/app", runnable)).status == 201
        index = fallback_index(IMAGE.digest, [bundle, OciObject(manifest=runnable.raw, media_type=runnable.media_type)])
        assert (await world.client.push_signature("team/app", index)).status == 201
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        for reference in (FALLBACK, str(index.digest)):
            await world.client.pull("team/app", reference)
        assert (await world.client.pull("team/app", FALLBACK)).body == index.manifest
        assert (await world.client.pull("team/app", str(bundle.digest))).body == bundle.manifest
        reply = await world.client.pull("team/app", str(runnable.digest))
        assert reply.status == 403
        assert runnable.raw not in reply.body


@pytest.mark.parametrize("foreign", ["no subject", "another subject", "absent"])
async def test_a_fallback_index_with_a_foreign_entry_is_malformed(world, reason, foreign):
    bundle = world.bundle(IMAGE)
    other = (
        world.bundle(FOREIGN)
        if foreign == "another subject"
        else OciObject(manifest=FOREIGN.raw, media_type=FOREIGN.media_type)
    )
    assert (await world.client.push_signature("team/app", bundle)).status == 201
    if foreign != "absent":
        assert (await world.client.push_signature("team/app", other)).status == 201
    index = fallback_index(IMAGE.digest, [bundle, other])
    reply = await world.client.push_signature("team/app", index)
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")
    assert FALLBACK not in world.registry.tags("team/app")


async def test_a_fallback_index_is_no_carrier_elsewhere(world):
    bundle = world.bundle(IMAGE)
    index = fallback_index(IMAGE.digest, [bundle])
    assert (await world.client.push_signature("team/app", bundle)).status == 201
    assert (await world.client.push_manifest("team/app", "1.0", index.manifest, index.media_type)).status == 403
    reply = await world.client.push_manifest("team/app", f"sha256-{'0' * 64}", index.manifest, index.media_type)
    assert reply.status == 403


async def test_a_subject_makes_nothing_a_carrier(world):
    """An SBOM attached to a signed image is judged like any artifact."""
    world.add("team/app", IMAGE)
    sbom = images.artifact([("application/spdx+json", b"{}")], artifact_type="application/spdx+json", subject=IMAGE)
    assert (await world.client.push("team/app", sbom)).status == 201
    assert (await world.client.pull("team/app", str(sbom.digest))).status == 403


async def test_an_attestation_with_several_subjects_comes_out_with_its_blobs(world):
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": one.digest.hex}} for one in (FOREIGN, IMAGE)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    envelope = json.dumps(
        {
            "payloadType": "application/vnd.in-toto+json",
            "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
            "signatures": [{"sig": base64.b64encode(b"x").decode()}],
        }
    ).encode()
    carrier = images.artifact([("application/vnd.dsse.envelope.v1+json", envelope)], config=(OCI_CONFIG, b"{}"))
    assert (await world.client.push("team/app", carrier, ATT)).status == 201
    assert (await world.client.pull("team/app", ATT)).body == carrier.raw
    assert (await world.client.blob("team/app", Digest.of(envelope))).body == envelope


# Junk


async def test_a17_150_referrers_of_which_one_is_good_are_never_a_denial(world):
    """Junk may make it a doubt, never a "no" (design section 5)."""
    world.add("team/app", IMAGE, signed=False)
    good = world.bundle(IMAGE)
    for seed in range(150):
        junk = images.artifact(
            [("application/vnd.dev.sigstore.bundle.v0.3+json", b'{"n":%d}' % seed)],
            artifact_type="application/vnd.dev.sigstore.bundle.v0.3+json",
            subject=IMAGE,
        )
        world.registry.add_artifact("team/app", junk)
        if seed == 75:
            world.put("team/app", good)
    reply = await world.client.pull("team/app", "1.0")
    assert reply.status in (200, 503)
    assert len(world.registry.requests) < 350


async def test_a17_150_referrers_of_another_kind_do_not_hide_a_signature(plain_registry, gate_world):
    """What says that it is a signature is read first; the word of a listing orders, and decides nothing."""
    async with gate_world(plain_registry) as world:
        world.add("team/app", IMAGE, signed=False)
        good, listed = world.bundle(IMAGE), []
        for seed in range(150):
            junk = images.artifact([("text/plain", b"%d" % seed)], artifact_type="text/plain", subject=IMAGE)
            listed.append(images.descriptor(junk.raw, junk.media_type) | {"artifactType": "text/plain"})
            world.registry.add_artifact("team/app", junk)
        world.put("team/app", good)
        listed.append(images.descriptor(good.manifest, good.media_type))
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": listed}
        world.registry.add_manifest("team/app", json.dumps(index).encode(), str(index["mediaType"]), FALLBACK)
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_a17_1000_layers_at_the_signature_tag_are_a_doubt(world, reason):
    world.add("team/app", IMAGE, signed=False)
    many = images.artifact(
        [(SIMPLE_SIGNING, payload(IMAGE.digest, n=n)) for n in range(1000)], config=(OCI_CONFIG, b"{}")
    )
    world.registry.add_artifact("team/app", many, SIG)
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "evidence-too-much")
    assert len(world.registry.requests) < 120
    world.put("team/app", world.bundle(IMAGE))


@pytest.mark.parametrize("size", [4 * 1024 * 1024 + 1, 10 * 1024**3])
async def test_a18_a_signature_of_any_size_is_not_asked_for(world, reason, size):
    world.add("team/app", IMAGE, signed=False)
    carrier = images.artifact([(SIMPLE_SIGNING, payload(IMAGE.digest))], config=(OCI_CONFIG, b"{}"))
    manifest = json.loads(carrier.raw)
    manifest["layers"][0]["size"] = size
    world.registry.add_manifest("team/app", json.dumps(manifest).encode(), OCI_MANIFEST, SIG)
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "evidence-too-much")
    assert not [asked for asked in world.asked() if "/blobs/" in asked]


@pytest.mark.parametrize("body", [{"chunked": True}, {"length": 10 * 1024**3}, {}], ids=["chunked", "long", "open"])
async def test_a18_a_signature_is_read_to_the_size_that_its_manifest_says(world, reason, body):
    """A good one, of some hundred bytes; what comes instead has no end."""
    world.add("team/app", IMAGE)
    answer = Answer(body=b"x" * 65536, repeat=None, **body)
    world.registry.script("GET /v2/team/app/blobs/.*", answer)
    async with asyncio.timeout(20):
        reply = await world.client.pull("team/app", "1.0")
    assert reply.status == 503
    assert reason(reply) in {"evidence-too-much", "upstream-unavailable"}
    assert IMAGE.raw not in reply.body


async def test_a_carrier_is_read_once(world):
    """Its blobs are content-addressed: what they are is not asked again for every pull of the carrier and its blobs."""
    carrier = world.signature(IMAGE.digest)
    world.put("team/app", carrier)
    assert (await world.client.pull("team/app", SIG)).status == 200
    world.asked()
    assert (await world.client.pull("team/app", SIG)).status == 200
    assert world.asked() == [f"GET /v2/team/app/manifests/{SIG}"]
    blob = next(iter(carrier.blobs))
    assert (await world.client.blob("team/app", blob)).status == 200
    world.asked()
    assert (await world.client.blob("team/app", blob)).status == 200
    assert world.asked() == [f"GET /v2/team/app/blobs/{blob}"]


@pytest.mark.parametrize("subject", [None, FOREIGN], ids=["no subject", "another subject"])
async def test_a19_what_is_listed_as_a_referrer_and_is_about_something_else_is_no_evidence(world, subject):
    """The listing is a hint; even a good signature counts only where its manifest says that it is about this image."""
    world.add("team/app", IMAGE, signed=False)
    bundle = next(iter(set(world.bundle(IMAGE).blobs.values()) - {b"{}"}))
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    strayed = images.artifact([(kind, bundle)], artifact_type=kind, subject=subject)
    world.registry.add_artifact("team/app", strayed)
    listed = fallback_index(IMAGE.digest, [OciObject(manifest=strayed.raw, media_type=strayed.media_type)])
    world.put("team/app", listed)
    assert (await world.client.pull("team/app", "1.0")).status == 403


@pytest.mark.parametrize("about", [IMAGE, FOREIGN], ids=["the tag's", "the subject's"])
async def test_a_carrier_whose_tag_and_subject_differ_is_malformed(world, reason, about):
    carrier = images.artifact([(SIMPLE_SIGNING, payload(about.digest))], config=(OCI_CONFIG, b"{}"), subject=FOREIGN)
    reply = await world.client.push("team/app", carrier, SIG)
    assert (reply.status, reason(reply)) == (403, "carrier-malformed")


async def test_a_carrier_that_is_read_for_too_long_is_a_doubt(world, reason, monkeypatch):
    monkeypatch.setattr("sealgate.admission.carriers.CARRIER_SECONDS", 0.1)
    carrier = world.signature(IMAGE.digest)
    world.put("team/app", carrier)
    world.registry.script("GET /v2/team/app/blobs/.*", Answer(status=404, delay=1), times=1)
    reply = await world.client.pull("team/app", SIG)
    assert (reply.status, reason(reply)) == (503, "upstream-unavailable")
    assert (await world.client.pull("team/app", SIG)).status == 200


async def test_a17_150_other_referrers_in_the_api_do_not_hide_a_signature(world):
    world.add("team/app", IMAGE, signed=False)
    for seed in range(150):
        junk = images.artifact([("text/plain", b"%d" % seed)], artifact_type="text/plain", subject=IMAGE)
        world.registry.add_artifact("team/app", junk)
    world.put("team/app", world.bundle(IMAGE))
    reply = await world.client.pull("team/app", "1.0")
    assert reply.status == 200, reply.body
