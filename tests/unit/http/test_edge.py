import asyncio
import json
from dataclasses import replace

import pytest

from sealgate.errors import ConfigurationInvalid, RegistryProblem, UpstreamRefused, UpstreamUnavailable
from sealgate.http import edge
from sealgate.http.server import serve
from sealgate.oci.digest import Digest
from sealgate.ports import Access, Caller

RAW = b'{"schemaVersion":2}'
DIGEST = Digest.of(RAW)
TARGETS = {
    "/v2/": {"GET", "HEAD"},
    "/v2/_catalog": {"GET", "HEAD"},
    "/v2/team/app/manifests/v1": {"GET", "HEAD", "PUT"},
    f"/v2/team/app/manifests/{DIGEST}": {"GET", "HEAD", "PUT"},
    f"/v2/team/app/blobs/{DIGEST}": {"GET", "HEAD"},
    "/v2/team/app/blobs/uploads/": {"POST"},
    "/v2/team/app/blobs/uploads/token": {"GET", "PATCH", "PUT", "DELETE"},
    "/v2/team/app/tags/list": {"GET", "HEAD"},
    f"/v2/team/app/referrers/{DIGEST}": {"GET", "HEAD"},
}


def error_of(answer):
    (error,) = json.loads(answer.body)["errors"]
    return error


async def test_ping_is_the_upstreams_answer(gate, world):
    answer = await gate.ask("GET", "/v2/", ("Authorization", "Bearer t"))
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.header("Docker-Distribution-API-Version") == "registry/2.0"
    assert answer.header("Server") == "sealgate"
    assert world.calls == [("ping", Access("Bearer t"))]


async def test_the_upstreams_refusal_is_passed_on(gate, world):
    world.failing["ping"] = UpstreamRefused(
        429,
        challenges=('Bearer realm="https://auth.example/token",service="x"', "Basic"),
        problems=(RegistryProblem("TOOMANYREQUESTS", "slow down"), RegistryProblem("DENIED", "second")),
        retry_after=17,
    )
    answer = await gate.ask("GET", "/v2/")
    assert (answer.status, answer.header("Retry-After")) == (429, "17")
    assert answer.all("WWW-Authenticate") == ['Bearer realm="https://auth.example/token",service="x"', "Basic"]
    assert (error_of(answer)["code"], error_of(answer)["message"]) == ("TOOMANYREQUESTS", "slow down")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [(401, "UNAUTHORIZED", "UNAUTHORIZED"), (403, "made-up", "DENIED"), (404, "", "NAME_UNKNOWN"),
     (400, "NAME_INVALID", "NAME_INVALID"), (418, "TEAPOT", "UNSUPPORTED"), (499, "", "UNSUPPORTED")],
)  # fmt: skip
async def test_an_upstreams_code_is_one_that_clients_know(gate, world, status, code, told):
    world.failing["ping"] = UpstreamRefused(status, problems=(RegistryProblem(code, "m"),))
    answer = await gate.ask("GET", "/v2/")
    assert (answer.status, error_of(answer)["code"]) == (status, told)


async def test_an_upstream_that_is_away_is_503(gate, world):
    world.failing["ping"] = UpstreamUnavailable("connection refused")
    answer = await gate.ask("GET", "/v2/")
    assert (answer.status, answer.header("Retry-After")) == (503, "5")
    request = answer.header("X-Request-Id")
    assert error_of(answer)["detail"] == {"reason": "upstream-unavailable", "request": request}
    assert "upstream-unavailable" in answer.phrase


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_a_method_that_a_target_does_not_take_is_405(gate, world, target, method):
    if method in TARGETS[target]:
        return
    answer = await gate.ask(method, target)
    assert answer.status == 405
    assert set(answer.header("Allow").split(", ")) == TARGETS[target]
    assert world.calls == []


@pytest.mark.parametrize("path", ["manifests/v1", f"manifests/{DIGEST}", f"blobs/{DIGEST}"])
async def test_b21_deletes_are_refused_in_words(gate, world, path):
    answer = await gate.ask("DELETE", f"/v2/team/app/{path}")
    assert (answer.status, world.calls) == (405, [])
    assert error_of(answer)["message"] == "deletes are not allowed through this gate"


