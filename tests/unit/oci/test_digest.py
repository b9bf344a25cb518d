"""Digests: one form, of two algorithms."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import NO_CONTENT, Digest

HEX = hashlib.sha256(b"x").hexdigest()
HEX512 = hashlib.sha512(b"x").hexdigest()


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX512}"])
def test_a_digest_is_read_and_written_alike(text: str) -> None:
    assert str(Digest.parse(text)) == text


@given(st.binary(max_size=64), st.sampled_from(["sha256", "sha512"]))
def test_the_digest_of_content_matches_it_and_nothing_else(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert digest == Digest.parse(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")
    assert digest.matches(content)
    assert not digest.matches(content + b"\n")


def test_without_a_word_it_is_sha256() -> None:
    assert str(Digest.of(b"x")) == f"sha256:{HEX}"
    assert NO_CONTENT.matches(b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        f":{HEX}",
        HEX,
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha512:{HEX}",
        f"sha256:{HEX512}",
        f"sha512:{HEX512}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"Sha256:{HEX}",
        f"sha256:{HEX[:-1]}g",
        f"sha256:{HEX[:-1]}\n",
        f"sha256:{HEX}\n",
        f"\nsha256:{HEX}",
        f" sha256:{HEX}",
        f"sha256: {HEX[1:]}",
        f"sha256:{HEX[:-1]}\x00",
        f"sha256:{HEX[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
        f"sha256:{HEX[:-1]}\N{FULLWIDTH DIGIT ONE}",
        f"\N{LATIN SMALL LETTER LONG S}ha256:{HEX}",
        f"sha256\N{FULLWIDTH COLON}{HEX}",
        f"sha256::{HEX}",
        f"sha256:sha256:{HEX}",
        f"sha256-{HEX}",
        f"sha256%3A{HEX}",
        f"sha256+b64:{HEX}",
        f"sha1:{'a' * 40}",
        f"md5:{'a' * 32}",
        f"sha384:{'a' * 96}",
        f"blake3:{HEX}",
        "sha256:../../../../etc/passwd",
        f"sha256:{HEX}/../../x",
        f"sha256:{'a' * 1_000_000}",
    ],
    ids=lambda text: repr(text)[:40],
)
def test_b14_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ReferenceMalformed, match="a digest is sha256: and 64"):
        Digest.parse(text)


@given(st.text(max_size=150))
def test_b14_what_is_read_is_what_it_was(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except ReferenceMalformed:
        return
    assert str(digest) == text
