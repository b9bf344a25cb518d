"""What a hostile client sends to the gate's own socket, byte for byte; always asserted: what it got, and what left.

`open/app` may be pulled and pushed by anybody, `closed/app` needs a signature that nothing has.
"""

import asyncio
import gzip
import itertools
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.memory_holds import MemoryHolds
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.admission.carriers import Carriers
from sealgate.admission.deletes import Deletes
from sealgate.admission.discovery import Discovery
from sealgate.admission.holds import Holds
from sealgate.admission.judge import Judge
from sealgate.admission.manifests import Manifests
from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.recorder import Recorder
from sealgate.admission.uploads import UploadSeal
from sealgate.evidence.keys import PublicKey
from sealgate.http.edge import Edge
from sealgate.http.server import serve
from sealgate.limits import MANIFEST_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.policy.model import KeyRequirement, Policy, PolicySet, Rule
from sealgate.testing import images
from sealgate.testing.clock import FixedClock
from sealgate.testing.registry import MemoryRegistry

IMAGE = images.oci_image(seed=7)
EVIL = images.oci_image(seed=666)
TYPE = IMAGE.media_type


@dataclass(frozen=True)
class Below:
    text: str

    def capture(self, name):
        return {} if name.startswith(self.text) else None


class NoVerifier:
    version = "none"
    trusted_roots_digest = ""


class NoPredicates:
    async def judge(self, test, given):
        raise AssertionError("no policy here asks for an attestation")


class NoLogs:
    async def proves(self, entry):
        raise AssertionError("no log is asked here")


class NoLog:
    def record(self, record):
        pass


KEY = PublicKey(fingerprint="0" * 64, spki=b"", algorithm="none")
POLICIES = PolicySet(
    policies=(
        Policy(name="open", repositories=(Below("open/"),), allow_unsigned=True),
        Policy(
            name="closed",
            repositories=(Below("closed/"),),
            rules=(Rule(name="r", alternatives=(KeyRequirement(name="k", key=KEY),)),),
        ),
    )
)


@dataclass(frozen=True)
class Got:
    """Everything that one connection brought, up to its end."""

    raw: bytes

    @property
    def statuses(self):
        """Of every answer on the connection, 1xx ones too."""
        return [int(line.split(b" ")[1]) for line in self.raw.split(b"\r\n") if line.startswith(b"HTTP/")]

    @property
    def status(self):
        return next((status for status in self.statuses if status != 100), 0)

    @property
    def body(self):
        return self.raw.rpartition(b"\r\n\r\n")[2]

    def header(self, name):
        found = [line for line in self.raw.split(b"\r\n") if line.lower().startswith(name.lower().encode() + b":")]
        return [line.partition(b":")[2].strip().decode("latin-1") for line in found]

    def assert_no_content_of(self, artifact):
        for secret in (artifact.raw, *artifact.blobs):
            assert secret[:40] not in self.raw
            assert secret[-40:] not in self.raw


@dataclass(frozen=True)
class Gate:
    port: int
    registry: MemoryRegistry

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(20):
                yield reader, writer
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def send(self, raw: bytes) -> Got:
        """Send bytes, read until the gate closes, as it must at the latest when asked to."""
        async with self.connect() as (reader, writer):
            writer.write(raw)
            return Got(await reader.read())

    async def send_part(self, raw: bytes) -> Got:
        """Send what is not a whole request, read the head of the answer: the gate lingers for the rest."""
        async with self.connect() as (reader, writer):
            writer.write(raw)
            return Got(await reader.readuntil(b"\r\n\r\n"))

    async def ask(self, method: str, target: str, *lines: str, body: bytes = b"") -> Got:
        length = (f"Content-Length: {len(body)}",) if body or method in ("PUT", "POST", "PATCH") else ()
        if any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
            length = ()
        head = [f"{method} {target} HTTP/1.1", "Host: gate.example", "Connection: close", *lines, *length, "", ""]
        return await self.send("\r\n".join(head).encode() + body)

    @property
    def asked(self):
        """What the upstream was asked, since `forget`."""
        return [(request.method, request.target) for request in self.registry.requests]

    def forget(self):
        self.registry.requests.clear()


