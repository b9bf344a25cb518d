"""Bundles as sigstore-python wants them: with the fields that protojson leaves out at their default.

Its models insist on `logIndex`, `hashes` and the like; a log's first entry, or a tree of one, has them at 0 or empty,
and protojson does not write those (protobuf "ProtoJSON Format", fields with default values). Numbers become text.
"""

from collections.abc import Mapping
from typing import Final

from sealgate.oci.strict_json import Json

_ENTRY: Final[Mapping[str, Json]] = {"logIndex": "0", "integratedTime": "0"}
_PROOF: Final[Mapping[str, Json]] = {"logIndex": "0", "treeSize": "0", "hashes": []}


def with_defaults(bundle: Mapping[str, Json]) -> dict[str, Json]:
    """A copy of a bundle with those fields written out; what it says stays the same."""
    material = bundle.get("verificationMaterial")
    if not isinstance(material, dict):
        return dict(bundle)
    entries = material.get("tlogEntries") or []
    filled = [_entry(entry) for entry in entries] if isinstance(entries, list) else entries
    return {**bundle, "verificationMaterial": {**material, "tlogEntries": filled}}


def _entry(entry: Json) -> Json:
    if not isinstance(entry, dict):
        return entry
    made = {**_ENTRY, **_as_text(entry, _ENTRY)}
    proof = made.get("inclusionProof")
    if isinstance(proof, dict):
        made["inclusionProof"] = {**_PROOF, **_as_text(proof, _PROOF)}
    return made


def _as_text(values: Mapping[str, Json], numbers: Mapping[str, Json]) -> dict[str, Json]:
    return {
        key: str(value) if key in numbers and isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in values.items()
    }
