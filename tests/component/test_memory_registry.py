"""The in-memory registry, asked over real HTTP by a client that is not ours."""

import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import parse_manifest
from sealgate.testing import images
from sealgate.testing.registry import Answer, LoggedRequest, MemoryRegistry, RawServer

REPO = "team/app"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_a_seeded_image_is_served_by_tag_and_by_both_digests(
    registry: MemoryRegistry, client: aiohttp.ClientSession
) -> None:
    image = images.oci_image()
    assert registry.add_artifact(REPO, image, tag="1.0") == image.digest
    for reference in ("1.0", image.digest, Digest.of(image.raw, "sha512")):
        async with client.get(f"{registry.url}/v2/{REPO}/manifests/{reference}") as answer:
            assert (answer.status, await answer.read()) == (200, image.raw)
            assert answer.headers["Docker-Content-Digest"] == str(image.digest)
            assert answer.headers["Content-Type"] == mt.OCI_MANIFEST
        async with client.head(f"{registry.url}/v2/{REPO}/manifests/{reference}") as head:
            assert head.headers["Content-Length"] == str(len(image.raw))
    for blob in image.blobs:
        async with client.get(f"{registry.url}/v2/{REPO}/blobs/{Digest.of(blob)}") as answer:
            assert await answer.read() == blob