@pytest.fixture
async def gate(registry: MemoryRegistry) -> AsyncIterator[Gate]:
    registry.add_artifact("open/app", IMAGE, "v1")
    registry.add_artifact("closed/app", EVIL, "v1")
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with AsyncExitStack() as stack:
        upstream = HttpUpstream("default", registry.url)
        stack.push_async_callback(upstream.close)
        store, manifests = MemoryStore(clock), Manifests(upstream)
        judge = Judge(
            upstream_of=lambda _: upstream.name,
            store=store,
            verifier=NoVerifier(),
            manifests=manifests,
            discovery=Discovery(upstream, manifests, NoVerifier(), NoLogs(), NoPredicates(), clock, store),
            carriers=Carriers(upstream, manifests),
            clock=clock,
            policies=POLICIES,
        )
        parts = {
            "upstream": upstream,
            "store": store,
            "manifests": manifests,
            "judge": judge,
            "recorder": Recorder(NoLog(), clock, "0" * 64),
            "clock": clock,
        }
        waiting = {name: parts[name] for name in ("upstream", "judge", "manifests", "recorder", "clock")}
        parts["holds"] = Holds(store=MemoryHolds(), **waiting)
        edge = Edge(
            upstream=upstream,
            registries={"default": upstream},
            names=Names([NamedRegistry(name="default", address=registry.host)], "gate.example"),
            pull=Pull(**parts),
            push=Push(**parts),
            deletes=Deletes(upstream, judge),
            seal=UploadSeal(b"s" * 32),
        )
        running = await serve(edge, "127.0.0.1", 0)
        stack.push_async_callback(running.stop, 0.1)
        yield Gate(running.port, registry)


# B12: path confusion.

