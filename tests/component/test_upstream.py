"""The upstream adapter against the in-memory registry, and once against Debian's real one."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.errors import (
    ConfigurationInvalid,
    ContentMismatch,
    Malformed,
    ManifestMalformed,
    TooLarge,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.limits import MANIFEST_BYTES, REFERRERS_LISTED, REFERRERS_PAGES
from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.ports import Access, ByteRange, Upstream
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry

REPO = Repository.parse("team/app")
ANYONE = Access()


@pytest.fixture
async def at() -> AsyncIterator[Callable[[str], HttpUpstream]]:
    """The adapter for a URL, closed at the end."""
    made: list[HttpUpstream] = []

    def make(url: str) -> HttpUpstream:
        made.append(HttpUpstream("default", url))
        return made[-1]

    yield make
    for upstream in made:
        await upstream.close()


@pytest.fixture
async def upstream(registry: MemoryRegistry, at: Callable[[str], HttpUpstream]) -> HttpUpstream:
    return at(registry.url)


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(upstream: Upstream, digest: Digest, wanted: ByteRange | None = None) -> tuple[int, int, str, bytes]:
    async with upstream.blob(REPO, digest, wanted, ANYONE) as stream:
        return stream.status, stream.size, stream.content_range, b"".join([chunk async for chunk in stream.chunks])


async def push(upstream: Upstream, content: bytes) -> None:
    progress = await upstream.start_upload(REPO, ANYONE)
    half = len(content) // 2
    progress = await upstream.upload_chunk(
        REPO, progress.location, chunks(content[:half]), half, f"0-{half - 1}", ANYONE
    )
    assert progress.received == half
    progress = await upstream.upload_progress(REPO, progress.location, ANYONE)
    assert progress.received == half
    rest = content[half:]
    digest = Digest.of(content)
    await upstream.finish_upload(REPO, progress.location, digest, chunks(rest), len(rest), None, ANYONE)


async def test_it_is_the_port(upstream: HttpUpstream) -> None:
    port: Upstream = upstream
    assert port.name == "default"
    await port.ping(ANYONE)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://r.example",
        "r.example",
        "http://user@r.example",
        "http://user:password@r.example",
        "http://r.example/path",
        "http://r.example?x=1",
        "http://r.example:0",
        "http://r.example:65536",
        "http://127.1",
        "http://2130706433",
        "http://[::1",
        "http://r..example",
        "http://r.example\n",
        "",
    ],
)
async def test_only_an_origin_is_a_url_of_a_registry(url: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="upstream default: "):
        HttpUpstream("default", url)


async def test_a_manifest_is_fetched_by_tag_and_digest_and_hashed_by_us(
    registry: MemoryRegistry, upstream: HttpUpstream
) -> None:
    image = images.oci_image()
    registry.add_artifact(str(REPO), image, tag="1.0")
    for reference in (Tag("1.0"), image.digest, Digest.of(image.raw, "sha512")):
        fetched = await upstream.manifest(REPO, reference, [], ANYONE)
        assert (fetched.raw, fetched.content_type, fetched.digest) == (image.raw, mt.OCI_MANIFEST, image.digest)


async def test_what_the_upstream_says_of_a_digest_counts_for_nothing(
    registry: MemoryRegistry, upstream: HttpUpstream
) -> None:
    lie = {"Docker-Content-Digest": "sha256:" + "0" * 64, "Content-Type": f"{mt.OCI_MANIFEST}; charset=utf-8"}
    registry.script("GET /v2/team/app/manifests/1", Answer(body=b"{}", headers=lie))
    fetched = await upstream.manifest(REPO, Tag("1"), [], ANYONE)
    assert (fetched.digest, fetched.content_type) == (Digest.of(b"{}"), mt.OCI_MANIFEST)


@pytest.mark.parametrize("stated", ["", "json", "text/html, text/x", "a/b/c", "text/" + "x" * 200, "text/\xe9"])
async def test_a_content_type_that_is_none_is_no_text_to_pass_on(
    registry: MemoryRegistry, upstream: HttpUpstream, stated: str
) -> None:
    registry.script("GET .*", Answer(body=b"{}", headers={"Content-Type": stated}))
    assert (await upstream.manifest(REPO, Tag("1"), [], ANYONE)).content_type == ""


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ([], list(mt.MANIFESTS)),
        (["*/*"], list(mt.MANIFESTS)),
        (["text/html", "application/vnd.docker.distribution.manifest.v1+json"], list(mt.MANIFESTS)),
        ([mt.DOCKER_MANIFEST], [mt.DOCKER_MANIFEST]),
        ([mt.OCI_INDEX, mt.OCI_INDEX + ";q=0.5", "text/html"], [mt.OCI_INDEX]),
        ([f"*/*, {mt.OCI_INDEX};q=0.5,{mt.OCI_MANIFEST}"], [mt.OCI_INDEX, mt.OCI_MANIFEST, "*/*"]),
    ],
    ids=["nothing", "anything", "unknown", "one", "twice", "one-line"],
)
async def test_accept_is_rebuilt_from_the_types_that_are_known(
    registry: MemoryRegistry, upstream: HttpUpstream, accept: list[str], sent: list[str]
) -> None:
    registry.add_artifact(str(REPO), images.oci_image(), tag="1")
    await upstream.manifest(REPO, Tag("1"), accept, ANYONE)
    assert registry.requests[-1].header("Accept") == ", ".join(sent)


async def test_the_clients_authorization_is_passed_and_the_challenge_comes_back(
    at: Callable[[str], HttpUpstream],
) -> None:
    async with MemoryRegistry(users={"alice": "secret"}) as registry:
        upstream = at(registry.url)
        with pytest.raises(UpstreamRefused) as refused:
            await upstream.ping(ANYONE)
        assert (refused.value.status, refused.value.challenges) == (401, ('Basic realm="memory"',))
        assert [problem.code for problem in refused.value.problems] == ["UNAUTHORIZED"]
        await upstream.ping(Access("Basic YWxpY2U6c2VjcmV0"))


@pytest.mark.parametrize("value", ["", "Basic \r\nX-Evil: 1", "Bearer é", "B" * 100_000])
async def test_credentials_that_are_not_printable_ascii_are_not_sent(
    registry: MemoryRegistry, upstream: HttpUpstream, value: str
) -> None:
    with pytest.raises(Malformed, match="Authorization"):
        await upstream.ping(Access(value))
    assert registry.requests == []


async def test_the_upstreams_own_404_is_told_with_its_errors(upstream: HttpUpstream) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        await upstream.manifest(REPO, Tag("none"), [], ANYONE)
    assert refused.value.status == 404
    assert [problem.code for problem in refused.value.problems] == ["NAME_UNKNOWN"]


async def test_blobs_are_streamed_whole_and_in_ranges(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    content = images.random_bytes(3_000_000)
    digest = registry.add_blob(str(REPO), content)
    head = await upstream.blob_head(REPO, digest, ANYONE)
    assert (head.size, head.content_type) == (len(content), "application/octet-stream")
    assert await read(upstream, digest) == (200, len(content), "", content)
    assert await read(upstream, digest, ByteRange(first=5, last=9)) == (
        206, 5, f"bytes 5-9/{len(content)}", content[5:10],
    )  # fmt: skip
    assert (await read(upstream, digest, ByteRange(first=2_999_999, last=None)))[3] == content[-1:]
    assert (await read(upstream, digest, ByteRange(first=None, last=7)))[2:] == (
        f"bytes 2999993-2999999/{len(content)}", content[-7:],
    )  # fmt: skip
    with pytest.raises(UpstreamRefused) as refused:
        await read(upstream, digest, ByteRange(first=3_000_000, last=None))
    assert refused.value.status == 416


@pytest.mark.parametrize(
    "told", ["bytes 0-4/10", "bytes 5-8/10", "bytes 5-10/11", "bytes 5-9/8", "5-9/10", "bytes 5-9/10, bytes 1-2/10", ""]
)
async def test_another_range_than_was_asked_for_is_refused(
    registry: MemoryRegistry, upstream: HttpUpstream, told: str
) -> None:
    length = 6 if told == "bytes 5-10/11" else 5
    answer = Answer(status=206, body=b"fghijk"[:length], headers={"Content-Range": told})
    registry.script("GET /v2/team/app/blobs/.*", answer)
    with pytest.raises(UpstreamUnavailable, match="another range"):
        await read(upstream, Digest.of(b""), ByteRange(first=5, last=9))


@pytest.mark.parametrize("told", ["bytes 0-4/10", "bytes 4-9/10", "bytes 5-9/11", "bytes 9-5/10", "bytes 5-8/9"])
async def test_other_last_bytes_than_were_asked_for_are_refused(
    registry: MemoryRegistry, upstream: HttpUpstream, told: str
) -> None:
    length = {"bytes 4-9/10": 6, "bytes 5-8/9": 5}.get(told, 5)
    registry.script("GET .*", Answer(status=206, body=b"fghijk"[:length], headers={"Content-Range": told}))
    with pytest.raises(UpstreamUnavailable, match="another range"):
        await read(upstream, Digest.of(b""), ByteRange(first=None, last=5))


async def test_a_blob_may_have_a_second_name_and_no_second_digest(
    registry: MemoryRegistry, upstream: HttpUpstream
) -> None:
    sha256, sha512 = Digest.of(b"abc"), Digest.of(b"abc", "sha512")
    for told, name in ((str(sha256), sha256), (str(Digest.of(b"x", "sha512")), sha512), ("x", sha512), ("", sha512)):
        answer = Answer(body=b"abc", headers={"Docker-Content-Digest": told})
        registry.script("(GET|HEAD) .*", answer, times=2)
        assert (await upstream.blob_head(REPO, sha512, ANYONE)).digest == name
        async with upstream.blob(REPO, sha512, None, ANYONE) as stream:
            assert stream.digest == name
        registry._script.clear()


async def test_a_part_that_nobody_asked_for_is_refused(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    registry.script("GET .*", Answer(status=206, body=b"abc", headers={"Content-Range": "bytes 0-2/9"}))
    with pytest.raises(UpstreamUnavailable, match="answered 206"):
        await read(upstream, Digest.of(b""))


async def test_a_small_blob_is_capped_and_hashed(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    digest = registry.add_blob(str(REPO), b"ten bytes!")
    assert await upstream.small_blob(REPO, digest, 10, ANYONE) == b"ten bytes!"
    with pytest.raises(TooLarge):
        await upstream.small_blob(REPO, digest, 9, ANYONE)
    registry.script("GET .*", Answer(body=b"ten bytes?"))
    with pytest.raises(ContentMismatch):
        await upstream.small_blob(REPO, digest, 10, ANYONE)


async def test_a_push_lands_whole(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    image = images.oci_image()
    for blob in image.blobs:
        await push(upstream, blob)
        assert registry.has_blob(str(REPO), Digest.of(blob))
    stored = await upstream.put_manifest(REPO, image.digest, image.media_type, image.raw, ANYONE)
    assert stored.subject is None
    assert registry.has_manifest(str(REPO), image.digest)
    assert registry.tags(str(REPO)) == {}
    note = images.artifact([("text/plain", b"hi")], subject=image)
    stored = await upstream.put_manifest(REPO, Tag("note"), note.media_type, note.raw, ANYONE)
    assert stored.subject == image.digest
    assert registry.tags(str(REPO)) == {"note": note.digest}


async def test_a_manifest_of_the_largest_size_is_put_and_fetched(upstream: HttpUpstream) -> None:
    raw = b'{"pad":"%s"}' % (b"x" * (MANIFEST_BYTES - 10))
    await upstream.put_manifest(REPO, Tag("1"), mt.OCI_MANIFEST, raw, ANYONE)
    assert (await upstream.manifest(REPO, Tag("1"), [], ANYONE)).raw == raw


async def test_only_manifest_types_are_put(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    with pytest.raises(ManifestMalformed):
        await upstream.put_manifest(REPO, Tag("1"), "text/html\r\nX-Evil: 1", b"{}", ANYONE)
    assert registry.requests == []


async def test_a_stream_of_unknown_length_is_sent_in_chunks(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    progress = await upstream.start_upload(REPO, ANYONE)
    progress = await upstream.upload_chunk(REPO, progress.location, chunks(b"ab", b"", b"cd"), None, None, ANYONE)
    assert progress.received == 4
    assert registry.requests[-1].header("Transfer-Encoding") == "chunked"
    await upstream.finish_upload(REPO, progress.location, Digest.of(b"abcd"), chunks(), 0, None, ANYONE)
    assert registry.has_blob(str(REPO), Digest.of(b"abcd"))


async def test_a_whole_blob_is_pushed_at_once(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    digest = Digest.of(b"abc")
    assert await upstream.push_blob(REPO, digest, chunks(b"a", b"bc"), 3, ANYONE) is None
    assert registry.has_blob(str(REPO), digest)
    registry.script("POST .*", Answer(status=202, headers={"Location": "/v2/u/1"}))
    session = await upstream.push_blob(REPO, digest, chunks(b"abc"), 3, ANYONE)
    assert session is not None
    assert (session.location, session.received) == ("/v2/u/1", 0)


async def test_a_blob_is_mounted_from_the_repository_that_is_named(
    registry: MemoryRegistry, upstream: HttpUpstream
) -> None:
    digest, base = registry.add_blob("team/base", b"abc"), Repository("team/base")
    assert await upstream.mount_blob(REPO, digest, base, ANYONE) is None
    assert registry.has_blob(str(REPO), digest)
    assert registry.requests[-1].target == f"/v2/team/app/blobs/uploads/?mount={digest}&from=team/base"
    assert await upstream.mount_blob(REPO, Digest.of(b"absent"), base, ANYONE) is not None


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_what_is_deleted_is_gone(registry: MemoryRegistry, upstream: HttpUpstream, status: int) -> None:
    image = images.oci_image()
    registry.add_artifact(str(REPO), image, "1")
    await upstream.delete_manifest(REPO, Tag("1"), ANYONE)
    await upstream.delete_manifest(REPO, image.digest, ANYONE)
    await upstream.delete_blob(REPO, Digest.of(image.blobs[0]), ANYONE)
    assert registry.tags(str(REPO)) == {}
    assert not registry.has_manifest(str(REPO), image.digest)
    assert not registry.has_blob(str(REPO), Digest.of(image.blobs[0]))
    with pytest.raises(UpstreamRefused) as refused:
        await upstream.delete_blob(REPO, Digest.of(image.blobs[0]), ANYONE)
    assert refused.value.status == 404
    registry.script("DELETE .*", Answer(status=status))
    await upstream.delete_manifest(REPO, Tag("1"), ANYONE)


@pytest.mark.parametrize(
    ("told", "received"), [("0-0", 1), ("0--1", 0), ("0-9", 10), ("bytes=0-9", 10), ("1-9", None), ("0--2", None)]
)
async def test_what_an_upload_has_is_told_in_more_than_one_way(
    registry: MemoryRegistry, upstream: HttpUpstream, told: str, received: int | None
) -> None:
    registry.script("GET /v2/u/1", Answer(status=204, headers={"Range": told}))
    assert (await upstream.upload_progress(REPO, "/v2/u/1", ANYONE)).received == received


async def test_warnings_are_told_to_whoever_asked(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    told: list[str] = []
    values = ('299 - "moves soon"', '299 x "no"', '299 - "a\\"b"', '199 - "no"', '299 - "' + "a" * 2001 + '"')
    for value in values:
        registry.script(".*", Answer(headers={"Warning": value}, body=b"abc"), times=1)
        await upstream.ping(Access(warned=told.append))
        registry._script.clear()
    registry.script("GET .*/blobs/.*", Answer(headers={"Warning": '299 - "a blob"'}, body=b"abc"))
    assert await upstream.small_blob(REPO, Digest.of(b"abc"), 9, Access(warned=told.append)) == b"abc"
    assert told == ["moves soon", "a blob"]


async def test_an_upload_is_given_up(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    progress = await upstream.start_upload(REPO, ANYONE)
    await upstream.cancel_upload(REPO, progress.location, ANYONE)
    with pytest.raises(UpstreamRefused) as refused:
        await upstream.upload_progress(REPO, progress.location, ANYONE)
    assert [problem.code for problem in refused.value.problems] == ["BLOB_UPLOAD_UNKNOWN"]


async def test_a_body_shorter_than_announced_is_not_an_upload(upstream: HttpUpstream) -> None:
    progress = await upstream.start_upload(REPO, ANYONE)
    with pytest.raises(ContentMismatch, match="5 bytes were announced, and 3 came"):
        await upstream.upload_chunk(REPO, progress.location, chunks(b"abc"), 5, None, ANYONE)


async def test_a_body_longer_than_announced_is_not_cut_but_refused(upstream: HttpUpstream) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"defg"
        await asyncio.Event().wait()

    progress = await upstream.start_upload(REPO, ANYONE)
    with pytest.raises(ContentMismatch, match="5 bytes were announced, and 7 came"):
        await upstream.upload_chunk(REPO, progress.location, endless(), 5, None, ANYONE)


async def test_what_goes_wrong_with_the_clients_body_stays_what_it_is(upstream: HttpUpstream) -> None:
    class ClientGone(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ClientGone

    progress = await upstream.start_upload(REPO, ANYONE)
    with pytest.raises(ClientGone):
        await upstream.upload_chunk(REPO, progress.location, broken(), 5, None, ANYONE)


async def test_an_early_refusal_ends_an_upload(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    progress = await upstream.start_upload(REPO, ANYONE)
    registry.script("PATCH .*", Answer(status=413))
    goes_on = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"abc"
        await goes_on.wait()

    with pytest.raises(UpstreamRefused) as refused:
        await upstream.upload_chunk(REPO, progress.location, endless(), None, None, ANYONE)
    assert refused.value.status == 413


@pytest.mark.parametrize("content_range", ["0", "bytes 0-4/5", "0-4\r\nX: y", "-4", "a-b", "0-" + "9" * 40])
async def test_a_content_range_is_two_numbers(
    registry: MemoryRegistry, upstream: HttpUpstream, content_range: str
) -> None:
    with pytest.raises(Malformed):
        await upstream.upload_chunk(REPO, "/v2/x", chunks(b"abcde"), 5, content_range, ANYONE)
    assert registry.requests == []


async def test_referrers_over_all_pages(at: Callable[[str], HttpUpstream]) -> None:
    async with MemoryRegistry(page=2) as registry:
        image, upstream = images.oci_image(), at(registry.url)
        registry.add_artifact(str(REPO), image, tag="1")
        notes = [
            registry.add_artifact(
                str(REPO), images.artifact([("text/plain", bytes([n]))], artifact_type="text/note", subject=image)
            )
            for n in range(5)
        ]
        page = await upstream.referrers(REPO, image.digest, ANYONE)
        assert (page.supported, page.complete) == (True, True)
        assert [entry.digest for entry in page.descriptors] == notes
        assert {entry.artifact_type for entry in page.descriptors} == {"text/note"}


@pytest.mark.parametrize(("page", "most"), [(0, REFERRERS_LISTED), (3, 3 * REFERRERS_PAGES)], ids=["listed", "pages"])
async def test_referrers_past_a_bound_are_incomplete(page: int, most: int, at: Callable[[str], HttpUpstream]) -> None:
    async with MemoryRegistry(page=page) as registry:
        image, upstream = images.oci_image(), at(registry.url)
        for n in range(REFERRERS_LISTED + 1):
            note = images.artifact([("text/plain", n.to_bytes(2))], subject=image)
            registry.add_artifact(str(REPO), note)
        found = await upstream.referrers(REPO, image.digest, ANYONE)
        assert (found.supported, found.complete, len(found.descriptors)) == (True, False, most)


@pytest.mark.parametrize("status", [400, 404, 405, 406])
async def test_a_registry_without_referrers_says_so_in_many_ways(
    registry: MemoryRegistry, upstream: HttpUpstream, status: int
) -> None:
    registry.script("GET /v2/.*/referrers/.*", Answer(status=status))
    page = await upstream.referrers(REPO, Digest.of(b""), ANYONE)
    assert (page.supported, page.complete) == (False, True)


async def test_a_page_that_is_no_index_is_no_referrers_api(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    registry.script("GET .*", Answer(body=b"<html>", headers={"Content-Type": "text/html"}))
    assert not (await upstream.referrers(REPO, Digest.of(b""), ANYONE)).supported


@pytest.mark.parametrize("status", [401, 403, 429, 451])
async def test_other_refusals_of_referrers_are_told(
    registry: MemoryRegistry, upstream: HttpUpstream, status: int
) -> None:
    registry.script("GET .*", Answer(status=status))
    with pytest.raises(UpstreamRefused):
        await upstream.referrers(REPO, Digest.of(b""), ANYONE)


async def test_a_page_lost_on_the_way_makes_referrers_incomplete(at: Callable[[str], HttpUpstream]) -> None:
    async with MemoryRegistry(page=1) as registry:
        image, upstream = images.oci_image(), at(registry.url)
        for n in range(3):
            registry.add_artifact(str(REPO), images.artifact([("text/plain", bytes([n]))], subject=image))
        registry.script("GET /v2/.*/referrers/.*", Answer(status=404), after=1)
        found = await upstream.referrers(REPO, image.digest, ANYONE)
        assert (found.supported, found.complete, len(found.descriptors)) == (True, False, 1)


async def test_tags_come_in_pages_and_only_real_ones(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    for tag in ("a", "b", "c", "not a tag"):
        registry.add_artifact(str(REPO), images.oci_image(), tag=tag)
    first = await upstream.tags(REPO, 2, "", ANYONE)
    assert (first.tags, first.last) == ((Tag("a"), Tag("b")), "b")
    rest = await upstream.tags(REPO, None, "b", ANYONE)
    assert (rest.tags, rest.last) == ((Tag("c"),), None)
    await upstream.tags(REPO, None, "&x=1#?/../%2f", ANYONE)
    assert registry.requests[-1].target == "/v2/team/app/tags/list?last=%26x%3D1%23%3F%2F..%2F%252f"


@pytest.mark.parametrize(
    ("query", "last"), [("last=b%26%2F&n=2", "b&/"), ("next=opaque", "a"), ("last=" + "x" * 1024, "x" * 1024)]
)
async def test_the_next_page_of_tags_begins_where_the_upstream_says(
    registry: MemoryRegistry, upstream: HttpUpstream, query: str, last: str
) -> None:
    link = {"Link": f'</v2/team/app/tags/list?{query}>; rel="next"'}
    registry.script("GET .*", Answer(body=b'{"tags":["a"]}', headers=link))
    assert (await upstream.tags(REPO, None, "", ANYONE)).last == last


@pytest.mark.parametrize(
    ("query", "names"), [("last=" + "x" * 1025, '"a"'), ("last=a&last=b", '"a"'), ("next=opaque", "")]
)
async def test_a_listing_that_does_not_say_where_it_goes_on_is_not_cut(
    registry: MemoryRegistry, upstream: HttpUpstream, query: str, names: str
) -> None:
    link = {"Link": f'</v2/team/app/tags/list?{query}>; rel="next"'}
    registry.script("GET .*", Answer(body=b'{"tags":[%s]}' % names.encode(), headers=link))
    with pytest.raises(UpstreamUnavailable, match="where it goes on"):
        await upstream.tags(REPO, None, "", ANYONE)


async def test_referrers_that_are_null_are_none(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    body = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}'
    registry.script("GET .*/referrers/.*", Answer(headers={"Content-Type": mt.OCI_INDEX}, body=body))
    page = await upstream.referrers(REPO, Digest.of(b"x"), ANYONE)
    assert (page.supported, page.complete, page.descriptors) == (True, True, ())


async def test_repositories_come_in_pages_and_only_real_ones(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    body = b'{"repositories": ["team/app", "../x", 5, "a"]}'
    link = '</v2/_catalog?last=cursor%2F>; rel="next"'
    registry.script("GET /v2/_catalog", Answer(body=body, headers={"Link": link}))
    page = await upstream.catalog(3, "team/", ANYONE)
    assert ([str(one) for one in page.repositories], page.last) == (["team/app", "a"], "cursor/")
    assert registry.requests[-1].target == "/v2/_catalog?n=3&last=team%2F"


async def test_tags_of_a_repository_without_any(registry: MemoryRegistry, upstream: HttpUpstream) -> None:
    registry.script("GET .*", Answer(body=b'{"name":"team/app","tags":null}'))
    assert (await upstream.tags(REPO, None, "", ANYONE)).tags == ()


@pytest.mark.parametrize("body", [b"[]", b"{}x", b'{"tags":{}}', b'{"tags":[],"Tags":["evil"]}'])
async def test_a_listing_that_cannot_be_read_is_no_answer(
    registry: MemoryRegistry, upstream: HttpUpstream, body: bytes
) -> None:
    registry.script("GET .*", Answer(body=body))
    with pytest.raises(UpstreamUnavailable, match="listing"):
        await upstream.tags(REPO, None, "", ANYONE)


async def test_nothing_listens(at: Callable[[str], HttpUpstream]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        lonely = at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UpstreamUnavailable, match="default cannot be reached"):
            await lonely.ping(ANYONE)


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[str]:
    """Debian's docker-registry on a free port."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = tmp_path / "registry.yml"
    settings.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{inmemory: {{}}}}\nhttp: {{addr: '{host}'}}\n")
    process = subprocess.Popen([program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://{host}"
    process.terminate()
    process.wait(10)


async def test_debians_registry_takes_and_gives(distribution: str, at: Callable[[str], HttpUpstream]) -> None:
    upstream = at(distribution)
    async with asyncio.timeout(20):
        while True:
            try:
                await upstream.ping(ANYONE)
                break
            except UpstreamUnavailable:
                await asyncio.sleep(0.05)
    image, index = images.oci_image(), images.index(docker=True)
    for artifact in (image, *index.children):
        for blob in artifact.blobs:
            await push(upstream, blob)
            assert await read(upstream, Digest.of(blob)) == (200, len(blob), "", blob)
            assert (await upstream.blob_head(REPO, Digest.of(blob), ANYONE)).size == len(blob)
        await upstream.put_manifest(REPO, artifact.digest, artifact.media_type, artifact.raw, ANYONE)
    await upstream.put_manifest(REPO, Tag("one"), image.media_type, image.raw, ANYONE)
    await upstream.put_manifest(REPO, Tag("many"), index.media_type, index.raw, ANYONE)
    assert (await upstream.manifest(REPO, Tag("one"), ["*/*"], ANYONE)).raw == image.raw
    fetched = await upstream.manifest(REPO, Tag("many"), [], ANYONE)
    assert (fetched.raw, fetched.content_type) == (index.raw, mt.DOCKER_INDEX)
    page = await upstream.tags(REPO, 1, "", ANYONE)  # this registry does not know `n`
    assert (page.tags, page.last) == ((Tag("many"), Tag("one")), None)
    assert not (await upstream.referrers(REPO, image.digest, ANYONE)).supported
    size = len(image.blobs[1])
    assert (await read(upstream, Digest.of(image.blobs[1]), ByteRange(first=1, last=3))) == (
        206, 3, f"bytes 1-3/{size}", image.blobs[1][1:4],
    )  # fmt: skip
    progress = await upstream.start_upload(REPO, ANYONE)
    await upstream.cancel_upload(REPO, progress.location, ANYONE)
    with pytest.raises(UpstreamRefused) as refused:
        await upstream.upload_progress(REPO, progress.location, ANYONE)
    assert refused.value.status == 404
