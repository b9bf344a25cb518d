"""A line for each request, which is joined with the decision and the answer by a name of the gate's own."""

import base64
import io
import json
import logging
import re

import pytest

from sealgate.adapters import log
from sealgate.testing import images

IMAGE = images.oci_image(seed=1)
NAME = re.compile(r"[0-9a-f]{16}")


@pytest.fixture
def lines():
    """What the gate writes into its log, as JSON."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    stream = io.StringIO()
    log.set_up("json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before, level


def requests(lines):
    return [line for line in lines() if line["logger"] == "sealgate.access"]


async def test_a_request_its_decision_and_its_answer_have_one_name(lines, world):
    world.add("team/bad", IMAGE, signed=False)
    reply = await world.client.pull("team/bad", "1.0")
    (told,) = requests(lines)
    name = told["request"]
    assert NAME.fullmatch(name)
    assert reply.headers["x-request-id"] == name
    assert json.loads(reply.body)["errors"][0]["detail"]["request"] == name
    assert world.gate.decisions[-1]["request"] == name
    milliseconds = told.pop("milliseconds")
    assert milliseconds > 0
    assert {key: told[key] for key in ("method", "path", "repository", "upstream", "status", "address")} == {
        "method": "GET",
        "path": "/v2/team/bad/manifests/1.0",
        "repository": "team/bad",
        "upstream": "default",
        "status": 403,
        "address": "127.0.0.1",
    }


async def test_every_answer_has_one_and_no_two_have_the_same(lines, world):
    world.add("team/app", IMAGE)
    blob = json.loads(IMAGE.raw)["layers"][0]["digest"]
    paths = ("/v2/", "/v2/team/app/manifests/1.0", f"/v2/team/app/blobs/{blob}", "/nothing", "/v2/team/app/tags/list")
    names = [(await world.client.ask("GET", path)).headers["x-request-id"] for path in paths]
    assert len(set(names)) == len(names)
    assert [line["request"] for line in requests(lines)] == names


async def test_what_a_client_calls_its_request_is_not_read(lines, world):
    """It could give its own the name of somebody else's."""
    reply = await world.client.ask("GET", "/v2/", headers={"X-Request-Id": "0" * 16})
    assert reply.headers["x-request-id"] != "0" * 16
    assert "0" * 16 not in json.dumps(requests(lines))


async def test_b40_secrets_are_in_no_line(lines, world):
    basic = base64.b64encode(b"alice:s3cret").decode()
    for headers in ({"Authorization": f"Basic {basic}"}, {"Authorization": "Bearer s3cret"}, {"Cookie": "s3cret"}):
        await world.client.ask("GET", "/v2/team/app/manifests/1.0?token=s3cret", headers=headers)
    started = await world.client.ask("POST", "/v2/team/app/blobs/uploads/")
    session = started.headers["location"]
    await world.client.ask("PATCH", session, body=b"s3cret")
    written = json.dumps(lines())
    assert "s3cret" not in written
    assert basic not in written
    assert session.rpartition("/")[2].partition("?")[0] not in written
    assert "alice" in written


HOSTILE = [
    b"GET /v2/a\x1b[2Jb/manifests/1 HTTP/1.1",
    b'GET /v2/"},{"event":"forged/manifests/1 HTTP/1.1',
    b"GET /v2/a/manifests/%0a%0d%00 HTTP/1.1",
    b"GET /v2/" + "\u202e\u2028".encode() + b"/manifests/1 HTTP/1.1",
    b"GET /" + b"a" * 5000 + b" HTTP/1.1",
    b"BREW /v2/ HTTP/1.1",
    b"GET /v2/\xff\xfe/manifests/1 HTTP/1.1",
]


@pytest.mark.parametrize("head", HOSTILE)
@pytest.mark.parametrize("agent", [b"\x1b]0;owned\x07", b'"}\t{"a":1', "\u202e\u2028".encode(), b"\xff" * 3000])
async def test_b40_log_lines_parse_whatever_a_client_sends(lines, world, head, agent):
    await world.raw(head + b"\r\nHost: x\r\nUser-Agent: " + agent + b"\r\nConnection: close\r\n\r\n")
    written = lines()  # each parses
    assert all("forged" not in line["event"] for line in written)
    assert len(json.dumps(written)) < 10_000