_DIGEST = str(EVIL.digest)
SPELLINGS = [
    "/v2/closed%2Fapp/manifests/v1", "/v2/closed%2fapp/manifests/v1", "/v2/closed%252Fapp/manifests/v1",
    "/v2/closed/app%2Fmanifests/v1", "/v2/closed/app/manifests%2Fv1", "/v2%2Fclosed/app/manifests/v1",
    "/%76%32/closed/app/manifests/v1", "/v2/clos%65d/app/manifests/v1", "/v2/closed/app/manifest%73/v1",
    "/v2/closed/app/manifests/v%31", "//v2/closed/app/manifests/v1", "///v2/closed/app/manifests/v1",
    "/v2//closed/app/manifests/v1", "/v2/closed//app/manifests/v1", "/v2/closed/app//manifests/v1",
    "/v2/closed/app/manifests//v1", "/./v2/closed/app/manifests/v1", "/v2/./closed/app/manifests/v1",
    "/v2/closed/./app/manifests/v1", "/v2/closed/app/./manifests/v1", "/v2/closed/app/manifests/./v1",
    "/v2/open/../closed/app/manifests/v1", "/v2/x/../closed/app/manifests/v1", "/x/../v2/closed/app/manifests/v1",
    "/v2/open/app/manifests/../../../closed/app/manifests/v1", "/v2/open/%2e%2e/closed/app/manifests/v1",
    "/v2/open/%2E%2E/closed/app/manifests/v1", "/v2/open/.%2e/closed/app/manifests/v1",
    "/v2/open/..%2fclosed/app/manifests/v1", "/v2/open/..;/closed/app/manifests/v1", "/..;/v2/closed/app/manifests/v1",
    "/v2/closed/app/manifests/v1/", "/v2/closed/app/manifests/v1//", "/v2/closed/app/manifests/v1/.",
    "/v2/closed/app/manifests/v1/..", "/v2/closed/app/manifests/v1/../v1", "/v2/closed/app/manifests/v1;",
    "/v2/closed/app/manifests/v1;x=y", "/v2/closed/app;/manifests/v1", "/v2;/closed/app/manifests/v1",
    "/v2/closed/app/manifests/v1%00", "/v2/closed/app/manifests/v1%20", "/v2/closed/app/manifests/v1%0a",
    "/v2/closed/app/manifests/v1%0d%0aX:y", "/v2/closed/app/manifests/v1%23", "/v2/closed/app/manifests/v1%3F",
    "/v2/closed/app/manifests/v1#x", "#/v2/closed/app/manifests/v1", "/v2/closed\\app/manifests/v1",
    "/v2\\closed\\app\\manifests\\v1", "/v2/closed%5Capp/manifests/v1", "/V2/closed/app/manifests/v1",
    "/v2/CLOSED/app/manifests/v1", "/v2/Closed/App/manifests/v1", "/v2/closed/app/MANIFESTS/v1",
    "/v2/closed/app/Manifests/v1", "/v1/closed/app/manifests/v1", "/v2closed/app/manifests/v1",
    "/v2/ｃｌｏｓｅｄ/app/manifests/v1", "/v2/closed／app/manifests/v1", "/v2/closed/app/manifests/v１",
    "/v2/c\u017fosed/app/manifests/v1", "/v2/closed/app/manifests/\u212a1", "/v2/closed/app/manifests/v\u0661",
    "/v2/closed/app/manifests/v1\u200b", "/v2/closed/app/manifests/v1\u00a0", "v2/closed/app/manifests/v1",
    "http://gate.example/v2/closed/app/manifests/v1", "http://evil.example/v2/closed/app/manifests/v1",
    "HTTP://gate.example/v2/closed/app/manifests/v1", "//gate.example/v2/closed/app/manifests/v1",
    "/v2/gate.example/../closed/app/manifests/v1", "*", "/", "", "?", "/v2/closed/app/manifests/@v1",
    "/v2/closed/app@v1", f"/v2/closed/app@{_DIGEST}", f"/v2/closed/app/manifests/@{_DIGEST}",
    f"/v2/closed/app/manifests/{_DIGEST}/", f"/v2/closed/app/manifests/{_DIGEST.replace(':', '%3A')}",
    f"/v2/closed/app/manifests/{_DIGEST.upper()}", f"/v2/closed/app/blobs//{_DIGEST}",
    f"/v2/closed/app/blobs/../manifests/{_DIGEST}", f"/v2/closed/app/blobs/{_DIGEST.replace(':', '%3a')}",
    "/v2/closed/app/manifests/v1?ns=/../../x", "/v2/closed/app/manifests/v1&x=y", "/v2/closed/app/.manifests/v1",
    "/extensions/v2/closed/app/manifests/v1", "/v2/closed/app/_layer/v1", "/v2/_catalog/../closed/app/manifests/v1",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
async def test_b12_no_spelling_reaches_what_is_closed(gate, method):
    body = EVIL.raw if method == "PUT" else b""
    type_line = (f"Content-Type: {TYPE}",) if method == "PUT" else ()
    for spelling in SPELLINGS:
        got = await gate.ask(method, spelling, *type_line, body=body)
        assert 400 <= got.status < 500, spelling
        got.assert_no_content_of(EVIL)
        assert gate.asked == [], spelling  # none of them is any request at all
    assert gate.registry.tags("closed/app") == {"v1": EVIL.digest}


async def test_b12_the_one_spelling_is_judged(gate):
    """The control: what the spellings above look like is there, and is refused for what it is."""
    for target in (f"/v2/closed/app/manifests/{EVIL.digest}", "/v2/closed/app/manifests/v1?x=%2e%2e&y=;"):
        got = await gate.ask("GET", target)
        assert (got.status, b"DENIED" in got.body) == (403, True)
        got.assert_no_content_of(EVIL)
    assert (await gate.ask("GET", "/v2/open/app/manifests/v1")).body == IMAGE.raw
    got = await gate.ask("GET", f"/v2/closed/app/blobs/{Digest.of(EVIL.blobs[0])}")
    assert (got.status, b"blob-not-admitted" in got.body) == (403, True)


@pytest.mark.parametrize(
    "line",
    ["X-HTTP-Method-Override: PUT", "X-Method-Override: DELETE", "X-HTTP-Method: PUT",
     "X-Original-URL: /v2/closed/app/manifests/v1", "X-Rewrite-URL: /v2/closed/app/manifests/v1",
     "X-Forwarded-Uri: /v2/closed/app/manifests/v1", "X-Forwarded-Prefix: /v2/closed", "Destination: /v2/closed/app"],
)  # fmt: skip
async def test_b12_headers_that_rename_the_request_are_not_read(gate, line):
    got = await gate.ask("GET", "/v2/open/app/manifests/v1", line)
    assert (got.status, got.body) == (200, IMAGE.raw)
    assert gate.asked == [("GET", "/v2/open/app/manifests/v1")]


@pytest.mark.parametrize("method", ["get", "Get", "PROPFIND", "OPTIONS", "TRACE", "CONNECT", "PURGE", "GETS", "M" * 50])
async def test_b12_other_methods_do_nothing(gate, method):
    got = await gate.ask(method, "/v2/closed/app/manifests/v1")
    assert got.status in (400, 403, 404, 405)  # aiohttp reads `get` as GET: then it is one, and judged
    got.assert_no_content_of(EVIL)


# B13, B14: names and digests.


@pytest.mark.parametrize(
    "name",
    ["", "a//b", "/a", "a/", ".", "..", "a/../b", "A", "closed/App", "_catalog", "-a", "a-", "a.", ".a", "a..b",
     "a___b", "a._b", "a b", "a+b", "a:5000/b", "a@b", "a~b", "a" * 256, "a/" * 128, "\u0430pp", "\uff54eam", "a\u0301",
     "k\u212a", "app\u0660", "a%41", "a\\b", "a,b", "a*", "**", "a?b", "a\tb"],
)  # fmt: skip
async def test_b13_a_name_outside_the_grammar_is_none(gate, name):
    for method, rest in (("GET", "manifests/v1"), ("GET", "tags/list"), ("POST", "blobs/uploads/")):
        got = await gate.ask(method, f"/v2/{name}/{rest}")
        assert 400 <= got.status < 500
        assert gate.asked == []


async def test_b13_a_name_with_the_words_of_the_grammar_is_one_name(gate):
    for name in ("open/manifests/x", "open/blobs/uploads", "open/tags/list", "open/referrers"):
        gate.registry.add_artifact(name, IMAGE, "v1")
        assert (await gate.ask("GET", f"/v2/{name}/manifests/v1")).body == IMAGE.raw
    gate.registry.add_artifact("closed/manifests/open/app", EVIL, "v1")
    got = await gate.ask("GET", "/v2/closed/manifests/open/app/manifests/v1")
    assert got.status == 403
    got.assert_no_content_of(EVIL)


_HEX = EVIL.digest.hex
DIGESTS = [
    "sha256:", "sha256", f"sha256{_HEX}", f"SHA256:{_HEX}", f"Sha256:{_HEX}", f"sha256:{_HEX.upper()}",
    f"sha256:{_HEX[:-1]}", f"sha256:{_HEX}0", f"sha256:{_HEX[:-1]}g", f"sha256:{_HEX[:-1]}\u0661", f"sha256::{_HEX}",
    f"sha256:{_HEX}:{_HEX}", f"sha256-{_HEX}:", f"sha256+b64u:{_HEX}", f"sha512:{_HEX}", f"sha256:{_HEX * 2}",
    f"sha384:{_HEX}{_HEX[:32]}", "sha1:" + "a" * 40, "md5:" + "a" * 32, f"blake3:{_HEX}", f"multihash+base58:{_HEX}",
    "sha256:../../../closed/app/manifests/v1", f"sha256:..{_HEX[2:]}", f"sha256:{_HEX}/..", f"sha256:{_HEX}%00",
    f"sha256%3A{_HEX}", f"sha256:{_HEX}.sig:", f" sha256:{_HEX}", f"sha256:{_HEX}\t", f"sha256: {_HEX[1:]}",
    f"sha256:0x{_HEX[2:]}", f"sha256:-{_HEX[1:]}", f":{_HEX}", f"sha256:{'f' * 10_000}",
]  # fmt: skip


async def test_b14_a_digest_outside_the_grammar_is_none(gate):
    for digest, place in itertools.product(DIGESTS, ("manifests", "blobs", "referrers")):
        if ":" not in digest and place == "manifests":
            continue  # then it is a tag, and a good one
        got = await gate.ask("GET", f"/v2/open/app/{place}/{digest}")
        assert 400 <= got.status < 500, digest
    assert gate.asked == []


async def test_b14_a_digest_in_a_query_is_held_to_the_same_grammar(gate):
    started = await gate.ask("POST", "/v2/open/app/blobs/uploads/")
    (location,) = started.header("Location")
    gate.forget()
    for digest in DIGESTS:
        got = await gate.ask("PUT", f"{location}?digest={digest.replace('%', '%25')}")
        assert 400 <= got.status < 500, digest
    assert gate.asked == []


# B3, B4, B9, B10: other ways to ask for the same content.


async def test_b3_head_and_get_are_one_decision(gate):
    for name, reference in itertools.product(("open", "closed"), ("v1", "absent", str(EVIL.digest), str(IMAGE.digest))):
        path = f"/v2/{name}/app/manifests/{reference}"
        got, head = await gate.ask("GET", path), await gate.ask("HEAD", path)
        assert got.status == head.status
        for header in ("Docker-Content-Digest", "Content-Type"):
            assert got.header(header) == head.header(header)
        head.assert_no_content_of(IMAGE)
        head.assert_no_content_of(EVIL)


@pytest.mark.parametrize("agent", ["cosign/v3.0.2", "notation/1.3", "oras/1.2", "go-containerregistry/v0.20", "docker"])
async def test_b4_no_user_agent_gets_content(gate, agent):
    blobs = [Digest.of(blob) for blob in EVIL.blobs]
    paths = ["manifests/v1", f"manifests/{EVIL.digest}", *(f"blobs/{digest}" for digest in (*blobs, EVIL.digest))]
    for method, path in itertools.product(("GET", "HEAD"), paths):
        got = await gate.ask(method, f"/v2/closed/app/{path}", f"User-Agent: {agent}", f"Accept: {TYPE}, */*")
        got.assert_no_content_of(EVIL)
        assert method == "HEAD" or got.status in (403, 404)


async def test_b9_a_manifest_is_not_served_as_a_blob(gate):
    gate.registry.add_blob("closed/app", EVIL.raw)
    gate.registry.add_blob("open/app", IMAGE.raw)
    for name, artifact in (("closed", EVIL), ("open", IMAGE)):
        await gate.ask("GET", f"/v2/{name}/app/manifests/v1")
        for lines in ((), ("Range: bytes=0-100",)):
            got = await gate.ask("GET", f"/v2/{name}/app/blobs/{artifact.digest}", *lines)
            assert got.status == 403
            got.assert_no_content_of(artifact)
        assert (await gate.ask("HEAD", f"/v2/{name}/app/blobs/{artifact.digest}")).status == 404


@pytest.mark.parametrize(
    "line",
    ["Range: bytes=0-0", "Range: bytes=0-0,5-9", "Range: bytes=-1", f'If-None-Match: "{EVIL.digest}"',
     "If-None-Match: *", 'If-Match: "x"', "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
)  # fmt: skip
async def test_b10_no_condition_or_range_gets_around_the_decision(gate, line):
    got = await gate.ask("GET", "/v2/closed/app/manifests/v1", line)
    assert got.status == 403
    got.assert_no_content_of(EVIL)
    got = await gate.ask("GET", "/v2/open/app/manifests/v1", line)
    assert (got.status, got.body) == (200, IMAGE.raw)


# B17, B18, B19: the query.


async def test_b17_ns_selects_no_other_registry_and_no_other_policy(gate):
    for ns in ("open", "evil.example", "gate.example&ns=open", "127.0.0.1:1", "gate.example/../", "GATE.example"):
        assert (await gate.ask("GET", f"/v2/closed/app/manifests/v1?ns={ns}")).status == 400
    assert gate.asked == []
    for ns in ("gate.example", gate.registry.host, gate.registry.host.replace(":", "%3A")):
        assert (await gate.ask("GET", f"/v2/closed/app/manifests/v1?ns={ns}")).status == 403


async def test_b18_tags_in_the_query_move_nothing(gate):
    target = f"/v2/closed/app/manifests/{EVIL.digest}?tag=latest&tag=v2"
    got = await gate.ask("PUT", target, f"Content-Type: {TYPE}", body=EVIL.raw)
    assert got.status == 201
    assert [target for method, target in gate.asked if method == "PUT"] == [f"/v2/closed/app/manifests/{EVIL.digest}"]
    assert gate.registry.tags("closed/app") == {"v1": EVIL.digest}


async def test_b19_nothing_is_mounted(gate):
    blob = Digest.of(EVIL.blobs[0])
    for query in (f"mount={blob}&from=closed/app", f"mount={blob}", f"from=closed%2Fapp&mount={blob}"):
        got = await gate.ask("POST", f"/v2/open/app/blobs/uploads/?{query}")
        assert (got.status, got.header("Docker-Content-Digest")) == (202, [])
    assert gate.asked == [("POST", "/v2/open/app/blobs/uploads/")] * 3
    assert not gate.registry.has_blob("open/app", blob)


# B6, B7: manifests with two meanings.


def _variants():
    image, index = json.loads(IMAGE.raw), json.loads(images.index(seed=1).raw)
    oci, docker = TYPE, "application/vnd.docker.distribution.manifest.v2+json"
    listing = index["mediaType"]
    yield "both shapes, as an image", {**image, "manifests": index["manifests"]}, oci
    yield "both shapes, as an index", {**index, "layers": image["layers"]}, listing
    yield "config in an index", {**index, "config": image["config"]}, listing
    yield "an image sent as an index", {**image, "mediaType": listing}, listing
    yield "an index sent as an image", {**index, "mediaType": oci}, oci
    yield "types disagree", {**image, "mediaType": docker}, oci
    yield "types disagree the other way", image, docker
    yield "an image's type in an index", {**index, "mediaType": oci}, listing
    yield "schema 1", {**image, "schemaVersion": 1}, oci
    yield "schema 1 fields", {**image, "fsLayers": []}, oci
    yield "an unknown type", {**image, "mediaType": "text/plain"}, "text/plain"
    yield "foreign layers", {**image, "layers": [{**image["layers"][0], "urls": ["http://evil.example"]}]}, oci


VARIANTS = [
    *((name, json.dumps(document).encode(), content_type) for name, document, content_type in _variants()),
    ("duplicate keys", IMAGE.raw.replace(b'"layers"', b'"layers":[],"layers"', 1), TYPE),
    ("keys that differ by case", IMAGE.raw.replace(b'"layers"', b'"Layers":[],"layers"', 1), TYPE),
]


@pytest.mark.parametrize(("raw", "content_type"), [row[1:] for row in VARIANTS], ids=[row[0] for row in VARIANTS])
async def test_b6_a_manifest_with_two_meanings_neither_enters_nor_leaves(gate, raw, content_type):
    got = await gate.ask("PUT", "/v2/open/app/manifests/v2", f"Content-Type: {content_type}", body=raw)
    assert (got.status, b"MANIFEST_INVALID" in got.body) == (400, True)
    assert [method for method, _ in gate.asked if method == "PUT"] == []
    gate.registry.add_manifest("open/app", raw, content_type, "v2")
    got = await gate.ask("GET", "/v2/open/app/manifests/v2")
    assert got.status in (403, 502, 503)
    assert raw not in got.raw


# B22, B23: bodies.

_PUT = f"PUT /v2/open/app/manifests/v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {TYPE}\r\n".encode()
_RAW = IMAGE.raw
_CAP = MANIFEST_BYTES


def _chunked(body: bytes, trailer: bytes = b"") -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer)


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 0\r\n\r\n", 400),
        (b"\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: %d\r\n\r\n" % (_CAP + 1) + b" " * (_CAP + 1), 413),
        (_chunked(_RAW + b" " * (_CAP + 1 - len(_RAW))), 413),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: +5\r\n\r\n12345", 400),
        (b"Content-Length: 0x5\r\n\r\n12345", 400),
        (b"Content-Length: 5, 5\r\n\r\n12345", 400),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n12345", 400),
        (b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n-5\r\n12345\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\n123456\r\n0\r\n\r\n", 400),
        (_chunked(_RAW, b"Content-Length: 3\r\n"), 400),
        (b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\n12345", 417),
    ],
)
async def test_b22_a_body_that_is_not_one_whole_manifest_is_refused(gate, rest, status):
    got = await gate.send(_PUT + rest)
    assert got.status == status
    assert [method for method, _ in gate.asked if method == "PUT"] == []
    assert "v2" not in gate.registry.tags("open/app")


@pytest.mark.parametrize("length", [_CAP + 1, 99999999999999])
async def test_b22_a_body_that_will_be_too_long_is_refused_before_it_comes(gate, length):
    got = await gate.send_part(_PUT + b"Content-Length: %d\r\n\r\n" % length)
    assert (got.statuses, got.header("Connection"), gate.asked) == ([413], ["close"], [])


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: %d\r\n\r\n" % len(_RAW) + _RAW,
        _chunked(_RAW),
        _chunked(_RAW, b"X-Trailer: y\r\n"),
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(_RAW) + _RAW,
    ],
)
async def test_b22_the_judged_bytes_are_the_stored_bytes(gate, rest):
    got = await gate.send(_PUT + rest)
    assert got.status == 201
    assert gate.registry.tags("open/app")["v2"] == IMAGE.digest


