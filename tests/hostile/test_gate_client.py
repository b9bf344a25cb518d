"""A hostile client in front of the whole gate: what it got, what left, and what reached the registry because of it."""

import itertools
import json

import pytest

from sealgate.oci.digest import Digest
from sealgate.testing import images

GOOD = images.oci_image(seed=1)
EVIL = images.oci_image(seed=666)
INDEX = images.index(seed=10)
CHART = images.helm_chart()
UNTOLD = {"date", "x-request-id"}  # all that may differ between HEAD and GET of one thing


def content_of(artifact, got):
    return [secret for secret in (artifact.raw, artifact.raw[-60:], *artifact.blobs) if secret in got]


@pytest.fixture
async def stocked(world):
    """Signed, unsigned, wrongly signed, malformed, uncovered; a signed index; carriers."""
    world.add("team/app", GOOD, "good")
    world.add("team/app", EVIL, "evil", signed=False)
    world.add("team/app", INDEX, "index")
    world.add("team/app", CHART, "chart", signed=False)
    world.put("team/app", world.signature(CHART.digest, world.other_key))
    world.registry.add_manifest("team/app", GOOD.raw + b" {", GOOD.media_type, "malformed")
    world.registry.add_artifact("elsewhere/app", GOOD, "1.0")
    world.put("team/app", world.bundle(GOOD))
    return world


def references():
    one = ["good", "evil", "index", "chart", "malformed", "absent", f"sha256-{GOOD.digest.hex}.sig"]
    one += [str(thing.digest) for thing in (GOOD, EVIL, INDEX, CHART, *INDEX.children)]
    one += [str(Digest.of(GOOD.raw, "sha512")), str(Digest.of(EVIL.raw, "sha512")), f"sha256:{'0' * 64}"]
    return [("team/app", reference) for reference in one] + [("elsewhere/app", "1.0"), ("nobody/here", "1.0")]


@pytest.mark.parametrize("agent", ["curl/8", "containerd/2.1", "cosign/v2.6.5 (linux; amd64)", "docker/28.0"])
@pytest.mark.parametrize("accept", ["*/*", GOOD.media_type])
async def test_b3_head_is_get_without_the_body(stocked, agent, accept):
    """Over everything in the registry: the same status, the same headers, nothing behind them."""
    headers = {"User-Agent": agent, "Accept": accept}
    for repository, reference in references():
        path = f"/v2/{repository}/manifests/{reference}"
        got, head = [await stocked.client.ask(method, path, headers=headers) for method in ("GET", "HEAD")]
        assert head.body == b""
        told = {name: value for name, value in got.headers.items() if name not in UNTOLD}
        heard = {name: value for name, value in head.headers.items() if name not in UNTOLD}
        if "cosign" in agent and got.status == 404 and head.status == 200:
            assert content_of(EVIL, got.body) == []
            continue  # the signer's form of a refusal: B4
        assert (got.status, told.keys()) == (head.status, heard.keys()), path
        if got.status == 200:
            assert told == heard


SIGNERS = [
    "cosign/v3.0.2 (linux; amd64)",
    "notation/1.3",
    "oras-go/v2",
    "go-containerregistry/v0.20",
    "Cosign",
    "x cosign/1 y",
    "cosign/v3 docker/28",
]


@pytest.mark.parametrize("agent", SIGNERS)
async def test_b4_no_user_agent_gets_content(stocked, agent):
    """HEAD by digest of what can still be signed gives type, size and digest, and nothing gives more."""
    headers = {"User-Agent": agent, "Accept": "*/*"}
    for artifact, tag in ((EVIL, "evil"), (CHART, "chart")):
        path = f"/v2/team/app/manifests/{artifact.digest}"
        got = await stocked.client.ask("GET", path, headers=headers)
        assert got.status == 404
        assert content_of(artifact, got.body) == []
        assert json.loads(got.body)["errors"][0]["detail"]["reason"]
        head = await stocked.client.ask("HEAD", path, headers=headers)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["docker-content-digest"] == str(artifact.digest)
        assert head.headers["content-length"] == str(len(artifact.raw))
        for method in ("GET", "HEAD"):
            by_tag = await stocked.client.ask(method, f"/v2/team/app/manifests/{tag}", headers=headers)
            assert (by_tag.status, content_of(artifact, by_tag.body)) == (403, [])
        for blob in artifact.blobs:
            reply = await stocked.client.ask("GET", f"/v2/team/app/blobs/{Digest.of(blob)}", headers=headers)
            assert (reply.status, content_of(artifact, reply.body)) == (403, [])


