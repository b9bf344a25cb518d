import asyncio
import json

import pytest

from sealgate.errors import UpstreamRefused, UpstreamUnavailable
from sealgate.http import relay
from sealgate.oci.digest import Digest
from sealgate.policy.decision import Outcome
from sealgate.ports import ByteRange

CONTENT = bytes(range(256)) * 1024


def in_pieces(size):
    return lambda content: [content[start : start + size] for start in range(0, len(content), size)]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [1 << 20, 1 << 16, 1000])
async def test_an_admitted_blob_is_served_whole(gate, world, algorithm, size):
    digest = world.add_blob("team/app", CONTENT, algorithm)
    world.pieces = in_pieces(size)
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.body, answer.whole) == (200, CONTENT, True)
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Docker-Content-Digest") == str(digest)
    assert answer.header("Content-Length") == str(len(CONTENT))
    assert world.left.is_set()


async def test_an_empty_blob_is_served(gate, world):
    digest = world.add_blob("team/app", b"")
    world.pieces = lambda content: []
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.header("Content-Length")) == (200, "0")


async def test_two_blobs_come_over_one_connection(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces = in_pieces(1 << 16)
    reader, writer = await gate.connect()
    for _ in range(2):
        writer.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await gate.read(reader)
        assert (answer.status, answer.body) == (200, CONTENT)


@pytest.mark.parametrize("outcome", [Outcome.DENY, Outcome.UNDETERMINED])
async def test_a_blob_that_is_not_admitted_is_refused(gate, world, decisions, outcome):
    digest = world.add_blob("team/app", CONTENT, decide=lambda digest: decisions.deny(digest, outcome=outcome))
    for headers in ((), (("User-Agent", "cosign/v3"),), (("Range", "bytes=0-1"),)):
        answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}", *headers)
        assert answer.status == (403 if outcome is Outcome.DENY else 503)
        assert CONTENT[:16] not in answer.body
    assert world.made("blob") == []


