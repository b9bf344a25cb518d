import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ReferenceMalformed
from sealgate.http.problem import RequestRejected
from sealgate.http.target import (
    BlobTarget,
    Catalog,
    ManifestTarget,
    Ping,
    ReferrersTarget,
    TagsTarget,
    UploadSession,
    UploadStart,
    parse_target,
)
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag

HEX = "ab" * 32
DIGEST = Digest("sha256", HEX)
APP = Repository("team/app")


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("/v2/", Ping()),
        ("/v2/_catalog", Catalog()),
        ("/v2/team/app/manifests/v1", ManifestTarget(APP, Tag("v1"))),
        (f"/v2/team/app/manifests/sha256:{HEX}", ManifestTarget(APP, DIGEST)),
        (f"/v2/team/app/manifests/sha512:{HEX * 2}", ManifestTarget(APP, Digest("sha512", HEX * 2))),
        (f"/v2/team/app/blobs/sha256:{HEX}", BlobTarget(APP, DIGEST)),
        ("/v2/team/app/blobs/uploads/", UploadStart(APP)),
        ("/v2/team/app/blobs/uploads/To-ken_9", UploadSession(APP, "To-ken_9")),
        ("/v2/team/app/tags/list", TagsTarget(APP)),
        (f"/v2/team/app/referrers/sha256:{HEX}", ReferrersTarget(APP, DIGEST)),
        # The rightmost word counts, as in Distribution.
        ("/v2/a/manifests/b/manifests/c", ManifestTarget(Repository("a/manifests/b"), Tag("c"))),
        ("/v2/a/manifests/tags/list", TagsTarget(Repository("a/manifests"))),
        ("/v2/a/tags/list/manifests/list", ManifestTarget(Repository("a/tags/list"), Tag("list"))),
        ("/v2/a/blobs/uploads/manifests/x", ManifestTarget(Repository("a/blobs/uploads"), Tag("x"))),
        ("/v2/a/manifests/blobs/uploads/x", UploadSession(Repository("a/manifests"), "x")),
        (f"/v2/referrers/referrers/sha256:{HEX}", ReferrersTarget(Repository("referrers"), DIGEST)),
    ],
)
def test_a_target_of_the_grammar_is_taken_apart(raw, target):
    assert parse_target(raw) == (target, {})


@pytest.mark.parametrize(
    "raw",
    [
        "", "*", "/", "/v2", "/v1/", "/V2/", "//v2/", "/v2//", "v2/", "/v2/x", "/v2/_catalog/", "/v2/manifests/v1",
        "http://gate/v2/", "http://gate/v2/team/app/manifests/v1", "gate:443", "/extensions/v2/", "/v2/team/app",
        "/v2/team/app/manifests/", "/v2/team/app/manifests/v1/", "/v2/team/app/manifests", "/v2/team/app/tags/list/",
        "/v2/team/app/blobs/uploads", "/v2/team/app/blobs/uploads/to.ken", "/v2/team/app/blobs/uploads/a/b",
        "/v2/team/app/tags", "/v2/team/app/tags/List", "/v2/team/app/Manifests/v1", "/v2/team/app/referrers/v1",
        "/v2/team/app/manifests/.v1", "/v2/team/app/manifests/-v1", f"/v2/team/app/manifests/{'v' * 129}",
        f"/v2/{'a' * 256}/manifests/v1", "/v2/team/app/manifests/v1#x", "/v2/team/app/manifests/v1\x00",
        "/v2/team/app/manifests/v1\n", "\n/v2/", "/v2/\n",
    ],
)  # fmt: skip
def test_anything_else_is_no_target(raw):
    with pytest.raises(ReferenceMalformed):
        parse_target(raw)


@pytest.mark.parametrize("route", ["manifests", "blobs", "referrers"])
@pytest.mark.parametrize("digest", ["sha256:", "sha256:abc", "SHA256:" + HEX, "md5:" + HEX, ":", "sha256:..", "a:b"])
def test_b14_what_looks_like_a_digest_and_is_none_is_told_so(route, digest):
    with pytest.raises(RequestRejected) as rejected:
        parse_target(f"/v2/team/app/{route}/{digest}")
    assert (rejected.value.problem.status, rejected.value.problem.code) == (400, "DIGEST_INVALID")


def test_a_target_past_the_bound_is_none():
    assert parse_target("/v2/?" + "x" * 8000)
    with pytest.raises(ReferenceMalformed):
        parse_target("/v2/?" + "x" * 9000)


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ("", {}),
        ("&&", {}),
        ("tag=a&tag=b&x=%zz&%6e=5&N=3&digest=d&mount=m&from=f", {}),
        ("n=5&last=v1", {"n": "5", "last": "v1"}),
        ("last=v%2D1&ns=registry.example%3A5000", {"last": "v-1", "ns": "registry.example:5000"}),
        ("n=%2541", {"n": "%41"}),
        ("n", {"n": ""}),
        ("n=a=b", {"n": "a=b"}),
        ("last=a+b", {"last": "a+b"}),
    ],
)
def test_a_query_is_read_into_what_the_route_knows(query, known):
    assert parse_target(f"/v2/team/app/tags/list?{query}")[1] == known


@pytest.mark.parametrize("query", ["n=1&n=1", "ns=a&ns=b", "n=é", "n=%C3%A9", "n=%00", "n=%7F", "n=%0a", "n=%", "n=%4",
                                   "n=%zz", "n=1;last=2", "n=a b", "n=\u0661"])  # fmt: skip
def test_a_known_parameter_that_is_repeated_or_unreadable_is_refused(query):
    with pytest.raises(RequestRejected) as rejected:
        parse_target(f"/v2/team/app/tags/list?{query}")
    assert rejected.value.problem.status == 400


# Distribution's routes in its own order (reference/regexp.go, registry/api/v2/descriptors.go), as Python writes them.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_NAME = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_DIGEST = r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
_ROUTES = (
    (ManifestTarget, rf"/v2/({_NAME})/manifests/([A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}|{_DIGEST})"),
    (TagsTarget, rf"/v2/({_NAME})/tags/list"),
    (BlobTarget, rf"/v2/({_NAME})/blobs/({_DIGEST})"),
    (UploadStart, rf"/v2/({_NAME})/blobs/uploads/"),
    (UploadSession, rf"/v2/({_NAME})/blobs/uploads/([A-Za-z0-9_-]+)"),
    (ReferrersTarget, rf"/v2/({_NAME})/referrers/({_DIGEST})"),
)
_WORDS = ["a", "b-c", "manifests", "blobs", "uploads", "tags", "list", "referrers", "_catalog", "v1", "", ".", "..",
          "A", f"sha256:{HEX}", "sha256:", "a%2Fb", "a;b", "é", "a__b", "a.-b", "0"]  # fmt: skip


@given(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=7))
def test_b13_names_are_parsed_as_distribution_parses_them(words):
    raw = "/v2/" + "/".join(words)
    expected = next(((kind, found[1]) for kind, route in _ROUTES if (found := re.fullmatch(route, raw))), None)
    try:
        target, _ = parse_target(raw)
    except (ReferenceMalformed, RequestRejected):
        assert expected is None
    else:
        if not isinstance(target, Ping | Catalog):
            assert expected == (type(target), target.repository.name)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text):
    for raw in (text, f"/v2/{text}", f"/v2/a/manifests/{text}", f"/v2/a/tags/list?n={text}"):
        try:
            parse_target(raw)
        except (ReferenceMalformed, RequestRejected):
            continue