@pytest.mark.parametrize("agent", SIGNERS[:1])
async def test_b4_what_cannot_be_signed_is_not_even_described(stocked, agent):
    headers = {"User-Agent": agent}
    for path in (
        "elsewhere/app/manifests/1.0",
        f"elsewhere/app/manifests/{GOOD.digest}",
        "team/app/manifests/malformed",
    ):
        for method in ("GET", "HEAD"):
            assert (await stocked.client.ask(method, f"/v2/{path}", headers=headers)).status == 403


@pytest.mark.parametrize("agent", ["containerd/2.1", "buildkit/v0.20", "docker/28"])
async def test_b4_the_head_of_a_push_learns_nothing(stocked, agent):
    headers = {"User-Agent": agent, "Accept": f"{EVIL.media_type}, */*"}
    for reference in ("evil", str(EVIL.digest)):
        head = await stocked.client.ask("HEAD", f"/v2/team/app/manifests/{reference}", headers=headers)
        assert head.status == 404
        assert "docker-content-digest" not in head.headers
        got = await stocked.client.ask("GET", f"/v2/team/app/manifests/{reference}", headers=headers)
        assert (got.status, content_of(EVIL, got.body)) == (403, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-0"},
        {"Range": "bytes=0-10,20-30"},
        {"Range": "bytes=-5"},
        {"If-None-Match": "*"},
        {"If-None-Match": f'"{EVIL.digest}"'},
        {"If-None-Match": f'W/"{EVIL.digest}"'},
        {"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"If-Match": '"x"'},
        {"If-Range": f'"{EVIL.digest}"', "Range": "bytes=0-100"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_b10_no_part_and_no_condition(stocked, headers, method):
    for reference in ("evil", str(EVIL.digest)):
        reply = await stocked.client.ask(method, f"/v2/team/app/manifests/{reference}", headers=headers)
        assert (reply.status, content_of(EVIL, reply.body)) == (403, [])
    reply = await stocked.client.ask(method, "/v2/team/app/manifests/good", headers=headers)
    assert (reply.status, reply.body) == (200, GOOD.raw if method == "GET" else b"")
    assert all(not request.header(name) for request in stocked.registry.requests for name in headers)


# B12: other spellings of what is closed, through the whole gate, with raw sockets.


def spellings(reference, kind="manifests"):
    plain = f"/v2/team/app/{kind}/{reference}"
    quoted = "".join(f"%{ord(char):02x}" for char in reference)
    return [
        plain.replace("/v2/", "//v2/"),
        plain.replace("/v2/", "/v2//"),
        plain.replace("team/", "team//"),
        plain.replace("app/", "app//"),
        plain + "/",
        plain + "//",
        plain + "/.",
        plain + "/..",
        plain + "/x/..",
        plain.replace("/v2/", "/v2/./"),
        plain.replace("/v2/", "/v2/x/../"),
        plain.replace("/v2/", "/./v2/"),
        plain.replace("/v2/", "/x/../v2/"),
        plain.replace("team/app", "team/./app"),
        plain.replace("team/app", "team/x/../app"),
        plain.replace("team/app", "open/../team/app"),
        plain.replace("team/app", "open/%2e%2e/team/app"),
        plain.replace("team/app", "open/%2E%2E/team/app"),
        plain.replace("team/app", "open/..%2fteam/app"),
        plain.replace("team/app", "open/.%2e/team/app"),
        plain.replace("team/app", "open/..;/team/app"),
        plain.replace("team/app", "team%2fapp"),
        plain.replace("team/app", "team%2Fapp"),
        plain.replace("team/app", "team%252fapp"),
        plain.replace("team/app", "team%5capp"),
        plain.replace("team/app", "team\\app"),
        plain.replace("team/app", "TEAM/app"),
        plain.replace("team/app", "Team/App"),
        plain.replace("team/app", "te%61m/app"),
        plain.replace("team/app", "team/app%00"),
        plain.replace("team/app", "team/app%20"),
        plain.replace("team/app", "team/app "),
        plain.replace("team/app", "team/app."),
        plain.replace("team/app", "team/app%2e"),
        plain.replace(kind, kind.upper()),
        plain.replace(kind, kind.title()),
        plain.replace(kind, f"%{ord(kind[0]):x}{kind[1:]}"),
        plain.replace("v2", "V2"),
        plain.replace("v2", "v%32"),
        plain.replace("/v2", "/v1"),
        plain.replace("/v2", ""),
        f"/v2/team/app/{kind}/{quoted}",
        plain + "%00",
        plain + "%20",
        plain + "%0a",
        plain + "%0d%0aX:y",
        plain + ";x=1",
        plain + "#f",
        plain + "%23",
        plain + "%3f",
        plain + "%2f",
        plain + "%2e",
        plain + "\t",
        plain + "\x0b",
        plain.replace("/v2/", "/v2/team/app/manifests/good/../../../../"),
        f"/v2/team/app/{kind}/good/../{reference}",
        f"/v2/team/app/tags/../{kind}/{reference}",
        f"/v2/team/app/blobs/../{kind}/{reference}",
        f"/v2/team/app/{kind}/{reference}/../{reference}",
        f"http://registry.example{plain}",
        f"https:{plain}",
        f"//registry.example{plain}",
        plain.lstrip("/"),
        "*",
        plain.replace("team", "t\u00e9am"),
        plain.replace("team", "\uff54eam"),
        plain.replace("/", "\\"),
        plain + "?ns=a&ns=b",
        plain + "?ns=open.example",
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
async def test_b12_no_spelling_gets_past_the_decision(stocked, method, kind):
    reference = str(EVIL.digest) if kind == "manifests" else str(Digest.of(EVIL.blobs[1]))
    body = EVIL.raw if method == "PUT" else b""
    seen = spellings(reference, kind) + (spellings("evil") if kind == "manifests" else [])
    assert len(seen) >= 60
    tags = stocked.registry.tags("team/app")
    for target in seen:
        stocked.registry.requests.clear()
        lines = [
            "Connection: close",
            "Host: gate.example",
            f"Content-Type: {EVIL.media_type}",
            f"Content-Length: {len(body)}",
        ]
        got = await stocked.raw("\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + body)
        assert content_of(EVIL, got) == [], target
        status = int(got.split(b" ")[1])
        assert status in (400, 403, 404, 405, 414), (target, status)
        assert stocked.wrote() == [], target
        for request in stocked.registry.requests:  # what was judged, was asked for in the one spelling
            path, _, query = request.target.partition("?")
            assert path.startswith("/v2/team/app/")
            assert not query
            assert not {"%", "..", "//", ";", "\\"} & {piece for piece in ("%", "..", "//", ";", "\\") if piece in path}
    assert stocked.registry.tags("team/app") == tags


@pytest.mark.parametrize(
    "line",
    [
        "X-HTTP-Method-Override: PUT",
        "X-Original-URL: /v2/team/app/manifests/good",
        "X-Rewrite-URL: /v2/team/app/manifests/good",
        "X-Forwarded-Prefix: /v2/open",
    ],
)
async def test_b12_no_header_renames_the_request(stocked, line):
    head = f"GET /v2/team/app/manifests/evil HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\r\n\r\n"
    got = await stocked.raw(head.encode())
    assert got.startswith(b"HTTP/1.1 403")
    assert content_of(EVIL, got) == []
    assert stocked.wrote() == []


NAMES = [
    "TEAM/app",
    "team/_app",
    "team/app-",
    "team/.app",
    "team/a..b",
    "team/a___b",
    "te\u212aam/app",
    "\uff54\uff45am/app",
    "team/\u0661",
    "team/" + "a" * 256,
    "team/app/",
    "-team/app",
    "team/a b",
    "team/app%00",
    "team:80/app",
    "team@x/app",
]


@pytest.mark.parametrize("name", NAMES)
async def test_b13_a_name_outside_the_grammar_reaches_nobody(stocked, name):
    for method, rest in (
        ("GET", "manifests/evil"),
        ("GET", f"blobs/{Digest.of(EVIL.blobs[1])}"),
        ("POST", "blobs/uploads/"),
        ("GET", "tags/list"),
        ("GET", f"referrers/{EVIL.digest}"),
    ):
        head = f"{method} /v2/{name}/{rest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        got = await stocked.raw(head.encode())
        assert got.split(b" ")[1] in (b"400", b"404")
        assert content_of(EVIL, got) == []
    assert stocked.registry.requests == []


@pytest.mark.parametrize(
    "name", ["team/manifests/good", "team/blobs/uploads", "team/tags/list", "_catalog/x", "team/referrers"]
)
async def test_b13_the_words_of_the_grammar_in_a_name_are_part_of_it(stocked, name):
    """Parsed from the right, as the registry does: policy and registry see the same name."""
    got = await stocked.raw(f"GET /v2/{name}/manifests/evil HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert got.split(b" ")[1] in (b"404", b"403")
    for request in stocked.registry.requests:
        assert request.path == f"/v2/{name}/manifests/evil"


HEX = EVIL.digest.hex
DIGESTS = [
    f"SHA256:{HEX}",
    f"sha256:{HEX.upper()}",
    f"sha256:{HEX[:-1]}",
    f"sha256:{HEX}0",
    "sha256:",
    f"sha256{HEX}",
    HEX,
    f"sha1:{HEX[:40]}",
    f"md5:{HEX[:32]}",
    f"sha384:{HEX[:32] * 3}",
    f"sha512:{HEX}",
    f"sha256:{HEX}:x",
    f"sha256:sha256:{HEX}",
    f"sha256:../{HEX}",
    f"sha256:..%2f{HEX}",
    f"sha256%3a{HEX}",
    f"sha256%3A{HEX}",
    f"sha256:%{ord(HEX[0]):x}{HEX[1:]}",
    f"sha256:{HEX}%00",
    f"sha256:{HEX}%0a",
    f" sha256:{HEX}",
    f"sha256: {HEX}",
    f"sha256:{HEX[:-1]}g",
    f"sha256+x:{HEX}",
    f"sha256:{HEX}@x",
    f"@sha256:{HEX}",
    f"evil@sha256:{HEX}",
    f"sha256:{HEX[:-1]}\u0661",
    f"sha256:+{HEX[1:]}",
    f"sha256:0x{HEX[2:]}",
]


async def test_b14_a_digest_outside_the_grammar_reaches_nobody(stocked):
    assert len(DIGESTS) >= 30
    for digest, kind, method in itertools.product(DIGESTS, ("manifests", "blobs", "referrers"), ("GET", "HEAD")):
        if digest.isalnum() and kind == "manifests":
            continue  # a tag by that name, and there is none
        head = f"{method} /v2/team/app/{kind}/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        got = await stocked.raw(head.encode())
        assert got.split(b" ")[1] in (b"400", b"404", b"405"), (digest, kind)
        assert content_of(EVIL, got) == []
    assert stocked.registry.requests == []


async def test_b17_ns_chooses_neither_registry_nor_policy(stocked):
    own, behind = stocked.gate.host, stocked.registry.host
    for ns in (own, behind, ""):
        reply = await stocked.client.ask("GET", f"/v2/team/app/manifests/evil?ns={ns}")
        assert reply.status == 403
        assert (await stocked.client.ask("GET", f"/v2/team/app/manifests/good?ns={ns}")).body == GOOD.raw
    stocked.registry.requests.clear()
    for query in (
        "ns=elsewhere.example",
        "ns=docker.io",
        f"ns={own}&ns=docker.io",
        f"ns={own}&ns={own}",
        f"ns=x@{own}",
        f"ns={own}%00",
        f"ns={own}/",
        f"ns=http://{own}",
        "ns=LOCALHOST",
        f"ns={own}.",
        "ns=..",
    ):
        for path in ("/v2/team/app/manifests/good", f"/v2/team/app/blobs/{Digest.of(GOOD.blobs[1])}"):
            reply = await stocked.client.ask("GET", f"{path}?{query}")
            assert reply.status in (400, 404), query
    assert stocked.registry.requests == []


FORWARDED = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-For: 10.0.0.1",
    "Forwarded: host=evil.example",
    "X-Real-IP: 10.0.0.1",
    "Via: 1.1 evil.example",
    "X-Registry-Auth: evil.example",
    "Cookie: session=evil.example",
    "Proxy-Authorization: Basic evil.example",
    "X-Forwarded-Port: 1",
]


@pytest.mark.parametrize("line", FORWARDED)
async def test_b29_what_a_client_says_of_itself_goes_nowhere(stocked, line):
    name = line.partition(":")[0]
    for target, method in (
        ("/v2/team/app/manifests/good", "GET"),
        ("/v2/team/app/blobs/uploads/", "POST"),
        ("/v2/", "GET"),
        ("/v2/team/app/tags/list?n=1", "GET"),
    ):
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: evil.example",
            line,
            f"Connection: close, {name}",
            "Content-Length: 0",
        ]
        got = await stocked.raw("\r\n".join([*lines, "", ""]).encode())
        assert got.split(b" ")[1] in (b"200", b"202")
        assert b"evil.example" not in got
    assert stocked.registry.requests
    for request in stocked.registry.requests:
        assert not request.header(name)
        assert request.header("host") == stocked.registry.host


async def test_b29_authorization_cannot_be_stripped_by_connection(stocked):
    """`Connection: authorization` would make a proxy drop the credentials and ask as anybody."""
    head = "GET /v2/team/app/manifests/good HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mine\r\n"
    got = await stocked.raw(f"{head}Connection: close, authorization\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 200")
    assert {request.header("authorization") for request in stocked.registry.requests} == {"Bearer mine"}


# B22, B23: bodies. What enters is what was judged, and nothing that was refused reaches the registry.


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 0\r\n\r\n", 400),
        (b"\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: %d\r\nContent-Length: 1\r\n\r\n" % len(EVIL.raw) + EVIL.raw, 400),
        (b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(EVIL.raw) + EVIL.raw, 415),
        (b"Content-Encoding: identity, br\r\nContent-Length: %d\r\n\r\n" % len(EVIL.raw) + EVIL.raw, 415),
        (b"Expect: magic\r\nContent-Length: %d\r\n\r\n" % len(EVIL.raw) + EVIL.raw, 417),
        (b"Content-Length: %d\r\n\r\n" % (len(EVIL.raw) - 1) + EVIL.raw[:-1], 400),
    ],
)
async def test_b22_b23_a_refused_body_reaches_nobody(stocked, rest, status):
    stocked.registry.requests.clear()
    head = f"PUT /v2/team/app/manifests/new HTTP/1.1\r\nHost: x\r\nContent-Type: {EVIL.media_type}\r\n"
    got = await stocked.raw(head.encode() + b"Connection: close\r\n" + rest)
    assert got.split(b" ")[1] == str(status).encode()
    assert stocked.registry.requests == []
    assert "new" not in stocked.registry.tags("team/app")