async def test_b22_a_manifest_of_exactly_the_cap_is_read_whole(gate):
    raw = _RAW + b" " * (_CAP - len(_RAW))
    assert (await gate.send(_PUT + b"Content-Length: %d\r\n\r\n" % _CAP + raw)).status == 201
    assert gate.registry.tags("open/app")["v2"] == Digest.of(raw)


async def test_b22_a_body_longer_than_it_says_is_cut_where_it_said(gate):
    """What follows is another request, and this one is none: the first is answered if it was alone in a packet."""
    tail = b"GET /v2/closed/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
    put = _PUT.replace(b"Connection: close\r\n", b"")
    got = await gate.send(put + b"Content-Length: %d\r\n\r\n" % len(_RAW) + _RAW + b"}\r\n" + tail)
    assert got.statuses in ([201, 400], [400])
    got.assert_no_content_of(EVIL)


async def test_b22_a_body_shorter_than_it_says_is_never_judged(gate):
    async with gate.connect() as (reader, writer):
        writer.write(_PUT + b"Content-Length: %d\r\n\r\n" % (len(_RAW) + 1) + _RAW)
        writer.write_eof()
        assert await reader.read() == b""
    assert (await gate.ask("GET", "/v2/open/app/manifests/v2")).status == 404
    assert [method for method, _ in gate.asked if method == "PUT"] == []


