"""Where evidence about a digest is kept: the referrers API, its fallback tag, and cosign's tags.

Sources: distribution-spec 1.1 "Listing Referrers" and "Referrers Tag Schema"; cosign SIGNATURE_SPEC.md "Storage".
"""

import re
from typing import Final

from sealgate.oci.digest import Digest
from sealgate.oci.reference import Tag

# Only sha256: a sha512 digest does not fit a tag with cosign's suffixes, and no client writes one.
_CARRIER_TAG: Final = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.(sig|att|sbom))?", re.ASCII)


def fallback_tag(digest: Digest) -> Tag:
    """The tag at which a registry without the referrers API keeps the index of a digest's referrers."""
    return Tag(_stem(digest))


def signature_tag(digest: Digest) -> Tag:
    """The tag at which cosign keeps simple signing signatures of a digest."""
    return Tag(f"{_stem(digest)}.sig")


def attestation_tag(digest: Digest) -> Tag:
    """The tag at which cosign keeps DSSE attestations of a digest."""
    return Tag(f"{_stem(digest)}.att")


def subject_of_tag(tag: Tag) -> Digest | None:
    """The digest that a tag of one of these three shapes (or `.sbom`) speaks about; None for any other tag."""
    found = _CARRIER_TAG.fullmatch(tag.name)
    return Digest(found[1], found[2]) if found else None


def fallback_subject(tag: Tag) -> Digest | None:
    """The digest whose referrers are listed at this tag, where there is no API; None for any other tag."""
    found = subject_of_tag(tag)
    return found if found is not None and tag == fallback_tag(found) else None


def _stem(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.hex[:64]}"  # distribution-spec 1.1: a longer digest is cut
