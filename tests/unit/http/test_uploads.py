import json

import pytest

from sealgate.errors import StateUnavailable, UpstreamRefused, UpstreamUnavailable
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.ports import Access

APP = Repository("team/app")
CONTENT = b"a layer" * 1000
DIGEST = Digest.of(CONTENT)
START = "/v2/team/app/blobs/uploads/"


async def begin(gate):
    answer = await gate.ask("POST", START, body=b"")
    assert answer.status == 202
    return answer.header("Location")


async def test_a_session_starts_with_a_location_of_the_gates_own(gate):
    answer = await gate.ask("POST", START, body=b"")
    location = answer.header("Location")
    assert answer.status == 202
    assert location.startswith(START)
    assert "?" not in location
    assert "secret" not in str(answer)
    assert "_state" not in str(answer)
    assert len(answer.header("Docker-Upload-UUID")) == 32
    assert answer.header("OCI-Chunk-Min-Length") == "7"
    assert answer.header("Range") == ""


async def test_a_layer_goes_up_in_a_stream(gate, world):
    location = await begin(gate)
    patched = await gate.ask("PATCH", location, ("Authorization", "Bearer t"), body=CONTENT)
    assert (patched.status, patched.header("Range")) == (202, f"0-{len(CONTENT) - 1}")
    assert world.made("upload chunk") == [
        [APP, "/v2/team/app/blobs/uploads/uuid?_state=secret", len(CONTENT), None, Access("Bearer t")]
    ]
    put = await gate.ask("PUT", patched.header("Location") + f"?digest={DIGEST}", body=b"")
    assert put.status == 201
    assert put.header("Location") == f"/v2/team/app/blobs/{DIGEST}"
    assert put.header("Docker-Content-Digest") == str(DIGEST)
    assert world.made("finish upload")[0][:5] == [
        APP,
        "/v2/team/app/blobs/uploads/uuid?_state=secret2",
        DIGEST,
        0,
        None,
    ]
    assert world.made("received") == [[CONTENT], [b""]]


async def test_a_layer_goes_up_in_http_chunks(gate, world):
    location = await begin(gate)
    framed = b"7\r\na layer\r\n5;x=y\r\n and \r\n0\r\nTrailer: t\r\n\r\n"
    answer = await gate.ask("PATCH", location, ("Transfer-Encoding", "chunked"), body=framed)
    assert (answer.status, world.made("received")) == (202, [[b"a layer and "]])
    assert world.made("upload chunk")[0][2] is None


async def test_a_layer_goes_up_in_oci_chunks(gate, world):
    location = await begin(gate)
    answer = await gate.ask("PATCH", location, ("Content-Range", "0000-0006"), body=b"a layer")
    assert (answer.status, world.made("upload chunk")[0][3]) == (202, "0-6")


@pytest.mark.parametrize("value", ["bytes 0-6", "0-6/7", "0-5", "0-7", "-6", "0-", "6-0", "0-6\u0661", "x"])
async def test_a_chunk_that_is_not_as_it_says_is_refused(gate, world, value):
    location = await begin(gate)
    header = ("Content-Range", value.encode().decode("latin-1"))
    answer = await gate.ask("PATCH", location, header, body=b"a layer")
    assert (answer.status, world.made("upload chunk")) == (416, [])


async def test_a_whole_blob_goes_up_with_the_post(gate, world):
    answer = await gate.ask("POST", f"{START}?digest={DIGEST}", body=CONTENT)
    assert (answer.status, answer.header("Location")) == (201, f"/v2/team/app/blobs/{DIGEST}")
    assert world.made("received") == [[CONTENT]]


async def test_a_registry_that_takes_no_whole_blobs_gets_them_in_a_session(gate, world):
    world.takes_blobs_whole = False
    answer = await gate.ask("POST", f"{START}?digest={DIGEST}", body=b"")
    assert (answer.status, answer.header("Location").startswith(START)) == (202, True)


async def test_a_stored_blob_is_called_as_the_registry_calls_it(gate, world):
    world.called_by = Digest.of(CONTENT)
    sha512 = Digest.of(CONTENT, "sha512")
    put = await gate.ask("PUT", f"{await begin(gate)}?digest={sha512}", body=CONTENT)
    assert put.header("Location") == f"/v2/team/app/blobs/{DIGEST}"
    assert put.header("Docker-Content-Digest") == str(DIGEST)


async def test_b19_what_may_be_read_at_its_source_is_mounted(gate, world):
    world.add_blob("team/base", CONTENT)
    answer = await gate.ask("POST", f"{START}?mount={DIGEST}&from=team%2Fbase", ("Authorization", "Bearer t"), body=b"")
    assert (answer.status, answer.header("Location")) == (201, f"/v2/team/app/blobs/{DIGEST}")
    assert world.made("mount blob") == [[APP, DIGEST, Repository("team/base"), Access("Bearer t")]]


