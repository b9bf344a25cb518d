"""Who sees what of an image that waits for its signature, or was refused (design section 6, "Visibility")."""

import json

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
MANIFEST = IMAGE.media_type
STEM = f"sha256-{IMAGE.digest.hex}"

HOLD = """\
name: hold
repositories: ["team/**"]
on_unsigned_push: hold
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
COSIGN_2 = "cosign/v2.6.5 (linux; amd64) go-containerregistry/v0.20.7"
SIGNERS = [COSIGN_2, "cosign/v3.1.3", "notation/1.3.2", "oras-go", "oras/1.3.0"]
READERS = ["docker/28.0 go/go1.24", "containerd/2.1.0+unknown", "containers/5.34 (github.com/containers/image)", ""]


@pytest.fixture
async def waiting(registry, gate_world, tmp_path):
    """A gate at which 1.0 is held, and nothing was there before."""
    upstream = {"name": "default", "url": registry.url, "credentials": "anonymous"}
    options = {"state": tmp_path / "state.db", "more": {"upstreams": [upstream]}}
    async with gate_world(registry, {"hold.yaml": HOLD}, **options) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        yield world


def ask(world, method, reference, agent, accept="*/*"):
    headers = {"User-Agent": agent, "Accept": accept}
    return world.client.ask(method, f"/v2/team/app/manifests/{reference}", headers=headers)


@pytest.mark.parametrize("agent", SIGNERS)
async def test_b5_who_signs_gets_the_descriptor_of_what_waits_and_none_of_its_bytes(waiting, agent):
    told = await ask(waiting, "HEAD", IMAGE.digest, agent)
    assert told.status == 200
    assert told.headers["docker-content-digest"] == str(IMAGE.digest)
    assert told.headers["content-length"] == str(len(IMAGE.raw))
    assert told.headers["content-type"] == MANIFEST
    got = await ask(waiting, "GET", IMAGE.digest, agent)
    assert got.status == 404
    assert IMAGE.raw not in got.body
    for blob in IMAGE.blobs:
        assert (await waiting.client.ask("GET", f"/v2/team/app/blobs/{Digest.of(blob)}")).status == 403


@pytest.mark.parametrize("reference", ["1.0", str(IMAGE.digest)])
@pytest.mark.parametrize("agent", READERS)
async def test_b4_who_reads_is_refused_in_every_form(waiting, agent, reference):
    for method in ("GET", "HEAD"):
        reply = await ask(waiting, method, reference, agent)
        assert reply.status == 403
        assert IMAGE.raw not in reply.body
        assert "Denied" in reply.reason


@pytest.mark.parametrize("reference", ["1.0", str(IMAGE.digest)])
@pytest.mark.parametrize("agent", READERS)
async def test_b5_the_head_of_a_push_goes_on(waiting, agent, reference):
    """containerd, BuildKit and docker with the containerd store push again what waits: they stop at all but 404."""
    assert (await ask(waiting, "HEAD", reference, agent, f"{MANIFEST}, */*")).status == 404
    assert (await waiting.client.push("team/app", IMAGE, "1.0")).status == 201


@pytest.mark.parametrize("agent", SIGNERS + READERS)
async def test_b5_nobody_is_refused_who_asks_for_the_signatures_of_what_waits(waiting, agent):
    for suffix in ("", ".sig", ".att", ".sbom"):
        for method in ("GET", "HEAD"):
            assert (await ask(waiting, method, STEM + suffix, agent)).status == 404
    reply = await waiting.client.ask("GET", f"/v2/team/app/referrers/{IMAGE.digest}", headers={"User-Agent": agent})
    assert (reply.status, json.loads(reply.body)["manifests"]) == (200, [])


async def test_b5_what_lies_at_a_tag_of_signatures_stops_nobody_from_signing(waiting):
    """Something that runs, put there past the gate: 403 would stop cosign, which then could not mend it."""
    tag = f"{STEM}.sig"
    waiting.registry.add_artifact("team/app", OTHER, tag)
    for method in ("GET", "HEAD"):
        reply = await ask(waiting, method, tag, COSIGN_2)
        assert reply.status == 404
        assert OTHER.raw not in reply.body
    assert (await waiting.client.push_signature("team/app", waiting.signature(IMAGE.digest))).status == 201
    assert (await waiting.client.pull("team/app", "1.0")).body == IMAGE.raw


async def test_a_doubt_about_a_tag_of_signatures_stays_a_doubt(waiting):
    """404 would make cosign write over signatures that are there."""
    carrier = waiting.signature(IMAGE.digest)
    waiting.put("team/app", carrier)
    waiting.registry.script("GET /v2/team/app/blobs/.*", Answer(status=500))
    assert (await ask(waiting, "GET", carrier.tag, COSIGN_2)).status == 503


async def test_what_waits_is_in_no_listing_of_tags_before_it_is_released(waiting):
    async def tags():
        return json.loads((await waiting.client.ask("GET", "/v2/team/app/tags/list")).body)["tags"]

    assert "1.0" not in (await tags() or [])
    assert (await waiting.client.push_signature("team/app", waiting.bundle(IMAGE))).status == 201
    assert "1.0" in await tags()


@pytest.mark.parametrize("outcome", ["held", "in doubt"])
async def test_readers_of_a_tag_get_what_it_admitted_before(waiting, outcome):
    waiting.add("team/app", OTHER, "2.0")
    assert (await waiting.client.pull("team/app", "2.0")).body == OTHER.raw
    if outcome == "in doubt":
        waiting.registry.script(f"GET /v2/team/app/referrers/{IMAGE.digest}", Answer(status=500))
    pushed = await waiting.client.push("team/app", IMAGE, "2.0")
    assert pushed.status == (201 if outcome == "held" else 503)
    for agent in (*READERS, *SIGNERS):
        reply = await ask(waiting, "GET", "2.0", agent)
        assert (reply.status, reply.body) == (200, OTHER.raw)


async def test_what_came_to_a_tag_past_the_gate_is_refused_with_its_digest(waiting, reason):
    waiting.add("team/app", OTHER, "3.0", signed=False)
    for agent in (*READERS, *SIGNERS):
        reply = await ask(waiting, "GET", "3.0", agent)
        assert (reply.status, reason(reply)) == (403, "signature-missing")
        assert str(OTHER.digest) in reply.body.decode()