@pytest.mark.parametrize("path", ["manifests/v1", f"manifests/{DIGEST}", f"blobs/{DIGEST}"])
async def test_b21_a_delete_needs_the_right_to(governed, world, path):
    refused = await governed.ask("DELETE", f"/v2/team/app/{path}")
    assert (refused.status, error_of(refused)["code"], world.calls) == (403, "DENIED", [])
    world.deleters = {"team/app"}
    answer = await governed.ask("DELETE", f"/v2/team/app/{path}")
    assert (answer.status, len(world.calls)) == (202, 1)
    elsewhere = await governed.ask("DELETE", f"/v2/team/app2/{path}")
    assert (elsewhere.status, len(world.calls)) == (403, 1)


async def test_b20_the_catalog_is_not_listed(gate, world):
    assert ((await gate.ask("GET", "/v2/_catalog?n=5")).status, world.calls) == (404, [])


@pytest.mark.parametrize("ns", ["gate.example", "registry.example:5000", "registry.example%3A5000", ""])
async def test_b17_ns_may_name_the_registry_behind(gate, world, ns):
    world.add("team/app", "v1", RAW)
    assert (await gate.ask("GET", f"/v2/team/app/manifests/v1?ns={ns}")).status == 200


@pytest.mark.parametrize(
    "query",
    ["ns=ghcr.io", "ns=registry.example", "ns=registry.example:5001", "ns=REGISTRY.example:5000",
     "ns=u@registry.example:5000", "ns=registry.example:5000.", "ns=gate.example&ns=gate.example", "ns=169.254.169.254",
     "ns=gate.example%00"],
)  # fmt: skip
async def test_b17_ns_may_name_nothing_else(gate, world, query):
    world.add("team/app", "v1", RAW)
    for path in ("manifests/v1", f"blobs/{DIGEST}", "tags/list", f"referrers/{DIGEST}"):
        assert (await gate.ask("GET", f"/v2/team/app/{path}?{query}")).status == 400
    assert world.calls == []


async def test_b18_tags_in_the_query_are_dropped(gate, world, decisions):
    target = f"/v2/team/app/manifests/{DIGEST}?tag=prod&tag=stable"
    answer = await gate.ask("PUT", target, ("Content-Type", "a/b"), body=RAW)
    assert answer.status == 201
    assert world.made("push")[0][1] == DIGEST
    assert "prod" not in repr(world.calls)


@pytest.mark.parametrize("headers", [("Bearer a", "Bearer b"), ("Bearer \xe9",), ("Bearer \x80",), ("", "")])
async def test_credentials_are_one_header_of_ascii(gate, world, headers):
    answer = await gate.ask("GET", "/v2/", *[("Authorization", value) for value in headers])
    assert (answer.status, world.calls) == (400, [])
    assert b"Bearer" not in answer.body


async def test_the_caller_is_told_without_the_secret(gate, world):
    world.add("team/app", "v1", RAW)
    basic = ("Authorization", "Basic YWxpY2U6aHVudGVyMg==")  # alice:hunter2
    await gate.ask("GET", "/v2/team/app/manifests/v1", basic, ("User-Agent", "docker/26 \xe9\t\x80" + "x" * 500))
    access, caller = world.made("pull")[0][3:]
    assert access == Access("Basic YWxpY2U6aHVudGVyMg==")
    assert (caller.address, caller.name) == ("127.0.0.1", "alice")
    assert len(caller.user_agent) <= 200
    assert caller.user_agent.isprintable()
    assert "hunter2" not in repr(world.calls)


