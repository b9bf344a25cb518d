"""Attestations at the gate that are not what they say, in both places where cosign puts them."""

import asyncio
import json
from copy import deepcopy

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, attestation_object, bundle_object
from sealgate.testing.sigstore.dsse import envelope, statement
from sealgate.testing.sigstore.encoding import compact_json

IMAGE, FOREIGN = images.oci_image(seed=1), images.oci_image(seed=2)
VULN, SPDX = "https://cosign.sigstore.dev/attestation/vuln/v1", "https://spdx.dev/Document"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ATT = f"sha256-{IMAGE.digest.hex}.att"
POLICY = {
    "p.yaml": """\
name: p
repositories: ["team/**"]
rules:
  - name: scanned
    signature_type: attestation
    predicate_type: vuln
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
    condition: predicate.clean
"""
}


@pytest.fixture
async def world(registry, gate_world):
    """The image is there, and nothing is stated of it."""
    async with gate_world(registry, POLICY) as made:
        made.add("team/app", IMAGE, signed=False)
        yield made


@pytest.fixture(params=["bundle", "att-tag"])
def attach(request, world):
    """Puts an envelope into the registry beside the image, past the gate."""

    def put(signed):
        bundle = world.sigstore.bundle(IMAGE.digest, world.key, logged=False)
        bundle["dsseEnvelope"] = signed
        if request.param == "bundle":
            subject = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type).descriptor
            world.put("team/app", bundle_object(bundle, subject, predicate_type=VULN))
        else:
            world.put("team/app", attestation_object(IMAGE.digest, [bundle], world.key))

    return put


def stated(kind=VULN, about=IMAGE.digest, **changes):
    """A statement that the rule asks for, but for what is changed."""
    return compact_json(statement(about, kind, {"clean": True}) | changes)


async def refused(world, reason, *expected):
    reply = await world.client.pull("team/app", "1.0")
    assert IMAGE.raw not in reply.body
    assert (reply.status, reason(reply) in expected) == (403, True), reply.body


async def test_the_world_admits_what_is_as_it_should_be(world, attach):
    attach(envelope(stated(), world.key))
    assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize(
    "payload",
    [
        stated(kind=SPDX),
        stated(kind="https://cosign.sigstore.dev/attestation/v1"),
        stated(kind=VULN + " "),
        stated(kind=VULN.upper()),
        stated()[:-1],
        b"",
        b"garbage",
        b"null",
        b"[]",
        stated(predicateType=None),
        stated(_type="https://example.com/Statement"),
        stated().replace(b'"predicateType"', b'"PredicateType"'),
        stated()[:-1] + b',"predicateType":"' + SPDX.encode() + b'"}',
    ],
    ids=[
        "spdx", "custom", "a-space", "upper-case", "truncated", "empty", "garbage", "null", "list", "no-type",
        "other-statement", "case-folded", "twice",
    ],
)  # fmt: skip
async def test_a11_what_is_signed_rightly_and_says_something_else(world, reason, attach, payload):
    attach(envelope(payload, world.key))
    await refused(world, reason, "predicate-type-mismatch", "payload-malformed", "payload-type-unknown")


@pytest.mark.parametrize(
    ("payload", "payload_type"),
    [
        (stated(subject=[]), None),
        (stated(subject=None), None),
        (stated(subject=[{"digest": {"sha512": "ab" * 64}}]), None),
        (stated(subject=[{"name": f"team/app@{IMAGE.digest}", "digest": {}}]), None),
        (stated(), "text/plain"),
        (stated(), "application/vnd.in-toto+json; charset=utf-8"),
    ],
    ids=["none", "null", "sha512", "only-in-the-name", "plain-text", "parameters"],
)
async def test_a12_a_statement_about_nothing(world, reason, attach, payload, payload_type):
    attach(envelope(payload, world.key, **({"payload_type": payload_type} if payload_type else {})))
    await refused(world, reason, "subject-mismatch", "payload-malformed", "payload-type-unknown")