async def test_b22_who_expects_to_continue_is_told_before_the_body_and_not_after_a_refusal(gate):
    async with gate.connect() as (reader, writer):
        writer.write(_PUT + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(_RAW))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(_RAW)
        assert (await reader.readline()).startswith(b"HTTP/1.1 201 ")
    got = await gate.send_part(_PUT + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (_CAP + 1))
    assert got.statuses == [413]


@pytest.mark.parametrize(
    "encoding",
    ["gzip", "deflate", "br", "zstd", "compress", "x-gzip", "GZIP", "gzip, gzip", "identity, gzip",
     "gzip\r\nContent-Encoding: gzip", "identity\r\nContent-Encoding: gzip", "aes128gcm", "\"", ""],
)  # fmt: skip
async def test_b23_content_encoding_on_upload_is_refused(gate, encoding):
    started = await gate.ask("POST", "/v2/open/app/blobs/uploads/")
    (location,) = started.header("Location")
    gate.forget()
    line = f"Content-Encoding: {encoding}"
    digest = Digest.of(_RAW)
    body = gzip.compress(_RAW) if "gzip" in encoding else zlib.compress(_RAW)
    for method, target in (
        ("PUT", "/v2/open/app/manifests/v2"),
        ("PUT", f"/v2/open/app/manifests/{digest}"),
        ("POST", "/v2/open/app/blobs/uploads/"),
        ("POST", f"/v2/open/app/blobs/uploads/?digest={digest}"),
        ("PATCH", location),
        ("PUT", f"{location}?digest={digest}"),
    ):
        got = await gate.ask(method, target, line, f"Content-Type: {TYPE}", body=body)
        assert got.status == 415, (method, target)
    assert gate.asked == []


