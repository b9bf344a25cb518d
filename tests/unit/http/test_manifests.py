import asyncio
import json

import pytest

from sealgate.errors import (
    ContentMismatch,
    ManifestMalformed,
    StateUnavailable,
    TooLarge,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.evidence.reason import Reason
from sealgate.http import answer
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.decision import Outcome

RAW = b'{"schemaVersion":2}'
TYPE = "application/vnd.oci.image.manifest.v1+json"
PUSH = ("Accept", f"{TYPE}, */*")
COSIGN = ("User-Agent", "cosign/v2.5.0 (linux; amd64) go-containerregistry/v0.20.3")


def error_of(answer):
    assert answer.header("Content-Type") == "application/json"
    (error,) = json.loads(answer.body)["errors"]
    return error


def without_date(answer):
    return sorted((name, value) for name, value in answer.headers if name not in {"Date", "X-Request-Id"})


@pytest.mark.parametrize("by", ["tag", "sha256", "sha512"])
async def test_an_admitted_manifest_is_served_by_tag_and_by_digest(gate, world, by):
    digest = world.add("team/app", "v1", RAW)
    asked = {"tag": "v1", "sha256": str(digest), "sha512": str(Digest.of(RAW, "sha512"))}[by]
    answer = await gate.ask("GET", f"/v2/team/app/manifests/{asked}")
    assert (answer.status, answer.body) == (200, RAW)
    assert answer.header("Content-Type") == TYPE
    assert answer.header("Content-Length") == str(len(RAW))
    assert answer.header("Docker-Content-Digest") == (str(digest) if by == "tag" else asked)
    assert answer.header("Docker-Distribution-API-Version") == "registry/2.0"
    assert answer.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("reason", [None, Reason.SIGNATURE_MISSING, Reason.MANIFEST_MALFORMED, "undetermined"])
async def test_b3_head_is_get_without_the_body(gate, world, decisions, reason):
    def decide(digest):
        if reason == "undetermined":
            return decisions.deny(digest, Reason.UPSTREAM_LIMITED, Outcome.UNDETERMINED)
        return decisions.deny(digest, reason) if reason else decisions.admit(digest, "would be denied")

    digest = world.add("team/app", "v1", RAW, decide)
    for reference in ("v1", str(digest), "absent"):
        got = await gate.ask("GET", f"/v2/team/app/manifests/{reference}")
        head = await gate.ask("HEAD", f"/v2/team/app/manifests/{reference}")
        assert (head.status, head.phrase, without_date(head)) == (got.status, got.phrase, without_date(got))
        assert (head.body, bool(got.body)) == (b"", True)


async def test_head_sends_no_body_byte(gate, world):
    world.add("team/app", "v1", RAW)
    reader, writer = await gate.connect()
    writer.write(b"HEAD /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    everything = await reader.read()
    assert everything.endswith(b"\r\n\r\n")
    assert RAW not in everything


async def test_f17_a_client_that_takes_nothing_is_cut(gate, world, monkeypatch):
    over, cut = asyncio.Event(), answer.cut
    monkeypatch.setattr(answer, "STALLED_CLIENT_SECONDS", 0.05)
    monkeypatch.setattr(answer, "cut", lambda request: (cut(request), over.set()))
    world.add("team/app", "v1", bytes(64 << 20))
    reader, writer = await gate.connect()
    writer.transport.pause_reading()
    writer.write(b"GET /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        await over.wait()
    writer.transport.resume_reading()
    assert not (await gate.read(reader)).whole


async def test_every_accept_line_reaches_the_use_case(gate, world):
    world.add("team/app", "v1", RAW)
    await gate.ask(
        "GET",
        "/v2/team/app/manifests/v1",
        ("Accept", "application/vnd.oci.image.index.v1+json"),
        ("Accept", f"{TYPE};q=0.5, */*;q=0.1, text/plain;q=0, text/html;q=0.000, nonsense, a/b/c,,"),
        ("Accept", TYPE),
    )
    ((repository, reference, accept, _, _),) = world.made("pull")
    assert (repository, reference) == (Repository("team/app"), Tag("v1"))
    assert accept == ("application/vnd.oci.image.index.v1+json", TYPE, "*/*")


async def test_too_many_accepted_types_are_refused(gate, world):
    answer = await gate.ask("GET", "/v2/a/manifests/v1", ("Accept", ",".join(f"a/b{number}" for number in range(65))))
    assert answer.status == 400
    assert world.calls == []


@pytest.mark.parametrize(
    "header",
    [("Range", "bytes=0-0"), ("Range", "bytes=0-0,2-3"), ("If-None-Match", "*"),
     ("If-None-Match", f'"{Digest.of(RAW)}"'), ("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT")],
)  # fmt: skip
async def test_b10_ranges_and_conditions_on_manifests_are_not_read(gate, world, decisions, header):
    world.add("team/app", "good", RAW)
    world.add("team/app", "bad", RAW + b" ", decisions.deny)
    good = await gate.ask("GET", "/v2/team/app/manifests/good", header)
    bad = await gate.ask("GET", "/v2/team/app/manifests/bad", header)
    assert (good.status, good.body, bad.status) == (200, RAW, 403)


async def test_bytes_that_the_decision_is_not_about_do_not_leave(gate, world, decisions):
    digest = world.add("team/app", "v1", RAW)
    world.decisions[digest] = decisions.admit(Digest.of(b"something else"))
    answer = await gate.ask("GET", "/v2/team/app/manifests/v1")
    assert answer.status == 502
    assert RAW not in answer.body


async def test_bytes_that_were_not_asked_for_do_not_leave(gate, world):
    world.add("team/app", "v1", RAW)
    for asked in (Digest.of(b"other"), Digest.of(b"other", "sha512")):
        world.manifests[f"team/app@{asked}"] = (RAW, TYPE)
        answer = await gate.ask("GET", f"/v2/team/app/manifests/{asked}")
        assert answer.status == 502
        assert RAW not in answer.body


async def test_a_content_type_is_rebuilt(gate, world):
    world.add("team/app", "v1", RAW)
    world.manifests["team/app:v1"] = (RAW, f"{TYPE}; charset=utf-8\r\nX-Evil: 1")
    answer = await gate.ask("GET", "/v2/team/app/manifests/v1")
    assert answer.header("Content-Type") == TYPE
    assert answer.header("X-Evil") == ""


# The three forms of a refusal.


async def test_a_reader_gets_403_and_the_whole_story(gate, world, decisions):
    digest = world.add("team/app", "v1", RAW, decisions.deny)
    for reference in ("v1", str(digest)):
        answer = await gate.ask("GET", f"/v2/team/app/manifests/{reference}")
        error = error_of(answer)
        assert (answer.status, error["code"]) == (403, "DENIED")
        assert f"cosign sign gate.example/team/app@{digest}" in error["message"]
        assert error["detail"] == {
            "reason": "signature-missing", "policy": "require-signatures", "rule": "signed", "digest": str(digest),
            "decision": "01JDECISION", "request": answer.header("X-Request-Id"),
        }  # fmt: skip
        assert "require-signatures" in answer.phrase
        assert answer.phrase.isascii()


@pytest.mark.parametrize(
    "agent",
    ["cosign/v2.5.0 (linux; amd64) go-containerregistry/v0.20.3", "notation/1.3.2", "oras/1.2.0+unknown", "oras-go",
     "go-containerregistry/v0.20.3", "Cosign/v3"],
)  # fmt: skip
async def test_a_signer_gets_the_descriptor_and_404(gate, world, decisions, agent):
    digest = world.add("team/app", "v1", RAW, decisions.deny)
    path = f"/v2/team/app/manifests/{digest}"
    head = await gate.ask("HEAD", path, ("User-Agent", agent))
    got = await gate.ask("GET", path, ("User-Agent", agent))
    assert (head.status, head.body) == (200, b"")
    assert head.header("Content-Type") == TYPE
    assert head.header("Content-Length") == str(len(RAW))
    assert head.header("Docker-Content-Digest") == str(digest)
    assert (got.status, error_of(got)["code"]) == (404, "MANIFEST_UNKNOWN")
    assert "cosign sign" in error_of(got)["message"]
    assert RAW not in got.body
    by_tag = [await gate.ask(method, "/v2/team/app/manifests/v1", ("User-Agent", agent)) for method in ("GET", "HEAD")]
    assert [answer.status for answer in by_tag] == [403, 403]


@pytest.mark.parametrize("agent", ["docker/26.1 go/go1.22", "Helm/4.1.4", "cosignatory/1", "x (cosign/v2)", ""])
async def test_others_are_readers(gate, world, decisions, agent):
    digest = world.add("team/app", "v1", RAW, decisions.deny)
    for method in ("GET", "HEAD"):
        assert (await gate.ask(method, f"/v2/team/app/manifests/{digest}", ("User-Agent", agent))).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("agent", ["cosign/v3", "docker/26", "go-containerregistry/v1", "notation/1"])
@pytest.mark.parametrize("accept", [f"{TYPE}, */*", TYPE])
async def test_b4_no_user_agent_gets_content(gate, world, decisions, agent, method, accept):
    digest = world.add("team/app", "v1", RAW, decisions.deny)
    blob = world.add_blob("team/app", b"content of a layer", decide=decisions.deny)
    for path in ("manifests/v1", f"manifests/{digest}", f"blobs/{blob}"):
        answer = await gate.ask(method, f"/v2/team/app/{path}", ("User-Agent", agent), ("Accept", accept))
        assert RAW not in answer.body
        assert b"content of" not in answer.body
    blobs = await gate.ask("GET", f"/v2/team/app/blobs/{blob}", ("User-Agent", agent))
    assert blobs.status == 403


async def test_the_head_of_a_push_gets_404(gate, world, decisions):
    digest = world.add("team/app", "v1", RAW, decisions.deny)
    for reference in ("v1", str(digest)):
        path = f"/v2/team/app/manifests/{reference}"
        assert (await gate.ask("HEAD", path, PUSH)).status == 404
        assert (await gate.ask("HEAD", path, ("Accept", TYPE), ("Accept", "*/*"))).status == 404
        assert (await gate.ask("HEAD", path, PUSH, COSIGN)).status == 404
        assert (await gate.ask("GET", path, PUSH)).status == 403
        for accept in ("*/*", TYPE, f"{TYPE}, application/vnd.oci.image.index.v1+json, */*", "text/html, */*"):
            assert (await gate.ask("HEAD", path, ("Accept", accept))).status == 403


@pytest.mark.parametrize("reason", [Reason.REPOSITORY_NOT_COVERED, Reason.MANIFEST_MALFORMED])
async def test_what_no_signature_mends_is_refused_to_everybody(gate, world, decisions, reason):
    digest = world.add("team/app", "v1", RAW, lambda digest: decisions.deny(digest, reason))
    for headers in ((), (COSIGN,), (PUSH,)):
        for method in ("GET", "HEAD"):
            assert (await gate.ask(method, f"/v2/team/app/manifests/{digest}", *headers)).status == 403


@pytest.mark.parametrize("headers", [(), (COSIGN,), (PUSH,)])
async def test_undetermined_is_503_for_everybody(gate, world, decisions, headers):
    digest = world.add(
        "team/app", "v1", RAW, lambda digest: decisions.deny(digest, Reason.UPSTREAM_LIMITED, Outcome.UNDETERMINED)
    )
    for method in ("GET", "HEAD"):
        for reference in ("v1", str(digest)):
            answer = await gate.ask(method, f"/v2/team/app/manifests/{reference}", *headers)
            assert (answer.status, answer.header("Retry-After")) == (503, "5")
            assert RAW not in answer.body


async def test_a_warning_is_told_in_its_one_form(gate, world, decisions):
    text = 'a "quoted" \\ line\r\nX-Evil: ü'
    world.add("team/app", "v1", RAW, lambda digest: decisions.admit(digest, text, text, *"abcdef"))
    answer = await gate.ask("GET", "/v2/team/app/manifests/v1")
    first = "299 - \"a 'quoted' / line  X-Evil:\""
    assert answer.all("Warning") == [first, '299 - "a"', '299 - "b"', '299 - "c"']


async def test_what_the_registry_warns_of_is_passed_on_once(gate, world):
    world.warning = "moving to registry.example"
    world.add_blob("team/app", b"a layer")
    for target in ("/v2/", f"/v2/team/app/blobs/{Digest.of(b'a layer')}"):
        assert (await gate.ask("GET", target)).all("Warning") == ['299 - "moving to registry.example"']


# PUT.


async def test_an_admitted_manifest_moves_its_tag(gate, world, decisions):
    digest = Digest.of(RAW)
    world.decisions[digest] = decisions.admit(digest, "beware")
    world.subject = Digest.of(b"subject")
    answer = await gate.ask("PUT", "/v2/team/app/manifests/v1", ("Content-Type", f"{TYPE}; x=y"), body=RAW)
    assert (answer.status, answer.body) == (201, b"")
    assert answer.header("Location") == f"/v2/team/app/manifests/{digest}"
    assert answer.header("Docker-Content-Digest") == str(digest)
    assert answer.header("OCI-Subject") == str(world.subject)
    assert answer.header("Warning") == '299 - "beware"'
    assert world.made("push")[0][:4] == [Repository("team/app"), Tag("v1"), TYPE, RAW]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_by_digest_it_is_stored(gate, world, algorithm):
    digest = Digest.of(RAW, algorithm)
    answer = await gate.ask("PUT", f"/v2/team/app/manifests/{digest}", ("Content-Type", TYPE), body=RAW)
    assert answer.status == 201
    assert answer.header("Location") == f"/v2/team/app/manifests/{digest}"
    assert answer.header("OCI-Subject") == ""


async def test_by_another_digest_it_is_not(gate, world):
    for algorithm in ("sha256", "sha512"):
        path = f"/v2/team/app/manifests/{Digest.of(b'other', algorithm)}"
        answer = await gate.ask("PUT", path, ("Content-Type", TYPE), body=RAW)
        assert (answer.status, error_of(answer)["code"]) == (400, "DIGEST_INVALID")
    assert world.calls == []


async def test_a_denied_push_is_told_what_to_do(gate, world):
    answer = await gate.ask("PUT", "/v2/team/app/manifests/v1", ("Content-Type", TYPE), COSIGN, body=RAW)
    assert (answer.status, error_of(answer)["code"]) == (403, "DENIED")
    assert f"cosign sign gate.example/team/app@{Digest.of(RAW)}" in error_of(answer)["message"]


async def test_b22_an_empty_push_is_refused(gate, world):
    for headers in ((), (("Transfer-Encoding", "chunked"),)):
        body = b"0\r\n\r\n" if headers else b""
        answer = await gate.ask("PUT", "/v2/team/app/manifests/v1", ("Content-Type", TYPE), *headers, body=body)
        assert (answer.status, error_of(answer)["code"], world.calls) == (400, "MANIFEST_INVALID", [])


async def test_an_undetermined_push_is_503(gate, world, decisions):
    digest = Digest.of(RAW)
    world.decisions[digest] = decisions.deny(digest, Reason.VERIFICATION_TIMEOUT, Outcome.UNDETERMINED)
    answer = await gate.ask("PUT", "/v2/team/app/manifests/v1", ("Content-Type", TYPE), body=RAW)
    assert (answer.status, answer.header("Retry-After")) == (503, "5")


@pytest.mark.parametrize(
    "headers", [(), (("Content-Type", ""),), (("Content-Type", "json"),), (("Content-Type", "a/b c"),),
                (("Content-Type", TYPE), ("Content-Type", TYPE))],
)  # fmt: skip
async def test_a_push_without_one_content_type_is_refused(gate, world, headers):
    answer = await gate.ask("PUT", "/v2/team/app/manifests/v1", *headers, body=RAW)
    assert (answer.status, world.calls) == (400, [])


@pytest.mark.parametrize(
    ("error", "on_pull", "on_push"),
    [
        (ManifestMalformed("two shapes"), (403, "DENIED"), (400, "MANIFEST_INVALID")),
        (TooLarge("much"), (403, "DENIED"), (413, "SIZE_INVALID")),
        (ContentMismatch("other bytes"), (502, "UNAVAILABLE"), (502, "UNAVAILABLE")),
        (UpstreamUnavailable("gone"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (StateUnavailable("locked"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (UpstreamRefused(500), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (UpstreamRefused(404), (404, "NAME_UNKNOWN"), (404, "NAME_UNKNOWN")),
        (RuntimeError("secret"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (ConnectionResetError("secret"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (TimeoutError("secret"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
        (AssertionError("secret"), (503, "UNAVAILABLE"), (503, "UNAVAILABLE")),
    ],
)
async def test_every_accident_is_an_oci_error(gate, world, error, on_pull, on_push):
    world.failing = {"pull": error, "push": error}
    got = await gate.ask("GET", "/v2/team/app/manifests/v1")
    put = await gate.ask("PUT", "/v2/team/app/manifests/v1", ("Content-Type", TYPE), body=RAW)
    assert (got.status, error_of(got)["code"]) == on_pull
    assert (put.status, error_of(put)["code"]) == on_push
    assert b"secret" not in got.body + put.body
    assert not got.closed
    assert (got.header("Retry-After") != "") == (got.status == 503)
