"""What a broken or evil upstream can do to the gate: attacks B24, B25, B28, B29, B40, F2, F4 to F6, F22, and 1C.

Always asserted: what comes out, and what reached the other side.
"""

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.adapters.upstream.redirects import redirected
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.transport import Timeouts
from sealgate.errors import (
    ContentMismatch,
    Malformed,
    SealgateError,
    TooLarge,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.limits import CHALLENGES, REDIRECTS, RETRY_AFTER_MOST_SECONDS
from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.ports import Access, ByteRange
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry, RawServer

REPO = Repository.parse("team/app")
ANYONE = Access()
ALICE = Access("Basic YWxpY2U6Y2FuYXJ5LXNlY3JldA==")
ABSENT = Digest.of(b"absent")
MOST_MEMORY = 16 * 1024 * 1024  # attacks B24
QUICK = Timeouts(connect=1, first_byte=0.3, idle=0.3, document=0.5, upload_answer=0.3)
OUR_HEADERS = {"host", "user-agent", "accept", "accept-encoding"}

Make = Callable[..., HttpUpstream]
Call = Callable[[HttpUpstream], Awaitable[object]]


@pytest.fixture
async def at() -> AsyncIterator[Make]:
    """The adapter for a URL, closed at the end."""
    made: list[HttpUpstream] = []

    def make(url: str, **options: object) -> HttpUpstream:
        made.append(HttpUpstream("default", url, **options))
        return made[-1]

    yield make
    for upstream in made:
        await upstream.close()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read_blob(
    upstream: HttpUpstream, digest: Digest = ABSENT, access: Access = ANYONE, got: list[bytes] | None = None
) -> bytes:
    """The whole blob; what came before something went wrong is in `got`."""
    pieces = [] if got is None else got
    async with upstream.blob(REPO, digest, None, access) as stream:
        async for chunk in stream.chunks:
            pieces.append(chunk)
    return b"".join(pieces)


async def finish(upstream: HttpUpstream, location: str = "/v2/u/1") -> None:
    await upstream.finish_upload(REPO, location, Digest.of(b"abc"), chunks(b"abc"), 3, None, ANYONE)


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= MOST_MEMORY
    finally:
        tracemalloc.stop()


CALLS: dict[str, Call] = {
    "ping": lambda u: u.ping(ALICE),
    "manifest": lambda u: u.manifest(REPO, Tag("1"), [], ALICE),
    "referrers": lambda u: u.referrers(REPO, ABSENT, ALICE),
    "small-blob": lambda u: u.small_blob(REPO, ABSENT, 1000, ALICE),
    "blob-head": lambda u: u.blob_head(REPO, ABSENT, ALICE),
    "blob": lambda u: read_blob(u, access=ALICE),
    "put-manifest": lambda u: u.put_manifest(REPO, Tag("1"), mt.OCI_MANIFEST, b"{}", ALICE),
    "delete-manifest": lambda u: u.delete_manifest(REPO, Tag("1"), ALICE),
    "delete-blob": lambda u: u.delete_blob(REPO, ABSENT, ALICE),
    "start-upload": lambda u: u.start_upload(REPO, ALICE),
    "push-blob": lambda u: u.push_blob(REPO, ABSENT, chunks(b"abc"), 3, ALICE),
    "mount-blob": lambda u: u.mount_blob(REPO, ABSENT, REPO, ALICE),
    "upload-chunk": lambda u: u.upload_chunk(REPO, "/v2/u/1", chunks(b"abc"), 3, "0-2", ALICE),
    "finish-upload": lambda u: u.finish_upload(REPO, "/v2/u/1", ABSENT, chunks(b"abc"), 3, None, ALICE),
    "upload-progress": lambda u: u.upload_progress(REPO, "/v2/u/1", ALICE),
    "cancel-upload": lambda u: u.cancel_upload(REPO, "/v2/u/1", ALICE),
    "tags": lambda u: u.tags(REPO, 10, "", ALICE),
    "catalog": lambda u: u.catalog(10, "", ALICE),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)

# --- B24: bombs


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(bytes(64 * 1024 * 1024), compresslevel=1)


@pytest.mark.parametrize("status", [200, 202, 404])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x", "identity, gzip"])
@each_call
async def test_b24_an_encoded_answer_is_refused_unread(
    registry: MemoryRegistry, at: Make, bomb: bytes, call: Call, coding: str, status: int
) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": mt.OCI_INDEX, "Location": "/v2/u/1"}
    registry.script(".*", Answer(status=status, headers=headers, body=bomb))
    with little_memory(), pytest.raises(UpstreamUnavailable, match="encoding that was not asked for"):
        await call(at(registry.url))
    assert registry.requests[0].header("Accept-Encoding") == "identity"


@pytest.mark.parametrize(
    "body",
    [
        Answer(headers={"Content-Type": mt.OCI_INDEX}, body=bytes(1024 * 1024), repeat=None, chunked=True),
        Answer(headers={"Content-Type": mt.OCI_INDEX}, body=bytes(1024 * 1024), repeat=64),
    ],
    ids=["endless", "stated"],
)
async def test_b24_bodies_are_bounded_while_they_are_read(registry: MemoryRegistry, at: Make, body: Answer) -> None:
    registry.script("GET .*", body)
    upstream = at(registry.url)
    with little_memory():
        with pytest.raises(TooLarge):
            await upstream.manifest(REPO, Tag("1"), [], ANYONE)
        with pytest.raises(TooLarge):
            await upstream.small_blob(REPO, ABSENT, 1000, ANYONE)
        with pytest.raises(UpstreamUnavailable, match="listing"):
            await upstream.tags(REPO, None, "", ANYONE)
        page = await upstream.referrers(REPO, ABSENT, ANYONE)
        assert (page.supported, page.complete, page.descriptors) == (True, False, ())


@pytest.mark.parametrize("call", [CALLS["manifest"], CALLS["small-blob"]], ids=["manifest", "small-blob"])
async def test_b24_a_length_past_the_bound_is_refused_unread(at: Make, call: Call) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", keep_open=True) as server:
        with pytest.raises(TooLarge):
            await call(at(server.url, timeouts=QUICK))


@each_call
async def test_b24_an_error_body_is_bounded_and_the_status_still_counts(
    registry: MemoryRegistry, at: Make, call: Call
) -> None:
    registry.script(".*", Answer(status=403, body=bytes(1024 * 1024), repeat=None, chunked=True))
    with little_memory(), pytest.raises(UpstreamRefused) as refused:
        await call(at(registry.url))
    assert (refused.value.status, refused.value.problems) == (403, ())


async def test_b24_a_blob_passes_through_little_memory(registry: MemoryRegistry, at: Make) -> None:
    registry.script("GET .*", Answer(body=bytes(1024 * 1024), repeat=64))
    passed = 0
    with little_memory():
        async with at(registry.url).blob(REPO, ABSENT, None, ANYONE) as stream:
            async for chunk in stream.chunks:
                passed += len(chunk)
    assert passed == stream.size == 64 * 1024 * 1024


@pytest.mark.parametrize("call", [CALLS[name] for name in ("manifest", "referrers", "small-blob", "tags")])
async def test_b24_a_body_that_drips_is_given_up(registry: MemoryRegistry, at: Make, call: Call) -> None:
    answer = Answer(headers={"Content-Type": mt.OCI_INDEX}, body=b" ", repeat=None, chunked=True, pause=0.01)
    registry.script("GET .*", answer)
    with pytest.raises(UpstreamUnavailable, match="took too long"):
        await call(at(registry.url, timeouts=QUICK))


async def test_b24_a_blob_without_a_length_is_refused(registry: MemoryRegistry, at: Make) -> None:
    registry.script(".*", Answer(body=b"x", repeat=None, chunked=True))
    with pytest.raises(UpstreamUnavailable, match="how long"):
        await read_blob(at(registry.url))
    with pytest.raises(UpstreamUnavailable, match="how long"):
        await at(registry.url).blob_head(REPO, ABSENT, ANYONE)


# --- B25: redirects and Locations

# {port} is that of a listener on 127.0.0.1, which must hear nothing.
FORBIDDEN = [
    "http://127.0.0.1:{port}/x",
    "http://127.0.0.2:{port}/x",
    "http://127.1:{port}/x",
    "http://2130706433:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://0x7f.1:{port}/x",
    "http://0177.0.0.1:{port}/x",
    "http://127.0.0.01:{port}/x",
    "http://127.0.0.1.:{port}/x",
    "http://0.0.0.0:{port}/x",
    "http://0:{port}/x",
    "http://localhost:{port}/x",
    "http://LocalHost:{port}/x",
    "http://localhost.:{port}/x",
    "http://[::1]:{port}/x",
    "http://[::]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://[::ffff:7f00:1]:{port}/x",
    "http://[64:ff9b::127.0.0.1]:{port}/x",
    "http://[2002:7f00:1::1]:{port}/x",
    "http://[fe80::1%25lo]:{port}/x",
    "http://[fd00::1]/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x",
    "http://172.16.0.1/x",
    "http://192.168.0.1/x",
    "http://100.64.0.1/x",
    "http://198.18.0.1/x",
    "http://224.0.0.1/x",
    "http://255.255.255.255/x",
    "//127.0.0.1:{port}/x",
    "///127.0.0.1:{port}/x",
    "/\\127.0.0.1:{port}/x",
    "http:/127.0.0.1:{port}/x",
    "http:\\\\127.0.0.1:{port}\\x",
    "http://user@127.0.0.1:{port}/x",
    "http://user:pw@127.0.0.1:{port}/x",
    "http://cdn.example:pw@127.0.0.1:{port}/x",
    "http://cdn.example\\@127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}#@cdn.example/x",
    "http://127.0.0.1:{port}/x#y",
    "http://127.0.0.1:{port}:80/x",
    "http://%6c%6fcalhost:{port}/x",
    "http://ｌocalhost:{port}/x",
    "HTTP://127.0.0.1:{port}/x",
    "ftp://127.0.0.1:{port}/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/x",
    "javascript:alert(1)",
    "x",
    "?x",
    "",
    "/x y",
]


@pytest.mark.parametrize("location", [*FORBIDDEN, "/" + "x" * 9000])
async def test_b25_a_redirect_leads_nowhere_it_should_not(registry: MemoryRegistry, at: Make, location: str) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret") as attacker:
        told = location.replace("{port}", str(attacker.port)).encode().decode("latin-1")
        registry.script(".*", Answer(status=307, headers={"Location": told}))
        upstream = at(registry.url, timeouts=QUICK)
        for call in ("blob", "blob-head", "small-blob"):
            with pytest.raises(UpstreamUnavailable):
                await CALLS[call](upstream)
        assert attacker.heads == []
    assert len(registry.requests) == 3


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("call", [name for name in CALLS if "blob" not in name])
async def test_b25_only_blobs_are_redirected(registry: MemoryRegistry, at: Make, call: str, status: int) -> None:
    registry.script(".*", Answer(status=status, headers={"Location": "/v2/"}), times=1)
    with pytest.raises(UpstreamUnavailable, match=f"answered {status}"):
        await CALLS[call](at(registry.url))
    assert len(registry.requests) == 1


async def test_b25_a_redirect_within_the_origin_keeps_the_credentials(registry: MemoryRegistry, at: Make) -> None:
    digest = registry.add_blob(str(REPO), b"content")
    registry.script("GET /v2/team/app/blobs/.*", Answer(status=302, headers={"Location": "/elsewhere?sig=a%2Fb"}))
    registry.script("GET /elsewhere", Answer(body=b"content"))
    assert await read_blob(at(registry.url), digest, ALICE) == b"content"
    assert [request.target for request in registry.requests][1:] == ["/elsewhere?sig=a%2Fb"]
    assert {request.header("Authorization") for request in registry.requests} == {ALICE.authorization}


async def test_b25_credentials_and_every_other_header_stay_at_the_origin(registry: MemoryRegistry, at: Make) -> None:
    async with MemoryRegistry() as cdn:
        cdn.script("GET /signed/there", Answer(status=307, headers={"Location": f"{registry.url}/back"}))
        registry.script("GET /v2/.*", Answer(status=307, headers={"Location": f"{cdn.url}/signed/there?X-Sig=a%2B/b"}))
        registry.script("GET /back", Answer(status=206, body=b"b", headers={"Content-Range": "bytes 1-1/3"}))
        upstream = at(registry.url, redirect_hosts=frozenset({cdn.host}))
        async with upstream.blob(REPO, ABSENT, ByteRange(first=1, last=1), ALICE) as stream:
            assert [chunk async for chunk in stream.chunks] == [b"b"]
        assert [request.target for request in cdn.requests] == ["/signed/there?X-Sig=a%2B/b"]
        for request in (*cdn.requests, registry.requests[-1]):
            assert {name for name, _ in request.headers} == OUR_HEADERS | {"range"}
        assert registry.requests[0].header("Authorization") == ALICE.authorization


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_b25_redirects_end(registry: MemoryRegistry, at: Make, status: int) -> None:
    registry.script(".*", lambda request: Answer(status=status, headers={"Location": f"{request.path}x"}))
    with pytest.raises(UpstreamUnavailable, match="more than 3 times"):
        await read_blob(at(registry.url))
    assert len(registry.requests) == REDIRECTS + 1


def test_b25_a_redirect_never_goes_from_https_to_http() -> None:
    home = Origin.parse("https://registry.example")
    asked = Target(home, "/v2/team/app/blobs/x")
    everywhere = frozenset({"cdn.example", "registry.example"})
    for location in ("http://cdn.example/x", "http://registry.example/x", "http://registry.example:443/x"):
        with pytest.raises(Malformed, match="plain HTTP"):
            redirected(asked, location, home, everywhere)
    assert redirected(asked, "https://cdn.example/x", home, frozenset()).origin == Origin("https", "cdn.example", 443)
    plain = Target(Origin.parse("http://registry.example"), "/x")
    assert str(redirected(plain, "https://cdn.example", home, frozenset()).url) == "https://cdn.example/"


class Names(AbstractResolver):
    """A name server that a stranger controls: each answer is the next of these."""

    def __init__(self, *addresses: list[str]) -> None:
        self.left = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.left.pop(0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], ["10.1.2.3"]]
)
async def test_b25_a_name_that_resolves_to_a_private_address_is_not_reached(
    registry: MemoryRegistry, at: Make, addresses: list[str]
) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret") as attacker:
        location = f"http://cdn.example:{attacker.port}/x"
        registry.script(".*", Answer(status=307, headers={"Location": location}))
        with pytest.raises(UpstreamUnavailable, match="not public"):
            await read_blob(at(registry.url, resolver=Names(addresses)))
        assert attacker.heads == []