async def test_b23_a_bomb_is_not_inflated_and_identity_is_fine(gate):
    bomb = gzip.compress(b"\0" * (50 << 20))
    got = await gate.ask(
        "PUT", "/v2/open/app/manifests/v2", "Content-Encoding: gzip", f"Content-Type: {TYPE}", body=bomb
    )
    assert got.status == 415
    got = await gate.ask(
        "PUT", "/v2/open/app/manifests/v2", "Content-Encoding: identity", f"Content-Type: {TYPE}", body=_RAW
    )
    assert got.status == 201


# B29: forwarded headers.


@pytest.mark.parametrize(
    "line",
    ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "Forwarded: host=evil.example;proto=https",
     "X-Real-IP: 10.0.0.1", "Via: 1.1 evil.example", "X-Forwarded-For: 10.0.0.1", "X-Registry-Auth: evil.example",
     "Connection: authorization", "Connection: close, x-forwarded-host\r\nX-Forwarded-Host: evil.example",
     "Cookie: evil.example=1", "Proxy-Authorization: Basic evil.example", "Origin: https://evil.example"],
)  # fmt: skip
async def test_b29_what_a_client_says_of_itself_comes_back_from_nowhere(gate, line):
    got = await gate.ask("POST", "/v2/open/app/blobs/uploads/", line, "Authorization: Bearer mine")
    assert got.status == 202
    (location,) = got.header("Location")
    assert location.startswith("/v2/open/app/blobs/uploads/")
    assert b"evil.example" not in got.raw
    (asked,) = gate.registry.requests
    sent = dict(asked.headers)
    assert "evil.example" not in repr(asked.headers)
    assert sent["authorization"] == "Bearer mine"
    assert {"via", "forwarded", "cookie", "x-forwarded-for", "x-real-ip", "x-forwarded-proto"}.isdisjoint(sent)