async def test_a_push_in_every_form(registry: MemoryRegistry, client: aiohttp.ClientSession) -> None:
    content = images.random_bytes(3000)
    digest = Digest.of(content)
    uploads = f"{registry.url}/v2/{REPO}/blobs/uploads/"
    async with client.post(uploads, params={"digest": str(digest)}, data=content) as whole:
        assert whole.status == 201
    async with client.post(uploads) as started:
        assert (started.status, started.headers["Range"]) == (202, "0-0")
        location = started.headers["Location"]
    async with client.patch(location, data=content[:1000], headers={"Content-Range": "0-999"}) as chunk:
        assert (chunk.status, chunk.headers["Range"]) == (202, "0-999")
    async with client.patch(location, data=b"x", headers={"Content-Range": "5-5"}) as wrong:
        assert wrong.status == 416
    async with client.get(location) as standing:
        assert (standing.status, standing.headers["Range"]) == (204, "0-999")
    async with client.put(location + f"&digest={digest}", data=content[1000:]) as done:
        assert done.status == 201
    async with client.post(uploads) as started:
        location = started.headers["Location"]
    async with client.delete(location) as dropped:
        assert dropped.status == 204
    async with client.put(location + f"&digest={digest}", data=content) as late:
        assert (late.status, (await late.json())["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
    other = f"{registry.url}/v2/team/other/blobs/uploads/"
    async with client.post(other, params={"mount": str(digest), "from": REPO}) as mounted:
        assert mounted.status == 201
    assert registry.has_blob("team/other", digest)


@pytest.mark.parametrize(
    ("asked", "status", "got", "told"),
    [
        ("bytes=2-4", 206, b"cde", "bytes 2-4/10"),
        ("bytes=7-", 206, b"hij", "bytes 7-9/10"),
        ("bytes=-2", 206, b"ij", "bytes 8-9/10"),
        ("bytes=4-99", 206, b"efghij", "bytes 4-9/10"),
        ("bytes=99-", 416, b"", "bytes */10"),
        ("lines=1-2", 200, b"abcdefghij", ""),
    ],
)
async def test_ranges_of_blobs(
    registry: MemoryRegistry, client: aiohttp.ClientSession, asked: str, status: int, got: bytes, told: str
) -> None:
    digest = registry.add_blob(REPO, b"abcdefghij")
    async with client.get(f"{registry.url}/v2/{REPO}/blobs/{digest}", headers={"Range": asked}) as answer:
        assert (answer.status, await answer.read()) == (status, got)
        assert answer.headers.get("Content-Range", "") == told


async def test_manifests_are_put_checked_and_deleted(registry: MemoryRegistry, client: aiohttp.ClientSession) -> None:
    image = images.oci_image()
    base = f"{registry.url}/v2/{REPO}/manifests"
    headers = {"Content-Type": mt.OCI_MANIFEST}
    async with client.put(f"{base}/sha256:{'0' * 64}", data=image.raw, headers=headers) as other:
        assert (await other.json())["errors"][0]["code"] == "DIGEST_INVALID"
    async with client.put(f"{base}/1.0", data=b"not json", headers=headers) as broken:
        assert broken.status == 400
    async with client.put(f"{base}/1.0", data=image.raw, headers=headers) as put:
        assert (put.status, put.headers["Docker-Content-Digest"]) == (201, str(image.digest))
    assert registry.tags(REPO) == {"1.0": image.digest}
    async with client.delete(f"{base}/1.0") as untagged:
        assert untagged.status == 202
    assert registry.tags(REPO) == {}
    assert registry.has_manifest(REPO, image.digest)
    async with client.delete(f"{base}/{image.digest}") as deleted:
        assert deleted.status == 202
    assert not registry.has_manifest(REPO, image.digest)


async def test_a_strict_registry_wants_the_blobs_first(client: aiohttp.ClientSession) -> None:
    image = images.oci_image()
    async with MemoryRegistry(strict=True) as registry:
        target = f"{registry.url}/v2/{REPO}/manifests/1"
        headers = {"Content-Type": mt.OCI_MANIFEST}
        async with client.put(target, data=image.raw, headers=headers) as early:
            assert (await early.json())["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"
        for blob in image.blobs:
            registry.add_blob(REPO, blob)
        async with client.put(target, data=image.raw, headers=headers) as put:
            assert put.status == 201


async def test_referrers_are_listed_filtered_and_paged(client: aiohttp.ClientSession) -> None:
    async with MemoryRegistry(page=2) as registry:
        image = images.oci_image()
        registry.add_artifact(REPO, image, tag="1")
        for seed in range(3):
            note = images.artifact([("text/plain", bytes([seed]))], artifact_type="text/note", subject=image)
            registry.add_artifact(REPO, note)
        async with client.put(
            f"{registry.url}/v2/{REPO}/manifests/bom",
            data=images.artifact([("text/plain", b"b")], artifact_type="text/bom", subject=image).raw,
            headers={"Content-Type": mt.OCI_MANIFEST},
        ) as put:
            assert put.headers["OCI-Subject"] == str(image.digest)
        path, seen = f"/v2/{REPO}/referrers/{image.digest}", []
        while path:
            async with client.get(registry.url + path) as answer:
                assert answer.headers["Content-Type"] == mt.OCI_INDEX
                seen += [entry["artifactType"] for entry in (await answer.json(content_type=None))["manifests"]]
                path = answer.links["next"]["url"].raw_path_qs if answer.links else ""
        assert seen == ["text/note"] * 3 + ["text/bom"]
        query = {"artifactType": "text/bom"}
        async with client.get(f"{registry.url}/v2/{REPO}/referrers/{image.digest}", params=query) as answer:
            assert answer.headers["OCI-Filters-Applied"] == "artifactType"
            assert len((await answer.json(content_type=None))["manifests"]) == 1


async def test_without_the_referrers_api_there_is_no_such_page(
    plain_registry: MemoryRegistry, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{plain_registry.url}/v2/{REPO}/referrers/sha256:{'0' * 64}") as answer:
        assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_tags_are_listed_in_pages(registry: MemoryRegistry, client: aiohttp.ClientSession) -> None:
    for tag in ("c", "a", "b"):
        registry.add_artifact(REPO, images.oci_image(), tag=tag)
    listing = f"{registry.url}/v2/{REPO}/tags/list"
    async with client.get(listing) as answer:
        assert (await answer.json(), answer.links) == ({"name": REPO, "tags": ["a", "b", "c"]}, {})
    async with client.get(listing, params={"n": "2"}) as answer:
        assert (await answer.json())["tags"] == ["a", "b"]
        following = answer.links["next"]["url"]
    async with client.get(following) as answer:
        assert ((await answer.json())["tags"], answer.links) == (["c"], {})
    async with client.get(f"{registry.url}/v2/team/none/tags/list") as answer:
        assert (await answer.json())["errors"][0]["code"] == "NAME_UNKNOWN"


async def test_basic_and_bearer_doors(client: aiohttp.ClientSession) -> None:
    alice = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}
    mallory = {"Authorization": "Basic " + base64.b64encode(b"alice:guess").decode()}
    async with MemoryRegistry(users={"alice": "secret"}) as registry:
        async with client.get(f"{registry.url}/v2/") as closed:
            assert (closed.status, closed.headers["WWW-Authenticate"]) == (401, 'Basic realm="memory"')
        async with client.get(f"{registry.url}/v2/", headers=alice) as opened:
            assert opened.status == 200
    async with MemoryRegistry(users={"alice": "secret"}, auth="bearer") as registry:
        async with client.get(f"{registry.url}/v2/") as closed:
            assert closed.headers["WWW-Authenticate"] == f'Bearer realm="{registry.url}/token",service="memory"'
        async with client.get(f"{registry.url}/token", headers=mallory) as refused:
            assert refused.status == 401
        async with client.get(f"{registry.url}/token", headers=alice) as given:
            token = (await given.json())["token"]
        async with client.get(f"{registry.url}/v2/", headers={"Authorization": f"Bearer {token}"}) as opened:
            assert opened.status == 200


async def test_a_script_decides_which_requests_get_what(
    registry: MemoryRegistry, client: aiohttp.ClientSession
) -> None:
    def to_curl(request: LoggedRequest) -> Answer | None:
        return Answer(status=418, body=b"curl") if request.header("User-Agent").startswith("curl") else None

    registry.script("GET /v2/", to_curl)
    registry.script("(GET|HEAD) /v2/", Answer(status=429, headers={"Retry-After": "7"}), after=1, times=1)
    seen = []
    for agent in ("x", "curl/8", "x", "x"):
        async with client.get(f"{registry.url}/v2/", headers={"User-Agent": agent}) as answer:
            seen.append(answer.status)
    assert seen == [200, 418, 429, 200]
    assert [request.target for request in registry.requests] == ["/v2/"] * 4


async def test_dictated_bodies_can_lie_break_off_and_go_on_for_ever(
    registry: MemoryRegistry, client: aiohttp.ClientSession
) -> None:
    registry.script("GET /short", Answer(body=b"abcdef", stop_after=3))
    registry.script("GET /lie", Answer(body=b"abc", length=9))
    registry.script("GET /chunks", Answer(body=b"abc", repeat=3, chunked=True))
    registry.script("GET /endless", Answer(body=b"abc" * 1000, repeat=None))
    for path in ("/short", "/lie"):
        async with client.get(registry.url + path) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
    async with client.get(f"{registry.url}/chunks") as answer:
        assert await answer.read() == b"abc" * 3
    async with client.get(f"{registry.url}/endless") as answer:
        assert len(await answer.content.readexactly(1_000_000)) == 1_000_000


async def test_a_raw_server_says_exactly_what_it_is_told(client: aiohttp.ClientSession) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as server:
        async with client.get(f"{server.url}/x") as answer:
            assert await answer.read() == b"hi"
        assert server.heads[0].startswith(b"GET /x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("made", "media_type"),
    [
        (images.oci_image(), mt.OCI_MANIFEST),
        (images.docker_image(), mt.DOCKER_MANIFEST),
        (images.index(), mt.OCI_INDEX),
        (images.index(docker=True), mt.DOCKER_INDEX),
        (images.helm_chart(), mt.OCI_MANIFEST),
        (images.package("rpm"), mt.OCI_MANIFEST),
        (images.artifact([("text/plain", b"hi")], artifact_type="text/x"), mt.OCI_MANIFEST),
    ],
    ids=["oci", "docker", "index", "docker-list", "helm", "rpm", "artifact"],
)
def test_artifacts_are_what_the_strict_reader_takes(made: images.Artifact, media_type: str) -> None:
    assert parse_manifest(made.raw, media_type).media_type == made.media_type


def test_the_same_seed_makes_the_same_image_and_another_one_another() -> None:
    assert images.oci_image(seed=1) == images.oci_image(seed=1)
    assert images.oci_image(seed=1).digest != images.oci_image(seed=2).digest
