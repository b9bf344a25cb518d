"""A hostile registry behind the whole gate: asserted each time is what the client got, and every byte that left."""

import asyncio
import gzip
import itertools
import json
import tracemalloc
from pathlib import Path

import aiohttp
import pytest

from sealgate.limits import MANIFEST_BYTES
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.registry import Answer, MemoryRegistry

GOOD = images.oci_image(seed=1)
EVIL = images.oci_image(seed=666)
TYPE = GOOD.media_type


def serve(artifact, **more):
    return Answer(
        headers={"Content-Type": artifact.media_type, "Docker-Content-Digest": str(GOOD.digest), **more},
        body=artifact.raw,
    )


def content_of_evil(reply):
    told = reply.body + "".join(reply.headers.values()).encode()
    return [secret for secret in (EVIL.raw, EVIL.raw[-60:], *EVIL.blobs) if secret in told]


# B1: the registry shows one thing to the check and another to the client.


@pytest.mark.parametrize("reference", ["1.0", str(GOOD.digest)], ids=["tag", "digest"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("good_first", [True, False])
async def test_b1_a_registry_that_alternates_by_request(world, reference, method, good_first):
    world.add("team/app", GOOD)
    turns = itertools.cycle((GOOD, EVIL) if good_first else (EVIL, GOOD))
    world.registry.script(f"(GET|HEAD) /v2/team/app/manifests/{reference}", lambda _: serve(next(turns)))
    statuses = []
    for _ in range(6):
        reply = await world.client.pull("team/app", reference, method)
        statuses.append(reply.status)
        assert content_of_evil(reply) == []
        if reply.status == 200:
            assert reply.headers["docker-content-digest"] == str(GOOD.digest)
            assert reply.body == (GOOD.raw if method == "GET" else b"")
            assert reply.headers["content-length"] == str(len(GOOD.raw))
    other = 502 if reference != "1.0" else 403
    assert statuses == ([200, other] if good_first else [other, 200]) * 3


@pytest.mark.parametrize("lie", ["by user agent", "by method"])
async def test_b1_a_registry_that_tells_the_gate_from_a_client(world, lie):
    """One request is made for one answer, and what it brings is both judged and served."""
    world.add("team/app", GOOD)

    def choose(request):
        if lie == "by method":
            return serve(GOOD if request.method == "HEAD" else EVIL)
        return serve(EVIL if "curl" in request.header("user-agent") else GOOD)

    world.registry.script("(GET|HEAD) /v2/team/app/manifests/1.0", choose)
    for method in ("HEAD", "GET"):
        world.asked()
        headers = {"User-Agent": "curl/8", "Accept": "*/*"}
        reply = await world.client.ask(method, "/v2/team/app/manifests/1.0", headers=headers)
        assert content_of_evil(reply) == []
        assert reply.status == (403 if lie == "by method" else 200)
        assert [line for line in world.asked() if line.endswith("manifests/1.0")] == ["GET /v2/team/app/manifests/1.0"]
    assert all("curl" not in request.header("user-agent") for request in world.registry.requests)


async def test_b1_the_digest_that_the_registry_states_counts_for_nothing(world):
    world.add("team/app", GOOD)
    world.registry.script("GET /v2/team/app/manifests/1.0", serve(EVIL))  # with the digest of the good one
    reply = await world.client.pull("team/app", "1.0")
    assert reply.status == 403
    assert content_of_evil(reply) == []


async def test_b1_a_blob_that_is_another_is_never_whole(world):
    """F5 through the gate: of the size it should have, of other bytes."""
    image = world.add("team/app", images.oci_image(seed=3, size=3_000_000))
    layer = image.blobs[1]
    assert (await world.client.pull("team/app", "1.0")).status == 200
    evil = b"E" * len(layer)
    world.registry.script(f"GET /v2/team/app/blobs/{Digest.of(layer)}", Answer(body=evil))
    got = await world.raw(request("GET", f"/v2/team/app/blobs/{Digest.of(layer)}"))
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 502"))
    assert len(body) < len(evil)  # fewer bytes than it promised: broken off, never a clean end


def request(method, target, *lines, body=b""):
    head = [f"{method} {target} HTTP/1.1", "Host: gate.example", "Connection: close", *lines, "", ""]
    return "\r\n".join(head).encode() + body


@pytest.mark.parametrize("size", [100, 3_000_000])
@pytest.mark.parametrize("fault", ["truncated", "other", "longer"])
async def test_f4_f5_a_wrong_blob_never_ends_well(world, size, fault):
    image = world.add("team/app", images.oci_image(seed=4, size=size))
    layer = image.blobs[1]
    assert (await world.client.pull("team/app", "1.0")).status == 200
    flipped = layer[:-1] + bytes([layer[-1] ^ 1])
    answer = {
        "truncated": Answer(body=layer, stop_after=len(layer) - 1),
        "other": Answer(body=flipped),
        "longer": Answer(body=layer + b"x"),
    }[fault]
    world.registry.script(f"GET /v2/team/app/blobs/{Digest.of(layer)}", answer)
    got = await world.raw(request("GET", f"/v2/team/app/blobs/{Digest.of(layer)}"))
    head, _, body = got.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200"):
        stated = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        assert len(body) < stated
    else:
        assert head.split(b" ")[1] in (b"502", b"503")
    assert layer[-1:] != body[-1:] or len(body) < len(layer)


# B6, B7: what has two meanings does not come out, whatever the registry took in.

INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
AMBIGUOUS = {
    "layers and manifests": (GOOD.raw[:-1] + b',"manifests":[]}', TYPE),
    "index with layers": (b'{"schemaVersion":2,"mediaType":"%b","manifests":[],"layers":[]}' % INDEX.encode(), INDEX),
    "image as index": (GOOD.raw, INDEX),
    "image as docker": (GOOD.raw, DOCKER),
    "no type": (GOOD.raw, "application/json"),
    "schema 1": (
        b'{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[]}',
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ),
    "duplicate layers": (GOOD.raw[:-1] + b',"layers":[]}', TYPE),
    "folded layers": (GOOD.raw[:-1] + b',"Layers":[]}', TYPE),
    "folded config": (GOOD.raw[:-1] + b',"CONFIG":{}}', TYPE),
    "folded type": (GOOD.raw[:-1] + b',"mediatype":"x"}', TYPE),
    "escaped layers": (GOOD.raw[:-1] + b',"l\\u0061yers":[]}', TYPE),
    "duplicate in a descriptor": (
        GOOD.raw.replace(b'"digest":', b'"digest":"sha256:%b","digest":' % (b"0" * 64), 1),
        TYPE,
    ),
    "folded in a descriptor": (
        GOOD.raw.replace(b'"digest":', b'"Digest":"sha256:%b","digest":' % (b"0" * 64), 1),
        TYPE,
    ),
    "two subjects": (GOOD.raw[:-1] + b',"subject":null,"subject":null}', TYPE),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.raw, TYPE),
    "trailing": (GOOD.raw + b"{}", TYPE),
    "nul": (GOOD.raw + b"\0", TYPE),
    "utf-16": (GOOD.raw.decode().encode("utf-16"), TYPE),
    "deep": (GOOD.raw[:-1] + b',"annotations":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", TYPE),
}


@pytest.mark.parametrize(("raw", "media_type"), AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("by", ["tag", "digest"])
async def test_b6_b7_two_meanings_do_not_come_out_even_signed(world, reason, raw, media_type, by):
    digest = world.registry.add_manifest("team/app", raw, media_type, "1.0")
    world.put("team/app", world.signature(digest))
    for blob in GOOD.blobs:
        world.registry.add_blob("team/app", blob)
    for method in ("GET", "HEAD"):
        reply = await world.client.pull("team/app", "1.0" if by == "tag" else str(digest), method)
        assert reply.status == 403
        assert raw[:40] not in reply.body
        if method == "GET":
            assert reason(reply) == "manifest-malformed"
    for blob in GOOD.blobs:
        assert (await world.client.blob("team/app", Digest.of(blob))).status == 403


@pytest.mark.parametrize(("raw", "media_type"), AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("by", ["tag", "digest"])
async def test_b6_b7_two_meanings_do_not_go_in(world, raw, media_type, by):
    digest = Digest.of(raw)
    world.put("team/app", world.signature(digest))
    reply = await world.client.push_manifest("team/app", "1.0" if by == "tag" else str(digest), raw, media_type)
    assert reply.status == 400
    assert json.loads(reply.body)["errors"][0]["code"] == "MANIFEST_INVALID"
    assert world.wrote() == []


# B8, B9: what is a manifest and what is a blob.


async def test_b8_bytes_pushed_as_a_blob_are_judged_when_asked_for_as_a_manifest(world):
    """Distribution 2.8 serves any blob at /manifests/<digest>; the gate judges what comes, not how it came."""
    assert (await world.client.push_blob("team/app", EVIL.raw)).status == 201
    world.registry.script(f"GET /v2/team/app/manifests/{EVIL.digest}", serve(EVIL))
    for method in ("GET", "HEAD"):
        reply = await world.client.pull("team/app", str(EVIL.digest), method)
        assert reply.status == 403
        assert content_of_evil(reply) == []
    for path in (f"/v2/team/app/blobs/{EVIL.digest}",):
        assert (await world.client.ask("GET", path)).status == 403


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-10"}, {"Accept": TYPE}])
async def test_b9_a_manifest_is_no_blob(world, seen, headers):
    """A registry that keeps manifests among its blobs, as zot does."""
    world.add("team/app", EVIL, signed=False)
    world.registry.add_blob("team/app", EVIL.raw)
    if seen:
        assert (await world.client.pull("team/app", "1.0")).status == 403
    path = f"/v2/team/app/blobs/{EVIL.digest}"
    reply = await world.client.ask("GET", path, headers=headers)
    assert reply.status == 403
    assert content_of_evil(reply) == []
    reply = await world.client.ask("HEAD", path, headers=headers)
    assert reply.body == b""
    assert not seen or reply.status == 404


async def test_b9_a_signed_image_makes_no_foreign_manifest_a_blob(world):
    """Nor does an admitted index: what it lists are manifests."""
    index = world.add("team/app", images.index(seed=10))
    for child in index.children:
        world.registry.add_blob("team/app", child.raw)
    assert (await world.client.pull("team/app", "1.0")).status == 200
    for child in index.children:
        assert (await world.client.blob("team/app", child.digest)).status == 403


# B11: the registry chooses by Accept; what it chose is judged.

ACCEPTS = [
    "",
    "*/*",
    TYPE,
    DOCKER,
    INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "text/html",
    f"{TYPE}, {INDEX}",
]


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("signed", ["image", "index", "both", "none"])
async def test_b11_what_the_registry_chose_by_accept_is_what_is_judged(world, accept, signed):
    index = images.index([EVIL, images.oci_image(seed=2)])
    world.registry.add_artifact("team/app", index, "1.0")
    for name, one in (("image", EVIL), ("index", index)):
        if signed in (name, "both"):
            world.put("team/app", world.signature(one.digest))

    def choose(asked):
        return serve(index if INDEX in asked.header("accept") or "*/*" in asked.header("accept") else EVIL)

    world.registry.script("GET /v2/team/app/manifests/1.0", choose)
    headers = {"Accept": accept} if accept else {}
    reply = await world.client.ask("GET", "/v2/team/app/manifests/1.0", headers=headers)
    expected = {"image": EVIL, "index": index}
    came = next((name for name, one in expected.items() if one.raw == reply.body), None)
    if reply.status == 200:
        assert came is not None
        assert signed in (came, "both")
        assert reply.headers["docker-content-digest"] == str(expected[came].digest)
        assert reply.headers["content-type"] == expected[came].media_type
    else:
        assert reply.status == 403
        assert content_of_evil(reply) == []
        assert index.raw not in reply.body
    assert signed != "both" or reply.status == 200
    assert signed != "none" or reply.status == 403


# B24: bombs.

BOMB = gzip.compress(b"\0" * 64_000_000)


@pytest.mark.parametrize(
    "place",
    ["manifests/1.0", "referrers/.*", "manifests/sha256-[0-9a-f]*[.]sig", "manifests/sha256-[0-9a-f]*", "blobs/.*"],
)
@pytest.mark.parametrize("bomb", ["endless", "endless json", "gzip", "long", "error"])
async def test_b24_a_bomb_from_the_registry_goes_off_nowhere(world, place, bomb):
    """What is read stays within the bounds, whichever of the gate's own requests it answers."""
    world.add("team/app", GOOD, signed=False)
    world.put("team/app", world.signature(GOOD.digest, world.other_key))
    kind = {"Content-Type": INDEX if "referrers" in place else TYPE}
    answer = {
        "endless": Answer(headers=kind, body=b"x" * 65536, repeat=None, chunked=True),
        "endless json": Answer(headers=kind, body=b"[" * 65536, repeat=None, chunked=True),
        "gzip": Answer(headers={**kind, "Content-Encoding": "gzip"}, body=BOMB),
        "long": Answer(headers=kind, body=b" " * 65536, repeat=3200),
        "error": Answer(status=404, body=b"x" * 65536, repeat=None, chunked=True),
    }[bomb]
    world.registry.script(f"GET /v2/team/app/{place}", answer)
    tracemalloc.start()
    try:
        async with asyncio.timeout(20):
            reply = await world.client.pull("team/app", "1.0")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reply.status in (403, 404, 502, 503)
    assert GOOD.raw not in reply.body
    assert peak < 8 * MANIFEST_BYTES
    assert (await world.client.ask("GET", "/v2/")).status == 200


async def test_b24_an_endless_blob_is_no_whole_one(world):
    world.add("team/app", GOOD)
    assert (await world.client.pull("team/app", "1.0")).status == 200
    digest = Digest.of(GOOD.blobs[1])
    world.registry.script(f"GET /v2/team/app/blobs/{digest}", Answer(body=b"x" * 65536, repeat=None, chunked=True))
    assert (await world.client.blob("team/app", digest)).status in (502, 503)


# B25: where the registry sends the gate.

LOCATIONS = [
    "http://127.0.0.2:{port}/evil",
    "http://[::1]:{port}/evil",
    "http://127.1:{port}/evil",
    "http://2130706433:{port}/evil",
    "http://localhost:{port}/evil",
    "//127.0.0.1:{port}/evil",
    "http://127.0.0.1@127.0.0.1:{port}/evil",
    "ftp://127.0.0.1:{port}/evil",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "gopher://127.0.0.1:{port}/_x",
]


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_b25_a_redirect_leads_nowhere_and_takes_nobody_along(world, location, status):
    """From the blob of an admitted image, from a manifest and from the evidence; the client is redirected never."""
    async with MemoryRegistry() as attacker:
        attacker.script(".*", Answer(body=GOOD.blobs[1]))
        there = location.format(port=attacker.host.rpartition(":")[2])
        world.add("team/app", GOOD)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        away = Answer(status=status, headers={"Location": there})
        digest = Digest.of(GOOD.blobs[1])
        world.registry.script(".* /v2/team/app/(blobs/.*|manifests/evil|referrers/.*)", away)
        secret = {"Authorization": "Bearer canary"}
        for path in (f"/v2/team/app/blobs/{digest}", "/v2/team/app/manifests/evil"):
            for method in ("GET", "HEAD"):
                reply = await world.client.ask(method, path, headers=secret)
                assert reply.status in (502, 503)
                assert "location" not in reply.headers
                assert b"169.254" not in reply.body
        reply = await world.client.ask("POST", "/v2/team/app/blobs/uploads/", headers=secret)
        assert "location" not in reply.headers
        assert attacker.requests == []


@pytest.mark.parametrize("location", [*LOCATIONS, "http://evil.example/v2/x", "/v2/../../evil", "\\\\evil"])
async def test_b25_an_upload_location_leads_nowhere(world, location):
    async with MemoryRegistry() as attacker:
        there = location.format(port=attacker.host.rpartition(":")[2])
        world.registry.script("POST /v2/team/app/blobs/uploads/", Answer(status=202, headers={"Location": there}))
        reply = await world.client.push_blob("team/app", b"content")
        assert reply.status >= 400 or reply.status == 202
        if reply.status == 202:
            assert reply.headers["location"].startswith("/v2/team/app/blobs/uploads/")
        assert attacker.requests == []
        assert "evil" not in str(reply.headers.get("location", ""))


# B38: descriptors that send the client elsewhere.


@pytest.mark.parametrize("where", ["layer", "config", "child"])
async def test_b38_urls_neither_come_out_nor_go_in(world, reason, where):
    document = json.loads((images.index(seed=10) if where == "child" else GOOD).raw)
    entry = {
        "layer": lambda: document["layers"][0],
        "config": lambda: document["config"],
        "child": lambda: document["manifests"][0],
    }[where]()
    entry["urls"] = ["http://evil.example/layer"]
    raw = json.dumps(document).encode()
    media_type = document["mediaType"]
    digest = world.registry.add_manifest("team/app", raw, media_type, "1.0")
    world.put("team/app", world.signature(digest))
    reply = await world.client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "manifest-malformed")
    assert b"evil.example" not in reply.body
    world.registry.requests.clear()
    assert (await world.client.push_manifest("team/app", "2.0", raw, media_type)).status == 400
    assert world.wrote() == []


async def test_f3_a_registry_that_vanishes_in_the_middle_frees_what_it_held(start_gate):
    """No end and no reset ever comes, as from a machine that lost its network: only the time without a byte tells."""
    blob = Digest.of(GOOD.blobs[-1])
    async with MemoryRegistry() as registry, aiohttp.ClientSession() as session:
        registry.add_artifact("team/app", GOOD, "1.0")
        registry.script("GET .*/blobs/.*", Answer(body=b"abc", repeat=2, pause=3600))
        said = {"name": "default", "url": registry.url, "timeouts": {"idle": 1}}
        policies = {"open.yaml": "name: open\nrepositories: ['**']\nallow_unsigned: true\n"}
        gate = await start_gate(registry.url, policies, more={"upstreams": [said]})
        client = RegistryClient(gate.url, session)
        assert (await client.pull("team/app", "1.0")).status == 200
        ends = await asyncio.gather(*(client.blob("team/app", blob) for _ in range(20)), return_exceptions=True)
        assert [end for end in ends if not isinstance(end, aiohttp.ClientError) and end.status != 503] == []
        port = int(registry.url.rpartition(":")[2])
        async with asyncio.timeout(10):
            while established(port) > 1:  # noqa: ASYNC110  (one may be kept for the next request)
                await asyncio.sleep(0.02)


def established(port):
    """How many connections to a port stand, as the kernel has it (proc(5), /proc/net/tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in lines)