async def test_b29_the_host_names_nothing(gate):
    for host in ("evil.example", "closed", gate.registry.host):
        lines = ("POST /v2/open/app/blobs/uploads/ HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Length: 0")
        got = await gate.send("\r\n".join((*lines, "", "")).encode())
        assert got.status == 202
        assert host.encode() not in got.raw
    for request in gate.registry.requests:
        assert request.header("host") == gate.registry.host


# B30: one parser, strict.

_GET = b"GET /v2/closed/app/manifests/v1"


@pytest.mark.parametrize(
    "raw",
    [
        _GET + b" HTTP/1.1\nHost: x\n\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost : x\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nA\0B: y\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nA: y\0z\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nA: y\rz\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        _GET + b" HTTP/2.0\r\nHost: x\r\nConnection: close\r\n\r\n",
        _GET + b" HTTP/0.9\r\nHost: x\r\nConnection: close\r\n\r\n",
        _GET + b" HTTP/1.10\r\nHost: x\r\n\r\n",
        _GET + b" http/1.1\r\nHost: x\r\n\r\n",
        _GET + b"\x0b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        _GET + b" x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\t/v2/closed/app/manifests/v1\tHTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\xc3\x8bT /v2/closed/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\nA: " + b"y" * 100_000 + b"\r\n\r\n",
        _GET + b" HTTP/1.1\r\nHost: x\r\n" + b"A: y\r\n" * 1000 + b"\r\n",
        b"GET /v2/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_b30_what_is_no_request_is_answered_in_the_gates_own_words(gate, raw):
    got = await gate.send(raw)
    assert got.status in (400, 404, 405, 505)
    assert got.header("Content-Type")[:1] == ["application/json"]
    assert json.loads(got.body)["errors"][0]["message"]
    assert b"closed" not in got.raw  # nothing is echoed
    assert gate.asked == []


@pytest.mark.parametrize("line", [b"GET  /v2/closed/app/manifests/v1 HTTP/1.1", _GET + b"  HTTP/1.1"])
async def test_b30_what_the_parser_forgives_is_judged_as_what_it_is(gate, line):
    got = await gate.send(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got.status == 403
    got.assert_no_content_of(EVIL)


async def test_b30_a_body_that_nobody_read_is_not_the_next_request(gate):
    smuggled = b"GET /v2/closed/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
    for line, status in ((b"GET /v2/open/app/manifests/v1", 200), (b"PUT /v2/nowhere", 404), (b"DELETE /v2/", 405)):
        raw = line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled
        got = await gate.send(raw)
        assert got.statuses == [status]
        assert got.header("Connection") == ["close"]