@pytest.mark.parametrize("value", ["Bearer YWxpY2U6aHVudGVyMg==", "Basic", "Basic !!", "Basic /w==", "Basic YQ== YQ=="])
async def test_credentials_that_name_nobody_name_nobody(gate, world, value):
    world.add("team/app", "v1", RAW)
    assert (await gate.ask("GET", "/v2/team/app/manifests/v1", ("Authorization", value))).status == 200
    caller = replace(world.made("pull")[0][4], request="")
    assert caller in (Caller(address="127.0.0.1"), Caller(address="127.0.0.1", name="a"))


async def test_an_error_in_telling_of_an_error_is_told_without_it(gate, world, monkeypatch):
    world.failing["ping"] = UpstreamRefused(401)
    monkeypatch.setattr(edge, "failed", lambda error, operation: 1 / 0)
    answer = await gate.ask("GET", "/v2/")
    assert (answer.status, answer.closed) == (503, True)
    assert "division" not in str(answer)


# The socket.


async def test_a_port_in_use_is_said_plainly(gate):
    with pytest.raises(
        ConfigurationInvalid, match=f"cannot listen on 127.0.0.1:{gate.running.port}: the port is in use"
    ):
        await serve(gate.edge, "127.0.0.1", gate.running.port)


async def test_an_address_that_is_none_is_said_plainly(gate):
    with pytest.raises(ConfigurationInvalid, match=r"cannot listen on 192\.0\.2\.1:0"):
        await serve(gate.edge, "192.0.2.1", 0)


async def test_f12_a_stop_lets_what_is_in_flight_finish(gate, world):
    content = b"x" * 300_000
    digest = world.add_blob("team/app", content)
    world.pieces, world.hold = (lambda content: [content[:100_000], content[100_000:]]), asyncio.Event()
    reader, writer = await gate.connect()
    writer.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await world.streaming.wait()
    idle, _ = await gate.connect()
    stopping = asyncio.create_task(gate.running.stop(10))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await gate.connect()
    world.hold.set()
    answer = await gate.read(reader)
    assert (answer.status, answer.body) == (200, content)
    await stopping
    assert await reader.read() == b""
    assert await idle.read() == b""


async def test_f12_a_client_that_asks_on_is_let_go_after_its_next_answer(gate, world):
    digest = world.add_blob("team/app", b"xx")
    world.pieces, world.hold = (lambda content: [content[:1], content[1:]]), asyncio.Event()
    _, busy = await gate.connect()
    busy.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    reader, writer = await gate.connect()
    await world.streaming.wait()
    stopping = asyncio.create_task(gate.running.stop(10))
    await asyncio.sleep(0)
    writer.write(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await gate.read(reader)).status == 200
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert not stopping.done()
    world.hold.set()
    await stopping


async def test_f12_a_gate_that_leaves_answers_and_keeps_nobody(gate):
    kept, writer = await gate.connect()
    gate.running.leave()
    assert gate.running.leaving
    fresh, other = await gate.connect()
    for reader, asks in ((kept, writer), (fresh, other)):
        asks.write(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await gate.read(reader)
        assert (answer.status, answer.header("Connection")) == (200, "close")
        async with asyncio.timeout(5):
            assert await reader.read() == b""


async def test_f12_a_stop_lets_an_upload_in_flight_finish(gate, world):
    started = await gate.ask("POST", "/v2/team/app/blobs/uploads/", body=b"")
    reader, writer = await gate.connect()
    writer.write(f"PATCH {started.header('Location')} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nfoo".encode())
    await world.uploading.wait()
    stopping = asyncio.create_task(gate.running.stop(10))
    await asyncio.sleep(0)
    writer.write(b"bar")
    assert (await gate.read(reader)).status == 202
    assert world.made("received") == [[b"foobar"]]
    await stopping


async def test_f12_a_stop_does_not_wait_for_ever(gate, world):
    digest = world.add_blob("team/app", b"x" * 300_000)
    world.pieces, world.hold = (lambda content: [content[:100_000], content[100_000:], b"x"]), asyncio.Event()
    reader, writer = await gate.connect()
    writer.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await world.streaming.wait()
    async with asyncio.timeout(3):
        await gate.running.stop(0.05)
    assert not (await gate.read(reader)).whole
    assert world.left.is_set()