async def test_b25_the_address_that_was_looked_at_is_the_one_that_is_reached(
    registry: MemoryRegistry, at: Make
) -> None:
    async with MemoryRegistry() as cdn:
        port = cdn.host.rpartition(":")[2]
        registry.script(".*", Answer(status=307, headers={"Location": f"http://cdn.example:{port}/x"}))
        cdn.script("GET /x", Answer(body=b"content"))
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        upstream = at(registry.url, resolver=names, redirect_hosts=frozenset({f"cdn.example:{port}"}))
        assert await read_blob(upstream) == b"content"
        assert len(names.left) == 1


@pytest.mark.parametrize(
    ("status", "told"), [(404, 404), (416, 416), (429, 429), (401, None), (403, None), (400, None)]
)
async def test_b25_a_strangers_challenge_is_not_passed_on(
    registry: MemoryRegistry, at: Make, status: int, told: int | None
) -> None:
    async with MemoryRegistry() as cdn:
        registry.script(".*", Answer(status=307, headers={"Location": f"{cdn.url}/x"}))
        cdn.script(".*", Answer(status=status, headers={"WWW-Authenticate": 'Bearer realm="http://evil.example"'}))
        with pytest.raises(UpstreamError) as error:
            await read_blob(at(registry.url, redirect_hosts=frozenset({cdn.host})))
        if told is None:
            assert isinstance(error.value, UpstreamUnavailable)
        else:
            assert isinstance(error.value, UpstreamRefused)
            assert (error.value.status, error.value.challenges) == (told, ())


