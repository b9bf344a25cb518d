"""Attacks B13: what the gate takes a path for is what Debian's registry takes it for, over 2,000 generated names."""

import http.client
import json
import random

import pytest
from harness.servers import Server

from sealgate.errors import ReferenceMalformed
from sealgate.http.problem import RequestRejected
from sealgate.http.target import BlobTarget, ManifestTarget, TagsTarget, UploadStart, parse_target

TARGETS = 2000
DIGEST = f"sha256:{'0' * 63}a"

# Of components: good ones, bad ones, and the words of the grammar itself.
_COMPONENTS = [
    "a", "b-c", "a.b", "a__b", "a--b", "x_y", "v1", "0", "manifests", "blobs", "uploads", "tags", "list", "referrers",
    "_catalog", "A", "a..b", "a.-b", "-a", "a_", "a___b", DIGEST, "", ".", "..",
]  # fmt: skip
_REFERENCES = ["v1", "A", "_x", "-x", ".x", DIGEST, "a" * 128, "a" * 129, "manifests"]

# What the registry answers to a GET about something that is not there, by what it takes it for. A page of text and a
# redirect to a cleaner path are its answers to what is none of its routes.
_ANSWERS = {
    "MANIFEST_UNKNOWN": ManifestTarget,
    "NAME_UNKNOWN": TagsTarget,
    "BLOB_UNKNOWN": BlobTarget,
    "BLOB_UPLOAD_UNKNOWN": UploadStart,
}


def generated() -> list[str]:
    """The same every time: a test that fails once fails again."""
    chance = random.Random(13)  # noqa: S311  chance makes no secret here

    def one() -> str:
        name = [chance.choice(_COMPONENTS) for _ in range(chance.randint(1, 5))]
        ends = [
            ["manifests", chance.choice(_REFERENCES)],
            ["tags", "list"],
            ["blobs", DIGEST],
            ["blobs", "uploads", ""],
        ]
        return "/v2/" + "/".join([*name, *chance.choice([*ends, ["manifests"], ["tags"], []])])

    return [one() for _ in range(TARGETS)]


def asked(connection: http.client.HTTPConnection, target: str) -> tuple[type | None, str]:
    """What the registry takes a target for, and the name that it tells, where it tells one."""
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    if "json" not in answer.headers.get("Content-Type", ""):
        return None, ""
    error = json.loads(body)["errors"][0]
    detail = error.get("detail")
    return _ANSWERS[error["code"]], detail.get("name", "") if isinstance(detail, dict) else ""


@pytest.mark.client("docker-registry")
def test_b13_a_path_is_taken_for_what_the_registry_takes_it_for(registry: Server) -> None:
    connection = http.client.HTTPConnection(registry.host, timeout=30)
    seen = set()
    for target in generated():
        if target in ("/v2/", "/v2/_catalog"):
            continue
        theirs, name = asked(connection, target)
        try:
            ours, _ = parse_target(target)
        except (ReferenceMalformed, RequestRejected):
            # To Distribution a first component in capitals is a host; at the gate no name begins with one.
            assert theirs is None or target.startswith("/v2/A/"), target
            continue
        assert type(ours) is theirs, target
        assert name in ("", ours.repository.name), target
        seen.add(theirs)
    connection.close()
    assert seen == {*_ANSWERS.values()}
