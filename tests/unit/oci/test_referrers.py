"""The tags at which evidence about a digest is kept."""

import pytest

from sealgate.oci.digest import Digest
from sealgate.oci.reference import Tag
from sealgate.oci.referrers import attestation_tag, fallback_tag, signature_tag, subject_of_tag

DIGEST = Digest.of(b"an image")


def test_tags_of_a_digest() -> None:
    assert fallback_tag(DIGEST) == Tag(f"sha256-{DIGEST.hex}")
    assert signature_tag(DIGEST) == Tag(f"sha256-{DIGEST.hex}.sig")
    assert attestation_tag(DIGEST) == Tag(f"sha256-{DIGEST.hex}.att")


def test_the_fallback_tag_of_a_long_digest_is_cut_as_the_specification_says() -> None:
    digest = Digest.of(b"an image", "sha512")
    assert fallback_tag(digest) == Tag.parse(f"sha512-{digest.hex[:64]}")


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
def test_a_tag_of_these_forms_speaks_about_a_digest(suffix: str) -> None:
    assert subject_of_tag(Tag(f"sha256-{DIGEST.hex}{suffix}")) == DIGEST


@pytest.mark.parametrize(
    "name",
    [
        "latest",
        f"sha256-{DIGEST.hex}.SIG",
        f"sha256-{DIGEST.hex}.sig.att",
        f"sha256-{DIGEST.hex}.",
        f"sha256-{DIGEST.hex}.exe",
        f"sha256-{DIGEST.hex}0",
        f"sha256-{DIGEST.hex[:-1]}",
        f"sha256-{DIGEST.hex.upper()}",
        f"sha256_{DIGEST.hex}",
        f"sha512-{DIGEST.hex}",
        f"v-sha256-{DIGEST.hex}",
        DIGEST.hex,
    ],
)
def test_any_other_tag_speaks_about_none(name: str) -> None:
    assert subject_of_tag(Tag(name)) is None
