"""The registry protocol as a way round the policies: mounts, deletes, listings, retags; and a registry that fails."""

import asyncio
import itertools
import json
import logging
import time
from contextlib import AsyncExitStack, suppress

import aiohttp
import pytest

from sealgate.limits import LISTING_ENTRIES, MANIFEST_BYTES
from sealgate.oci.digest import Digest
from sealgate.policy.access import AccessRules, Grant, Right
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.registry import Answer, MemoryRegistry
from sealgate.testing.registry.raw import RawServer

IMAGE = images.oci_image(seed=1)
EVIL = images.oci_image(seed=666)

SIGNED = """\
name: signed
repositories: ["team/**"]
rules:
  - name: release-key
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
OPEN = "name: open\nrepositories: ['open/**']\nallow_unsigned: true\n"
POLICIES = {"signed.yaml": SIGNED, "open.yaml": OPEN}


ANYBODY = AccessRules(
    (Grant(who=frozenset({"anyone"}), may=frozenset({Right.PULL, Right.PUSH, Right.DELETE}), repositories=("**",)),)
)


@pytest.fixture
async def registry():
    """As most are: a manifest that lists a blob which is not there is refused."""
    async with MemoryRegistry() as made:
        yield made


@pytest.fixture
async def governed(registry, gate_world):
    async with gate_world(registry, POLICIES, rights=ANYBODY) as made:
        yield made


# B2: the tag moves while it is asked for.

RETAG_SECONDS = 3.0
RETAG_HERTZ = 200
PULLERS = 32


async def test_b2_what_a_moving_tag_gives_is_one_admitted_image_whole(world):
    admitted = {str(image.digest): image for image in (images.oci_image(seed=seed) for seed in range(8))}
    for image in admitted.values():
        world.add("team/app", image)
    unsigned = [images.oci_image(seed=100 + seed) for seed in range(8)]
    for image in unsigned:
        world.add("team/app", image, signed=False)
    turns = itertools.cycle([image for pair in zip(admitted.values(), unsigned, strict=True) for image in pair])
    ends = time.monotonic() + RETAG_SECONDS
    statuses = set()

    async def retag():
        while time.monotonic() < ends:
            image = next(turns)
            world.registry.add_manifest("team/app", image.raw, image.media_type, "1.0")
            await asyncio.sleep(1 / RETAG_HERTZ)

    async def pull(method):
        while time.monotonic() < ends:
            reply = await world.client.pull("team/app", "1.0", method)
            statuses.add(reply.status)
            told = reply.headers.get("docker-content-digest", "")
            if reply.status == 200:
                assert told in admitted
                assert reply.body == (admitted[told].raw if method == "GET" else b"")
                assert reply.headers["content-length"] == str(len(admitted[told].raw))
            else:
                assert (reply.status, told) == (403, "")

    async with asyncio.TaskGroup() as group:
        group.create_task(retag())
        for number in range(PULLERS):
            group.create_task(pull("HEAD" if number % 4 == 0 else "GET"))
    assert statuses == {200, 403}


# B19: a mount makes content of one repository content of another.


async def mount(world, digest, source, into="open/app"):
    query = f"mount={digest}" + (f"&from={source}" if source else "")
    reply = await world.client.ask("POST", f"/v2/{into}/blobs/uploads/?{query}")
    return reply, [line for line in world.asked() if "mount=" in line]


async def test_b19_a_mount_is_a_read_under_the_policies_of_its_source(governed):
    for image, signed in ((IMAGE, True), (EVIL, False)):
        governed.add("team/app", image, signed=signed)
        await governed.client.pull("team/app", str(image.digest))
    allowed, refused = (Digest.of(image.blobs[1]) for image in (IMAGE, EVIL))

    reply, mounts = await mount(governed, refused, "team/app")
    assert (reply.status, mounts) == (202, [])
    assert reply.headers["location"].startswith("/v2/open/app/blobs/uploads/")
    assert not governed.registry.has_blob("open/app", refused)

    reply, mounts = await mount(governed, allowed, "team/app")
    assert (reply.status, reply.headers["location"]) == (201, f"/v2/open/app/blobs/{allowed}")
    assert mounts == [f"POST /v2/open/app/blobs/uploads/?mount={allowed}&from=team/app"]
    assert (await governed.client.blob("open/app", allowed)).body == IMAGE.blobs[1]


@pytest.mark.parametrize("source", ["", "team%2Fother", "open/app", "nobody/app"])
async def test_b19_a_mount_from_nowhere_or_elsewhere_is_an_upload(governed, source):
    governed.add("team/app", IMAGE)
    await governed.client.pull("team/app", "1.0")
    blob = Digest.of(IMAGE.blobs[1])
    reply, mounts = await mount(governed, blob, source, into="open/new")
    assert reply.status == 202
    assert mounts == ([f"POST /v2/open/new/blobs/uploads/?mount={blob}&from=open/app"] if source == "open/app" else [])
    assert not governed.registry.has_blob("open/new", blob)


async def test_b19_a_mount_into_what_no_policy_covers_is_refused(governed):
    governed.add("team/app", IMAGE)
    reply, _ = await mount(governed, Digest.of(IMAGE.blobs[1]), "team/app", into="nobody/app")
    assert reply.status == 403


# B9 where anything may pass: a blob needs no manifest there, and a manifest is still no blob.


async def test_b9_where_anything_may_pass_a_blob_needs_no_manifest_and_a_manifest_is_no_blob(governed):
    blob = governed.registry.add_blob("open/app", b"nothing lists it")
    assert (await governed.client.blob("open/app", blob)).body == b"nothing lists it"
    governed.registry.add_blob("team/app", b"nothing lists it")
    assert (await governed.client.blob("team/app", blob)).status == 403

    governed.add("open/app", EVIL, signed=False)
    governed.registry.add_blob("open/app", EVIL.raw)  # as registries that keep them in one place
    assert (await governed.client.pull("open/app", "1.0")).status == 200
    got = await governed.client.blob("open/app", EVIL.digest)
    assert (got.status, EVIL.raw in got.body) == (403, False)


# B20: listings.


async def test_b20_pages_without_end_are_one_page_each(world):
    """The gate follows no links of a tag listing: it hands out its own, one for each page that is asked for."""
    body = json.dumps({"name": "team/app", "tags": ["a"]}).encode()
    headers = {"Content-Type": "application/json", "Link": '</v2/team/app/tags/list?last=a>; rel="next"'}
    world.registry.script("GET /v2/team/app/tags/list", Answer(headers=headers, body=body))
    reply = await world.client.ask("GET", f"/v2/team/app/tags/list?n={2**63}")
    assert reply.headers["link"] == f'</v2/team/app/tags/list?n={LISTING_ENTRIES}&last=a>; rel="next"'
    assert world.asked() == [f"GET /v2/team/app/tags/list?n={LISTING_ENTRIES}"]


@pytest.mark.parametrize(
    "link",
    ["<http://evil.example/v2/team/app/tags/list?last=a>; rel=next", "</v2/secret/app/tags/list?last=a>; rel=next",
     "<//evil.example/x?last=a>; rel=next", "</v2/team/app/tags/list/../../x?last=a>; rel=next", "junk"],
)  # fmt: skip
@pytest.mark.parametrize("listing", ["/v2/team/app/tags/list", "/v2/_catalog"])
async def test_b20_a_listing_that_leads_elsewhere_is_none(registry, gate_world, link, listing):
    body = b'{"tags": ["a"], "repositories": ["team/app"]}'
    registry.script(f"GET {listing}", Answer(headers={"Content-Type": "application/json", "Link": link}, body=body))
    async with gate_world(registry, catalog=True) as world:
        reply = await world.client.ask("GET", listing)
        assert (reply.status, "evil" in str(reply.headers) + reply.body.decode()) == (503, False)


async def test_b20_the_catalog_is_rebuilt_and_holds_names_only(registry, gate_world):
    body = json.dumps({"repositories": ["team/app", "../x", "A", 5, None, "<b>", "team/base"], "x": 1}).encode()
    link = '</v2/_catalog?n=2&last=team/base>; rel="next"'
    registry.script("GET /v2/_catalog", Answer(headers={"Content-Type": "application/json", "Link": link}, body=body))
    async with gate_world(registry, catalog=True) as world:
        reply = await world.client.ask("GET", "/v2/_catalog?n=2&last=a&from=x")
        assert json.loads(reply.body) == {"repositories": ["team/app", "team/base"]}
        assert reply.headers["link"] == '</v2/_catalog?n=2&last=team%2Fbase>; rel="next"'
        assert world.asked() == ["GET /v2/_catalog?n=2&last=a"]


# B21: deletes.


@pytest.mark.parametrize("path", ["manifests/1.0", f"manifests/{IMAGE.digest}", f"blobs/{Digest.of(IMAGE.blobs[1])}"])
async def test_b21_without_a_right_to_nothing_is_deleted(world, path):
    world.add("team/app", IMAGE)
    reply = await world.client.ask("DELETE", f"/v2/team/app/{path}")
    assert (reply.status, "DELETE" in reply.headers["allow"], world.asked()) == (405, False, [])


def delete(world, reference):
    return world.client.ask("DELETE", f"/v2/team/app/manifests/{reference}")


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "in a file"])
@pytest.mark.parametrize("by", ["tag", "digest"])
async def test_b21_a_deleted_signature_admits_nothing_any_more(registry, gate_world, tmp_path, stored, by):
    state = tmp_path / "state.db" if stored else None
    async with gate_world(registry, rights=ANYBODY, state=state) as world:
        world.add("team/app", IMAGE)
        signature = world.signature(IMAGE.digest)
        for _ in range(2):
            assert (await world.client.pull("team/app", "1.0")).status == 200
        gone = registry.tags("team/app")[signature.tag] if by == "digest" else signature.tag
        assert (await delete(world, gone)).status == 202
        for reference in ("1.0", str(IMAGE.digest)):
            assert (await world.client.pull("team/app", reference)).status == 403
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403


async def test_b21_a_deleted_referrer_admits_nothing_any_more(governed):
    governed.add("team/app", IMAGE, signed=False)
    bundle = governed.bundle(IMAGE)
    governed.put("team/app", bundle)
    assert (await governed.client.pull("team/app", "1.0")).status == 200
    assert (await delete(governed, bundle.digest)).status == 202
    assert (await governed.client.pull("team/app", "1.0")).status == 403


async def test_b21_the_deleted_blob_of_a_signature_admits_nothing_any_more(governed):
    governed.add("team/app", IMAGE)
    assert (await governed.client.pull("team/app", "1.0")).status == 200
    payload = json.loads(governed.signature(IMAGE.digest).manifest)["layers"][0]["digest"]
    assert (await governed.client.ask("DELETE", f"/v2/team/app/blobs/{payload}")).status == 202
    assert (await governed.client.pull("team/app", "1.0")).status in (403, 503)


async def test_b21_a_deleted_index_covers_no_child_any_more(governed):
    index = governed.add("team/app", images.index(seed=10))
    child = str(index.children[0].digest)
    assert (await governed.client.pull("team/app", "1.0")).status == 200
    assert (await governed.client.pull("team/app", child)).status == 200
    assert (await delete(governed, index.digest)).status == 202
    assert (await governed.client.pull("team/app", child)).status == 403


async def test_b21_a_delete_that_failed_may_have_happened(governed):
    """The registry deletes, and its answer is lost: what was decided before is not relied on either."""
    governed.add("team/app", IMAGE)
    tag = governed.signature(IMAGE.digest).tag
    assert (await governed.client.pull("team/app", "1.0")).status == 200
    governed.registry.script(f"DELETE .*/manifests/{tag}", Answer(status=500))
    governed.registry.remove("team/app", tag)
    assert (await delete(governed, tag)).status == 503
    assert (await governed.client.pull("team/app", "1.0")).status == 403


async def test_b21_a_decision_from_before_a_delete_is_not_kept(governed):
    """The signature is read, then deleted, while the image is still being decided about."""
    governed.add("team/app", IMAGE)
    tag = governed.signature(IMAGE.digest).tag
    governed.registry.script(
        "GET /v2/team/app/referrers/.*",
        Answer(headers={"Content-Type": "application/vnd.oci.image.index.v1+json"}, delay=0.5,
               body=b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'),
        times=1,
    )  # fmt: skip
    read = asyncio.Event()
    governed.registry.script("GET /v2/team/app/blobs/.*", lambda _: read.set())
    pulling = asyncio.create_task(governed.client.pull("team/app", "1.0"))
    async with asyncio.timeout(10):
        await read.wait()
    assert not pulling.done()
    assert (await delete(governed, tag)).status == 202
    await pulling
    assert (await governed.client.pull("team/app", "1.0")).status == 403


async def test_b21_the_upstreams_own_refusal_of_a_delete_is_passed_on(governed):
    governed.registry.script("DELETE .*", Answer(status=405, body=b'{"errors":[{"code":"UNSUPPORTED"}]}'))
    assert (await delete(governed, "1.0")).status == 405


# F1, F18, F22, F23: a registry that fails.


async def test_f1_a_registry_that_is_down_is_503_at_once(gate_world):
    async with AsyncExitStack() as running:
        registry = await running.enter_async_context(MemoryRegistry())
        async with gate_world(registry) as world:
            world.add("team/app", IMAGE)
            assert (await world.client.pull("team/app", "1.0")).status == 200
            await running.aclose()
            begun = time.monotonic()
            blob = f"/v2/team/app/blobs/{Digest.of(IMAGE.blobs[1])}"
            for path in ("/v2/", "/v2/team/app/manifests/1.0", f"/v2/team/app/manifests/{IMAGE.digest}", blob):
                reply = await world.client.ask("GET", path)
                assert (reply.status, reply.headers["retry-after"]) == (503, "5")
                assert IMAGE.raw not in reply.body
            assert time.monotonic() - begun < 4  # a second each, at most


@pytest.mark.parametrize("reference", ["1.0", str(IMAGE.digest)], ids=["tag", "digest"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b" " * (MANIFEST_BYTES + 1)),
        Answer(body=b" " * 65536, repeat=None, chunked=True),
        Answer(body=b"x", length=10**12),
    ],
    ids=["one byte more", "without end", "said to be"],
)
async def test_f18_a_manifest_that_is_too_large_does_not_come_out(world, reason, reference, answer):
    world.registry.script("GET /v2/team/app/manifests/.*", answer)
    reply = await world.client.pull("team/app", reference)
    assert (reply.status, reason(reply)) == (403, "manifest-too-large")


@pytest.mark.parametrize("framing", [f"Content-Length: {MANIFEST_BYTES + 1}", "Transfer-Encoding: chunked"])
async def test_f18_a_manifest_that_is_too_large_does_not_go_in(world, framing):
    head = (
        f"PUT /v2/team/app/manifests/1.0 HTTP/1.1\r\nHost: x\r\nContent-Type: {IMAGE.media_type}\r\n{framing}\r\n\r\n"
    )
    body = b"%x\r\n%b\r\n" % (MANIFEST_BYTES + 1, b" " * (MANIFEST_BYTES + 1)) if "chunked" in framing else b""
    got = await world.raw(head.encode() + body)
    assert got.startswith(b"HTTP/1.1 413")
    assert world.wrote() == []


@pytest.mark.parametrize(("status", "told"), [(401, 401), (403, 403), (429, 429), (500, 503), (502, 503), (503, 503)])
async def test_f22_a_refusal_is_passed_on_or_told_and_nobody_asks_again(world, status, told):
    headers = {"Retry-After": "7", "WWW-Authenticate": 'Bearer realm="http://127.0.0.1/t"'}
    world.registry.script("GET /v2/team/app/manifests/1.0", Answer(status=status, headers=headers))
    reply = await world.client.pull("team/app", "1.0")
    assert reply.status == told
    assert reply.headers.get("retry-after") == ("5" if told == 503 else "7")
    assert (reply.headers.get("www-authenticate") is not None) == (told < 500)
    assert world.asked() == ["GET /v2/team/app/manifests/1.0"]


async def test_f23_a_client_that_leaves_frees_the_registry_at_once(gate_world, caplog):
    """The upstream's connection closes within a second, and the log has one line of it and no traceback."""
    closed = asyncio.Event()

    async def endless(head, writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999999\r\n\r\n"
        )
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        closed.set()

    async with RawServer(endless) as server, gate_world(server, {"open.yaml": OPEN}) as world:
        caplog.set_level(logging.INFO, "sealgate")
        caplog.clear()
        host, _, port = world.gate.host.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v2/open/app/blobs/{IMAGE.digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(100_000)
        writer.transport.abort()
        async with asyncio.timeout(1):
            await closed.wait()
        lines = [record for record in caplog.records if record.name.startswith("sealgate")]
        assert len(lines) <= 1
        assert not any(record.exc_info for record in lines)


# The whole of an upload through the gate: a session that is left and taken up again.


async def test_an_upload_that_broke_off_goes_on_where_the_registry_stands(governed):
    content = images.random_bytes(3000)
    ask = governed.client.ask
    location = (await ask("POST", "/v2/open/app/blobs/uploads/")).headers["location"]
    location = (await ask("PATCH", location, body=content[:1000], headers={"Content-Range": "0-999"})).headers[
        "location"
    ]
    skipped = await ask("PATCH", location, body=content[2000:], headers={"Content-Range": "2000-2999"})
    assert skipped.status == 416
    stands = await ask("GET", location)
    assert (stands.status, stands.headers["range"]) == (204, "0-999")
    location = (await ask("PATCH", stands.headers["location"], body=content[1000:2000],
                          headers={"Content-Range": "1000-1999"})).headers["location"]  # fmt: skip
    done = await ask("PUT", f"{location}?digest={Digest.of(content)}", body=content[2000:],
                     headers={"Content-Range": "2000-2999"})  # fmt: skip
    assert (done.status, done.headers["location"]) == (201, f"/v2/open/app/blobs/{Digest.of(content)}")
    assert (await governed.client.blob("open/app", Digest.of(content))).body == content


async def test_what_the_registry_warns_of_reaches_the_client(governed):
    async with aiohttp.ClientSession() as session:
        client = RegistryClient(governed.gate.url, session)
        warning = '299 - "this registry moves"'
        governed.registry.script("GET /v2/", Answer(headers={"Warning": warning}, body=b"{}"))
        assert (await client.ask("GET", "/v2/")).headers["warning"] == warning
        governed.registry.script("GET /v2/open/.*", Answer(headers={"Warning": '199 x "\\"evil"'}, status=404))
        assert "warning" not in (await client.ask("GET", "/v2/open/app/tags/list")).headers
