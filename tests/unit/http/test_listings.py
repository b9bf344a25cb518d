import json

import pytest

from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor
from sealgate.oci.reference import Tag
from sealgate.ports import ReferrersPage, TagPage

INDEX = "application/vnd.oci.image.index.v1+json"
TAGS = "/v2/team/app/tags/list"
DIGEST = Digest.of(b"x")


async def test_tags_are_told_again(gate, world):
    answer = await gate.ask("GET", TAGS)
    assert answer.header("Content-Type") == "application/json"
    assert json.loads(answer.body) == {"name": "team/app", "tags": ["a", "b"]}
    assert answer.header("Link") == ""
    assert world.made("tags")[0][1:3] == [None, ""]


async def test_a_page_links_to_the_next_in_the_gates_own_words(gate, world):
    world.tag_page = TagPage(tags=(Tag("a"),), last='b>; rel="evil"')
    answer = await gate.ask("GET", f"{TAGS}?n=1&last=A")
    assert answer.header("Link") == f'<{TAGS}?n=1&last=b%3E%3B%20rel%3D%22evil%22>; rel="next"'
    assert world.made("tags")[0][1:3] == [1, "A"]
    assert (await gate.ask("GET", TAGS)).header("Link").startswith(f"<{TAGS}?last=b")


@pytest.mark.parametrize(("said", "asked"), [("1", 1), ("1000", 1000), ("1001", 1000), (str(2**63), 1000)])
async def test_b20_the_number_of_tags_is_clamped(gate, world, said, asked):
    assert (await gate.ask("GET", f"{TAGS}?n={said}")).status == 200
    assert world.made("tags")[0][1] == asked


async def test_an_empty_page_is_empty(gate, world):
    world.tag_page = TagPage(tags=(Tag("a"),), last="a")
    answer = await gate.ask("GET", f"{TAGS}?n=0")
    assert (json.loads(answer.body)["tags"], answer.header("Link")) == ([], "")


@pytest.mark.parametrize("query", ["n=-1", "n=abc", "n=1.0", "n=%201", "n=9" * 30, "n=1&n=2",
                                   "last=%0a", "last=" + "a" * 1025])  # fmt: skip
async def test_b20_a_page_that_is_none_is_refused(gate, world, query):
    assert ((await gate.ask("GET", f"{TAGS}?{query}")).status, world.calls) == (400, [])


async def test_a_registry_gets_its_own_cursor_back(gate, world):
    world.tag_page = TagPage(tags=(Tag("a"),), last="{opaque}/=")
    following = (await gate.ask("GET", TAGS)).header("Link").partition(">")[0].lstrip("<")
    await gate.ask("GET", following)
    assert world.made("tags")[1][2] == "{opaque}/="


async def test_b20_the_catalog_is_told_again_as_far_as_the_caller_may_read(governed, world):
    world.repositories, world.readers = ("team/app", "secret/app", "team/base"), {"team/app", "team/base"}
    answer = await governed.ask("GET", "/v2/_catalog?n=5&last=a&from=x")
    assert json.loads(answer.body) == {"repositories": ["team/app", "team/base"]}
    assert world.made("catalog")[0][:2] == [5, "a"]


async def test_referrers_are_told_again(gate, world):
    sbom = Descriptor(media_type="a/b", digest=DIGEST, size=3, artifact_type="application/vnd.x+json")
    noted = Descriptor(media_type="c/d", digest=DIGEST, size=4, annotations={"k": "é"})
    world.referring = ReferrersPage(supported=True, descriptors=(sbom, noted))
    answer = await gate.ask("GET", f"/v2/team/app/referrers/{DIGEST}")
    assert (answer.status, answer.header("Content-Type")) == (200, INDEX)
    assert json.loads(answer.body) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"mediaType": "a/b", "digest": str(DIGEST), "size": 3, "artifactType": "application/vnd.x+json"},
            {"mediaType": "c/d", "digest": str(DIGEST), "size": 4, "annotations": {"k": "é"}},
        ],
    }
    assert answer.header("OCI-Filters-Applied") == ""
    for wanted in ("application/vnd.x+json", "application%2Fvnd.x%2Bjson"):
        filtered = await gate.ask("GET", f"/v2/team/app/referrers/{DIGEST}?artifactType={wanted}")
        assert filtered.header("OCI-Filters-Applied") == "artifactType"
        assert [entry["size"] for entry in json.loads(filtered.body)["manifests"]] == [3]


async def test_a_registry_without_referrers_stays_without(gate, world):
    world.referring = ReferrersPage(supported=False)
    assert (await gate.ask("GET", f"/v2/team/app/referrers/{DIGEST}")).status == 404


async def test_a_listing_that_is_not_complete_is_not_given_in_part(gate, world):
    world.referring = ReferrersPage(supported=True, complete=False)
    assert (await gate.ask("GET", f"/v2/team/app/referrers/{DIGEST}")).status == 503
