"""Names of predicate types: cosign's short ones, and the URIs that stand in statements."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PREDICATE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "custom": "https://cosign.sigstore.dev/attestation/v1",
        "cyclonedx": "https://cyclonedx.org/bom",
        "link": "https://in-toto.io/Link/v1",
        "openvex": "https://openvex.dev/ns",
        "slsaprovenance": "https://slsa.dev/provenance/v0.2",
        "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
        "slsaprovenance1": "https://slsa.dev/provenance/v1",
        "spdxjson": "https://spdx.dev/Document",  # the first of one meaning is told: `spdx` attests a text, not JSON
        "spdx": "https://spdx.dev/Document",
        "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    }
)
"""What cosign's short names mean (cosign pkg/cosign/attestation, `--type`)."""
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", re.ASCII)  # RFC 3986 section 3, printable


def meant(text: str) -> str | None:
    """The URI that a short name means, or that it is; None for what is neither."""
    return PREDICATE_TYPES.get(text) or (text if _URI.fullmatch(text) else None)


def short(uri: str) -> str:
    """What people give `cosign attest --type`: the short name where there is one."""
    return next((name for name, meant in PREDICATE_TYPES.items() if meant == uri), uri)