@pytest.mark.parametrize("flipped", [0, len(CONTENT) // 2, len(CONTENT) - 1])
async def test_f5_a_blob_of_another_digest_never_ends(gate, world, flipped):
    wrong = bytearray(CONTENT)
    wrong[flipped] ^= 1
    digest = world.add_blob("team/app", CONTENT)
    world.blobs[f"team/app@{digest}"] = bytes(wrong)
    world.pieces = in_pieces(1 << 16)
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (200, False)
    assert len(answer.body) <= len(CONTENT) - (1 << 16)


async def test_f5_a_small_blob_of_another_digest_is_a_clean_502(gate, world):
    digest = world.add_blob("team/app", b"config")
    world.blobs[f"team/app@{digest}"] = b"CONFIG"
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (502, True)
    assert json.loads(answer.body)["errors"][0]["detail"]["reason"] == "content-mismatch"
    assert b"CONFIG" not in answer.body


async def test_f5_an_empty_piece_does_not_let_the_last_one_go(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.blobs[f"team/app@{digest}"] = CONTENT[:-1] + b"!"
    world.pieces = lambda content: [*in_pieces(1 << 16)(content), b"", b""]
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (200, False)


@pytest.mark.parametrize("said", [len(CONTENT) - 150_000, len(CONTENT) - 1, len(CONTENT) + 1])
async def test_f6_a_blob_of_another_length_never_ends(gate, world, said):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces, world.size_said = in_pieces(1 << 14), said
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (200, False)


async def test_f4_an_upstream_that_breaks_off_breaks_the_answer_off(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces, world.size_said = in_pieces(1 << 16), len(CONTENT) * 2
    world.failing["chunks"] = UpstreamUnavailable("gone")
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (200, False)


async def test_f4_an_unforeseen_error_in_a_stream_breaks_the_answer_off(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces, world.size_said = in_pieces(1 << 16), len(CONTENT) * 2
    world.failing["chunks"] = ConnectionResetError("not ours")
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.whole) == (200, False)


async def test_f4_an_upstream_that_breaks_off_at_once_is_a_clean_503(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces = lambda content: []
    world.failing["chunks"] = UpstreamUnavailable("gone")
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.header("Retry-After")) == (503, "5")


async def test_f23_a_client_that_leaves_frees_the_upstream(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.pieces, world.hold = in_pieces(1 << 16), asyncio.Event()
    _, writer = await gate.connect()
    writer.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await world.streaming.wait()
    writer.transport.abort()
    async with asyncio.timeout(1):
        await world.left.wait()


async def test_f17_a_client_that_takes_nothing_frees_the_upstream(gate, world, monkeypatch):
    monkeypatch.setattr(relay, "STALLED_CLIENT_SECONDS", 0.05)
    digest = world.add_blob("team/app", bytes(64 << 20))
    world.pieces = in_pieces(1 << 20)
    _, writer = await gate.connect()
    writer.transport.pause_reading()
    writer.write(f"GET /v2/team/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(5):
        await world.left.wait()


async def test_one_range_is_passed_on(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    for header, wanted in (("bytes=3-9", ByteRange(first=3, last=9)), ("bytes=9-", ByteRange(first=9, last=None))):
        answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}", ("Range", header))
        last = len(CONTENT) - 1 if wanted.last is None else wanted.last
        assert (answer.status, answer.body) == (206, CONTENT[wanted.first : last + 1])
        assert answer.header("Content-Range") == f"bytes {wanted.first}-{last}/{len(CONTENT)}"
        assert world.made("blob")[-1][2] == wanted


@pytest.mark.parametrize(
    "headers",
    [("bytes=0-1,3-4",), ("bytes=-",), ("bytes=",), ("items=0-1",), ("bytes=0-1", "bytes=2-3"),
     ("bytes=0-1x",), ("bytes=\u0661-2",), ("bytes=" + "9" * 30 + "-",), ("BYTES=0-1",)],
)  # fmt: skip
async def test_every_other_range_is_the_whole_blob(gate, world, headers):
    digest = world.add_blob("team/app", CONTENT)
    sent = [("Range", value.encode().decode("latin-1")) for value in headers]
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}", *sent)
    assert (answer.status, answer.body) == (200, CONTENT)
    assert world.made("blob")[-1][2] is None


async def test_a_range_under_a_condition_is_the_whole_blob(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}", ("Range", "bytes=0-1"), ("If-Range", '"x"'))
    assert (answer.status, len(answer.body)) == (200, len(CONTENT))


async def test_head_of_a_blob_is_free_and_rebuilt(gate, world, decisions):
    digest = world.add_blob("team/app", CONTENT, decide=decisions.deny)
    answer = await gate.ask("HEAD", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Length") == str(len(CONTENT))
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Docker-Content-Digest") == str(digest)
    assert world.made("pull blob") == []


async def test_b9_a_manifest_is_no_blob_to_a_head(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    world.known_manifests.add(digest)
    answer = await gate.ask("HEAD", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.header("Docker-Content-Digest")) == (404, "")


async def test_the_upstreams_refusal_of_a_head_comes_first(gate, world):
    digest = Digest.of(b"x")
    world.known_manifests.add(digest)
    world.failing["blob head"] = UpstreamRefused(401, challenges=('Basic realm="x"', 'Bearer realm="https://y"'))
    answer = await gate.ask("HEAD", f"/v2/team/app/blobs/{digest}")
    assert answer.status == 401
    assert answer.all("WWW-Authenticate") == ['Basic realm="x"', 'Bearer realm="https://y"']


async def test_the_last_bytes_may_be_asked_for(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}", ("Range", "bytes=-5"))
    assert (answer.status, answer.body) == (206, CONTENT[-5:])
    assert world.made("blob")[0][2] == ByteRange(first=None, last=5)


async def test_whether_a_blob_has_a_range_is_the_registrys_to_say(gate, world):
    digest = world.add_blob("team/app", CONTENT)
    await gate.ask("GET", f"/v2/team/app/blobs/{digest}", ("Range", "bytes=9-3"))
    assert world.made("blob")[0][2] == ByteRange(first=9, last=3)


async def test_a_second_name_of_the_same_bytes_is_checked_before_it_is_told(gate, world):
    digest = world.add_blob("team/app", CONTENT, "sha512")
    world.called_by = Digest.of(CONTENT)
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, answer.header("Docker-Content-Digest")) == (200, str(world.called_by))
    world.called_by = Digest.of(b"something else")
    answer = await gate.ask("GET", f"/v2/team/app/blobs/{digest}")
    assert (answer.status, CONTENT in answer.body) == (502, False)