@pytest.mark.parametrize("location", [*FORBIDDEN, "/v2/../x", "/v2/%2e%2E/x", "/v2/.%2f..%2Fx", "/%2fevil.example/x"])
async def test_b25_an_upload_stays_on_the_origin(registry: MemoryRegistry, at: Make, location: str) -> None:
    async with RawServer(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") as attacker:
        told = location.replace("{port}", str(attacker.port)).encode().decode("latin-1")
        upstream = at(registry.url)
        for method, status, call in (
            ("POST", 202, CALLS["start-upload"]),
            ("POST", 202, CALLS["push-blob"]),
            ("POST", 202, CALLS["mount-blob"]),
            ("PATCH", 202, CALLS["upload-chunk"]),
            ("GET", 204, CALLS["upload-progress"]),
        ):
            registry.script(f"{method} .*", Answer(status=status, headers={"Location": told}))
            with pytest.raises(UpstreamUnavailable, match="sends the upload to a place that is refused"):
                await call(upstream)
        with pytest.raises(Malformed):
            await finish(upstream, told)
        assert attacker.heads == []
    assert len(registry.requests) == 5


async def test_b25_an_upload_location_without_one_is_no_answer(registry: MemoryRegistry, at: Make) -> None:
    registry.script("POST .*", Answer(status=202))
    with pytest.raises(UpstreamUnavailable, match="does not say where"):
        await at(registry.url).start_upload(REPO, ANYONE)


async def test_b25_a_location_given_back_must_be_a_path(registry: MemoryRegistry, at: Make) -> None:
    with pytest.raises(Malformed):
        await finish(at(registry.url), f"{registry.url}/v2/u/1")
    assert registry.requests == []


@pytest.mark.parametrize(
    "link",
    [
        "<http://127.0.0.1:{port}/v2/team/app/{listing}?last=a>; rel=next",
        "<//127.0.0.1:{port}/v2/team/app/{listing}?last=a>; rel=next",
        "</v2/team/other/{listing}?last=a>; rel=next",
        "</v2/team/app/{listing}/../../x?last=a>; rel=next",
        "</v2/team/app/{listing}>; rel=next",
        "</v2/team/app/{listing}?last=a>; rel=next, </v2/team/app/{listing}?last=b>; rel=next",
        "</v2/team/app/{listing}?last=a>; rel=next\n</v2/team/app/{listing}?last=b>; rel=next",
        "</v2/team/app/{listing}?last=a>",
        "nonsense",
    ],
)
async def test_b25_a_next_page_stays_on_its_own_listing(registry: MemoryRegistry, at: Make, link: str) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as attacker:
        image, upstream = images.oci_image(), at(registry.url)
        listed = images.descriptor(image.raw, image.media_type)
        index = b'{"schemaVersion":2,"manifests":[%s]}' % str(listed).replace("'", '"').encode()
        for listing, body in ((f"referrers/{image.digest}", index), ("tags/list", b'{"tags":["a"]}')):
            told = link.replace("{port}", str(attacker.port)).replace("{listing}", listing)
            headers = [("Content-Type", mt.OCI_INDEX), *(("Link", one) for one in told.split("\n"))]
            registry.script(f"GET /v2/team/app/{listing}", Answer(body=body, headers=headers))
        page = await upstream.referrers(REPO, image.digest, ANYONE)
        assert (page.complete, [entry.digest for entry in page.descriptors]) == (False, [image.digest])
        with pytest.raises(UpstreamUnavailable, match="leads elsewhere"):
            await upstream.tags(REPO, None, "", ANYONE)
        assert attacker.heads == []
    assert len(registry.requests) == 2


# --- B28, B29: what reaches the upstream, and what comes out of errors


@each_call
async def test_b29_only_headers_of_ours_reach_the_upstream(registry: MemoryRegistry, at: Make, call: Call) -> None:
    headers = {"Set-Cookie": "evil=1; Path=/", "Location": "/v2/u/1"}
    registry.script(".*", Answer(status=404, headers=headers))
    host = registry.host.replace("127.0.0.1", "localhost")  # cookies are for names only
    upstream = at(f"http://{host}")
    for _ in range(2):
        if call is CALLS["referrers"]:
            await call(upstream)
        else:
            with pytest.raises(UpstreamRefused):
                await call(upstream)
    for request in registry.requests:
        names = {name for name, _ in request.headers}
        assert names - {"content-type", "content-length", "content-range"} == OUR_HEADERS | {"authorization"}
        assert request.header("Host") == host
        assert request.header("User-Agent").startswith("sealgate/")


async def test_b29_the_environments_proxy_is_not_asked(
    registry: MemoryRegistry, at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await at(registry.url).ping(ANYONE)
        assert proxy.heads == []


@pytest.mark.parametrize("status", [302, 403, 500])
@each_call
async def test_b28_no_error_shows_the_credentials(registry: MemoryRegistry, at: Make, call: Call, status: int) -> None:
    registry.script(".*", Answer(status=status, body=b"x", stop_after=0, headers={"Location": "http://u:p@x/"}))
    with pytest.raises(UpstreamError) as error:
        await call(at(registry.url))
    assert ALICE.authorization is not None
    assert ALICE.authorization not in f"{error.value} {error.value!r} {ALICE}"


async def test_b40_challenges_and_errors_come_clean(registry: MemoryRegistry, at: Make) -> None:
    good = 'Basic realm="x"'
    headers = [("WWW-Authenticate", value) for value in ("Basic \xe9", "B" * 5000, *[good] * (CHALLENGES + 1))]
    body = b'{"errors":[{"code":"DENIED","message":"a\\u001b[31m\\nb"}]}'
    registry.script(".*", Answer(status=401, headers=headers, body=body))
    with pytest.raises(UpstreamRefused) as refused:
        await at(registry.url).ping(ANYONE)
    assert refused.value.challenges == (good,) * CHALLENGES
    assert [problem.message for problem in refused.value.problems] == ["a [31m b"]


# --- F2: slow; F4: short; F5: wrong; F6: long


@each_call
async def test_f2_an_upstream_that_says_nothing(at: Make, call: Call) -> None:
    async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with RawServer(silent) as server:
        with pytest.raises(UpstreamUnavailable, match="took too long"):
            await call(at(server.url, timeouts=QUICK))


async def test_f2_a_blob_that_stops_coming(registry: MemoryRegistry, at: Make) -> None:
    registry.script("GET .*", Answer(body=b"abc", repeat=2, pause=60))
    got: list[bytes] = []
    with pytest.raises(UpstreamUnavailable, match="took too long"):
        await read_blob(at(registry.url, timeouts=QUICK), got=got)
    assert got == [b"abc"]


async def test_f2_an_upload_that_nobody_reads(at: Make) -> None:
    async def deaf(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1024 * 1024)

    async with RawServer(deaf) as server:
        with little_memory(), pytest.raises(UpstreamUnavailable, match="took too long"):
            await at(server.url, timeouts=QUICK).upload_chunk(REPO, "/v2/u/1", endless(), None, None, ANYONE)


async def test_f2_a_slow_client_does_not_count_against_the_upstream(registry: MemoryRegistry, at: Make) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(2 * QUICK.idle)
            yield b"abc"

    upstream = at(registry.url, timeouts=QUICK)
    progress = await upstream.start_upload(REPO, ANYONE)
    assert (await upstream.upload_chunk(REPO, progress.location, slow(), 9, None, ANYONE)).received == 9


@pytest.mark.parametrize("left", [0, 1, 5000, 9999])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_f4_a_body_that_breaks_off_is_no_body(
    registry: MemoryRegistry, at: Make, left: int, chunked: bool
) -> None:
    content = images.random_bytes(10_000)
    registry.script("GET .*", Answer(body=content, stop_after=left, chunked=chunked))
    upstream = at(registry.url)
    with pytest.raises(UpstreamUnavailable, match="broke its answer off"):
        await upstream.manifest(REPO, Tag("1"), [], ANYONE)
    with pytest.raises(UpstreamUnavailable, match="broke its answer off"):
        await upstream.small_blob(REPO, Digest.of(content), 10_000, ANYONE)
    if not chunked:
        got: list[bytes] = []
        with pytest.raises(UpstreamUnavailable, match="broke its answer off"):
            await read_blob(upstream, got=got)
        assert b"".join(got) == content[:left]


async def test_f4_a_body_that_ends_only_by_closing_is_refused(at: Make) -> None:
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}") as server:
        with pytest.raises(UpstreamUnavailable, match="how long"):
            await at(server.url).manifest(REPO, Tag("1"), [], ANYONE)


@pytest.mark.parametrize("position", [0, 200, -1])
async def test_f5_other_bytes_than_the_digest_says(registry: MemoryRegistry, at: Make, position: int) -> None:
    image = images.oci_image()
    wrong = bytearray(image.raw)
    wrong[position] ^= 1
    lie = {"Content-Type": mt.OCI_MANIFEST, "Docker-Content-Digest": str(image.digest)}
    registry.script("GET .*", Answer(body=bytes(wrong), headers=lie))
    upstream = at(registry.url)
    for digest in (image.digest, Digest.of(image.raw, "sha512")):
        with pytest.raises(ContentMismatch):
            await upstream.manifest(REPO, digest, [], ANYONE)
        with pytest.raises(ContentMismatch):
            await upstream.small_blob(REPO, digest, 10_000, ANYONE)


@pytest.mark.parametrize("surplus", [b"evil", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
async def test_f6_what_comes_after_the_body_is_never_the_next_answer(at: Make, surplus: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" + surplus
    async with RawServer(answer, keep_open=True) as server:
        upstream = at(server.url)
        for _ in range(5):
            with suppress(UpstreamUnavailable):  # as good: nothing of it came out
                assert (await upstream.manifest(REPO, Tag("1"), [], ANYONE)).raw == b"{}"
        assert len(server.heads) >= 5


# --- F22: storms


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999999", RETRY_AFTER_MOST_SECONDS),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 99, None),
    ],
)
async def test_f22_a_429_and_its_retry_after_are_told(
    registry: MemoryRegistry, at: Make, stated: str, seconds: int | None
) -> None:
    registry.script(".*", Answer(status=429, headers={"Retry-After": stated}))
    for name in ("manifest", "blob", "referrers", "put-manifest"):
        with pytest.raises(UpstreamRefused) as refused:
            await CALLS[name](at(registry.url))
        assert (refused.value.status, refused.value.retry_after) == (429, seconds)
    assert len(registry.requests) == 4


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@each_call
async def test_f22_a_5xx_is_no_answer_and_asked_once(
    registry: MemoryRegistry, at: Make, call: Call, status: int
) -> None:
    registry.script(".*", Answer(status=status))
    with pytest.raises(UpstreamUnavailable, match=f"answered {status}"):
        await call(at(registry.url))
    assert len(registry.requests) == 1


@pytest.mark.parametrize("status", [203, 206, 226])
@each_call
async def test_f22_a_success_of_another_kind_is_no_answer(
    registry: MemoryRegistry, at: Make, call: Call, status: int
) -> None:
    registry.script(".*", Answer(status=status, body=b"{}", headers={"Content-Type": mt.OCI_INDEX}))
    with pytest.raises(UpstreamUnavailable, match=f"answered {status}"):
        await call(at(registry.url))


# --- 1C: raw answers

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "two-lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "one-length-twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list-of-lengths": OK + b"Content-Length: 2, 2\r\n\r\n{}",
    "length-and-chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks-and-length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "signed-length": OK + b"Content-Length: +2\r\n\r\n{}",
    "negative-length": OK + b"Content-Length: -2\r\n\r\n{}",
    "hexadecimal-length": OK + b"Content-Length: 0x2\r\n\r\n{}",
    "empty-length": OK + b"Content-Length: \r\n\r\n{}",
    "space-before-colon": OK + b"Content-Length : 2\r\n\r\n{}",
    "other-coding": OK + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "coding-and-chunks": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunked-twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two-types": OK + b"Content-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
    "two-encodings": OK + b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "nul": OK + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "escape": OK + b"X-A: a\x1bb\r\nContent-Length: 2\r\n\r\n{}",
    "delete": OK + b"X-A: a\x7fb\r\nContent-Length: 2\r\n\r\n{}",
    "bare-cr": OK + b"X-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\n{}",
    "long-header": OK + b"X-A: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "many-headers": OK + b"X-A: a\r\n" * 5000 + b"Content-Length: 2\r\n\r\n{}",
    "long-reason": b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "http-2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "http-0.9": b"{}",
    "nothing": b"",
    "low-status": b"HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\n{}",
    "high-status": b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\n{}",
    "early-close": OK + b"Content-Length: 5\r\n\r\n{}",
    "unended-chunks": CHUNKED + b"2\r\n{}\r\n",
    "no-chunk-size": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "negative-chunk": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "enormous-chunk": CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "trailers-flood": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    "long-trailer": CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_1c_a_malformed_answer_is_no_answer(at: Make, answer: bytes) -> None:
    async with RawServer(answer) as server:
        upstream = at(server.url, timeouts=QUICK)
        for name in ("manifest", "blob", "small-blob", "tags"):
            with little_memory(), pytest.raises(UpstreamUnavailable):
                await CALLS[name](upstream)


@pytest.mark.parametrize("rest", [b"zz\r\n{}\r\n0\r\n\r\n", b"f" * 20 + b"\r\n", b"0\r\nX: " + b"y" * 1_000_000])
async def test_1c_a_body_that_turns_malformed_on_the_way_ends(at: Make, rest: bytes) -> None:
    """aiohttp tells nobody that waits for such a body; the deadline on documents does."""

    async def two_pieces(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"2\r\n{}\r\n")
        await writer.drain()
        await asyncio.sleep(QUICK.document / 5)  # what came so far must have been taken for a good beginning
        writer.write(rest)
        await writer.drain()
        await asyncio.Event().wait()

    async with RawServer(two_pieces) as server:
        with pytest.raises(UpstreamUnavailable):
            await at(server.url, timeouts=QUICK).manifest(REPO, Tag("1"), [], ANYONE)


async def test_1c_two_locations_are_no_redirect(registry: MemoryRegistry, at: Make) -> None:
    registry.script(".*", Answer(status=307, headers=[("Location", "/v2/"), ("Location", "/v2/")]), times=1)
    with pytest.raises(UpstreamUnavailable, match="more than one Location"):
        await read_blob(at(registry.url))


async def test_1c_a_flood_of_interim_answers_ends(at: Make) -> None:
    async def flood(head: bytes, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)
            await writer.drain()

    async with RawServer(flood) as server:
        with little_memory(), pytest.raises(UpstreamUnavailable):
            await at(server.url, timeouts=QUICK).manifest(REPO, Tag("1"), [], ANYONE)


async def test_1c_no_accident_of_http_comes_out_as_anything_but_ours(at: Make) -> None:
    """Every prefix of a good answer, cut at each byte."""
    whole = OK + b"Content-Length: 2\r\n\r\n{}"
    for end in range(len(whole)):
        async with RawServer(whole[:end]) as server:
            with pytest.raises(SealgateError):
                await at(server.url, timeouts=QUICK).manifest(REPO, Tag("1"), [], ANYONE)