async def test_a12_ours_may_be_the_second_of_several_subjects(world, attach):
    subjects = [{"digest": {"sha256": digest.hex}} for digest in (FOREIGN.digest, IMAGE.digest)]
    attach(envelope(stated(subject=subjects), world.key))
    assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("order", ["good-evil", "evil-good", "good-good", "none"])
async def test_a13_an_envelope_has_exactly_one_signature(world, reason, attach, order):
    made = envelope(stated(), world.key)
    (good,) = made["signatures"]
    (evil,) = envelope(stated(), world.other_key)["signatures"]
    attach(made | {"signatures": [{"good": good, "evil": evil}[one] for one in order.split("-") if one != "none"]})
    await refused(world, reason, "payload-malformed", "signature-invalid")


async def test_a19_a_statement_about_another_image(world, reason, attach):
    attach(envelope(stated(about=FOREIGN.digest), world.key))
    await refused(world, reason, "subject-mismatch")


@pytest.mark.parametrize("field", ["payload", "payloadType", "signatures"])
async def test_a33_an_envelope_with_a_field_twice_or_in_other_case(world, reason, attach, field):
    """Go would read the last one, whatever its case."""
    made = envelope(stated(kind=SPDX), world.key)
    attach({field.upper(): envelope(stated(), world.key)[field], **deepcopy(made)})
    await refused(world, reason, "payload-malformed", "predicate-type-mismatch")


@pytest.mark.parametrize(
    ("layers", "expected"), [(101, "evidence-too-much"), (100_000, "evidence-too-much")], ids=["101", "100,000"]
)
async def test_a17_more_attestations_than_are_read(world, reason, layers, expected):
    """All of them by strangers: a doubt, and few of them were asked for."""
    junk = compact_json(envelope(stated(), world.other_key))
    layer = {
        "mediaType": "application/vnd.dsse.envelope.v1+json", "size": len(junk), "digest": str(Digest.of(junk)),
        "annotations": {"dev.cosignproject.cosign/signature": ""},
    }  # fmt: skip
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": str(Digest.of(b"{}"))}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] * layers}
    for blob in (junk, b"{}"):
        world.registry.add_blob("team/app", blob)
    world.registry.add_manifest("team/app", json.dumps(manifest).encode(), OCI_MANIFEST, ATT)
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, expected)
    assert len(world.registry.requests) < 120


@pytest.mark.parametrize("moment", [f"/manifests/{ATT}", "/blobs/sha256:"], ids=["the-carrier", "the-envelope"])
async def test_a31_who_goes_away_while_it_is_judged_admits_nothing(registry, gate_world, reason, moment):
    """Cancelled where evidence is fetched: those who ask afterwards are judged, and not by what was cut."""
    reached, opened = asyncio.Event(), asyncio.Event()

    async def relay(reader, writer):
        host, _, port = registry.url.removeprefix("http://").partition(":")
        theirs = await asyncio.open_connection(host, int(port))

        async def copy(source, sink, watch):
            try:
                while piece := await source.read(65536):
                    if watch and moment.encode() in piece and not reached.is_set():
                        reached.set()
                        await opened.wait()
                    sink.write(piece)
                    await sink.drain()
            except ConnectionError:
                pass
            finally:
                sink.close()

        await asyncio.gather(copy(reader, theirs[1], watch=True), copy(theirs[0], writer, watch=False))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        more = {"upstreams": [{"name": "default", "url": f"http://127.0.0.1:{port}"}]}
        async with gate_world(registry, POLICY, more=more) as world:
            world.add("team/app", IMAGE, signed=False)
            bundle = world.sigstore.bundle(IMAGE.digest, world.key, logged=False)
            bundle["dsseEnvelope"] = envelope(stated(kind=SPDX), world.key)
            world.put("team/app", attestation_object(IMAGE.digest, [bundle], world.key))
            asking = asyncio.create_task(world.client.pull("team/app", "1.0"))
            async with asyncio.timeout(20):
                await reached.wait()
                asking.cancel()
                opened.set()
                await asyncio.wait([asking])
                for _ in range(2):
                    await refused(world, reason, "predicate-type-mismatch")
