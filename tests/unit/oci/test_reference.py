"""Repository names, tags and references: the specification's grammar, to the letter."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag, named, parse_reference

DIGEST = Digest.of(b"x")
# Written again from distribution-spec 1.1, "Pulling manifests", for names without a host.
SPECIFIED = re.compile(
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "0",
        "team/app",
        "a/b/c/d/e",
        "a.b_c__d-e---f",
        "1.2.3/4",
        "manifests/blobs/tags/uploads",
        "a" * 255,
        "/".join("a" * 128),
    ],
    ids=lambda name: name[:40],
)
def test_a_repository_is_read_and_written_alike(name: str) -> None:
    assert str(Repository.parse(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        ".",
        "..",
        "a/..",
        "a/../b",
        "./a",
        "A",
        "team/App",
        "_a",
        "a_",
        "a___b",
        "a..b",
        "a.-b",
        "a_-b",
        "a-",
        "-a",
        "a.",
        "_catalog",
        "a b",
        "a\n",
        "\na",
        "a\x00",
        "a/b\n",
        "a:b",
        "a@b",
        "a%2fb",
        "a\\b",
        "a?b",
        "a#b",
        "a~b",
        "\N{FULLWIDTH LATIN SMALL LETTER T}eam/app",
        "team\N{FULLWIDTH SOLIDUS}app",
        "\N{KELVIN SIGN}ube",
        "te\N{LATIN SMALL LETTER LONG S}t",
        "a\N{ARABIC-INDIC DIGIT ONE}",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "a" * 256,
        "/".join("a" * 129),
        "a" + "-" * 100_000,
    ],
    ids=lambda name: repr(name)[:40],
)
def test_b13_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ReferenceMalformed):
        Repository.parse(name)


@given(st.text("a0._-/A\n", max_size=24))
@example("a__b")
@example("a---b.c_d/e")
def test_b13_names_are_those_of_the_specification(name: str) -> None:
    try:
        read = Repository.parse(name).name
    except ReferenceMalformed:
        read = None
    assert read == (name if SPECIFIED.fullmatch(name) else None)


@pytest.mark.parametrize("tag", ["a", "_", "latest", "1.0.0", "V1-rc.1_x", "a" * 128, "sha256-" + "a" * 64 + ".sig"])
def test_a_tag_is_read_and_written_alike(tag: str) -> None:
    assert str(Tag.parse(tag)) == tag


@pytest.mark.parametrize(
    "tag",
    [
        "",
        ".a",
        "-a",
        "a" * 129,
        "a b",
        "a/b",
        "a\n",
        "\na",
        "a:b",
        "a+b",
        "a%20",
        "..",
        "\N{KELVIN SIGN}",
        "v\N{ARABIC-INDIC DIGIT ONE}",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
    ids=repr,
)
def test_b13_any_other_tag_is_refused(tag: str) -> None:
    with pytest.raises(ReferenceMalformed, match="a tag is at most 128"):
        Tag.parse(tag)


@given(st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=128))
def test_a_tag_of_the_specification_is_one(tag: str) -> None:
    if tag[0] in ".-":
        with pytest.raises(ReferenceMalformed):
            Tag.parse(tag)
    else:
        assert Tag.parse(tag).name == tag


@pytest.mark.parametrize(
    ("text", "expected"),
    [("latest", Tag("latest")), (str(DIGEST), DIGEST), (f"sha256-{DIGEST.hex}", Tag(f"sha256-{DIGEST.hex}"))],
)
def test_a_reference_is_a_digest_if_it_has_a_colon(text: str, expected: Tag | Digest) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["latest:1", "sha256:", f"SHA256:{DIGEST.hex}", "", f"{DIGEST}:latest"])
def test_b14_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ReferenceMalformed):
        parse_reference(text)


def test_references_are_written_as_people_write_them() -> None:
    assert named(Repository("team/app"), Tag("1")) == "team/app:1"
    assert named(Repository("team/app"), DIGEST) == f"team/app@{DIGEST}"