async def test_b19_a_mount_that_the_registry_does_not_do_is_an_upload(gate, world):
    world.add_blob("team/base", CONTENT)
    world.takes_blobs_whole = False
    answer = await gate.ask("POST", f"{START}?mount={DIGEST}&from=team/base", body=b"")
    assert (answer.status, answer.header("Location").startswith(START)) == (202, True)


@pytest.mark.parametrize("query", [f"mount={DIGEST}&from=secret/app", f"mount={DIGEST}", f"mount={DIGEST}&from="])
async def test_b19_what_may_not_be_read_at_its_source_is_uploaded(gate, world, query):
    answer = await gate.ask("POST", f"{START}?{query}", body=b"")
    assert (answer.status, answer.header("Location").startswith(START)) == (202, True)
    assert [len(world.made(call)) for call in ("mount blob", "start upload")] == [0, 1]


@pytest.mark.parametrize("failure", [UpstreamRefused(401), UpstreamUnavailable("x"), StateUnavailable("x")])
async def test_b19_what_cannot_be_judged_at_its_source_is_uploaded(gate, world, failure):
    world.add_blob("team/base", CONTENT)
    world.failing["pull blob"] = failure
    answer = await gate.ask("POST", f"{START}?mount={DIGEST}&from=team/base", body=b"")
    assert (answer.status, world.made("mount blob")) == (202, [])


async def test_b19_a_mount_asks_for_the_right_to_read_the_source(governed, world):
    world.add_blob("team/base", CONTENT)
    mount = f"{START}?mount={DIGEST}&from=team/base"
    assert ((await governed.ask("POST", mount, body=b"")).status, world.made("mount blob")) == (202, [])
    world.readers = {"team/base"}
    assert (await governed.ask("POST", mount, body=b"")).status == 201


@pytest.mark.parametrize(
    "query",
    ["mount=x&from=team/base", f"mount={DIGEST}&from=Team", f"mount={DIGEST}&from=../x", f"mount={DIGEST}&mount=x",
     f"mount={DIGEST}&from=a&from=b", f"mount={DIGEST}&from=a%252fb", "mount=&from=a"],
)  # fmt: skip
async def test_b19_a_mount_that_is_none_is_refused(gate, world, query):
    answer = await gate.ask("POST", f"{START}?{query}", body=b"")
    assert answer.status == 400
    assert {name for name, *_ in world.calls} <= {"may upload"}


@pytest.mark.parametrize("target", [START, f"{START}?digest={DIGEST}", f"{START}?mount={DIGEST}&from=team/base"])
async def test_an_upload_that_could_not_end_well_is_refused_before_it_travels(gate, world, decisions, target):
    world.uploads_refused = decisions.deny(DIGEST, Reason.REPOSITORY_NOT_COVERED)
    answer = await gate.ask("POST", target, body=b"")
    assert answer.status == 403
    assert [name for name, *_ in world.calls] == ["may upload"]


async def test_a_session_tells_where_it_stands(gate, world):
    answer = await gate.ask("GET", await begin(gate))
    assert (answer.status, answer.header("Range"), answer.body) == (204, "0-0", b"")
    assert answer.header("Location").startswith(START)


async def test_a_session_is_given_up(gate, world):
    answer = await gate.ask("DELETE", await begin(gate))
    assert (answer.status, len(world.made("cancel upload"))) == (204, 1)


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_b25_a_session_of_somebody_elses_making_is_none(gate, world, method):
    location = await begin(gate)
    token = location.rpartition("/")[2]
    world.calls.clear()
    for target in (
        f"/v2/other/app/blobs/uploads/{token}",
        f"{START}{token[:-2]}",
        f"{START}AAAA{token}",
        f"{START}uuid",
        f"{START}L3YyL290aGVy",
    ):
        answer = await gate.ask(method, f"{target}?digest={DIGEST}", body=b"")
        assert (answer.status, json.loads(answer.body)["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert world.calls == []


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:abc", "?digest=md5:0", "?Digest=x"])
async def test_an_upload_is_finished_with_a_digest(gate, world, query):
    answer = await gate.ask("PUT", await begin(gate) + query, body=b"")
    assert (answer.status, world.made("finish upload")) == (400, [])


async def test_the_upstreams_early_refusal_closes_the_connection(gate, world):
    location = await begin(gate)
    world.failing["upload chunk"] = UpstreamRefused(413)
    answer = await gate.ask("PATCH", location, body=CONTENT)
    assert (answer.status, answer.closed) == (413, True)
