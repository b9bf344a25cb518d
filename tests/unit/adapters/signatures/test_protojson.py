"""What protojson leaves out, written out for sigstore-python."""

from typing import Any

import pytest

from sealgate.adapters.signatures.protojson import with_defaults


def test_what_is_left_out_at_its_default_is_written_out() -> None:
    bundle: Any = {"verificationMaterial": {"tlogEntries": [{"inclusionProof": {"treeSize": 1}, "integratedTime": 7}]}}
    assert with_defaults(bundle) == {
        "verificationMaterial": {
            "tlogEntries": [
                {
                    "logIndex": "0",
                    "integratedTime": "7",
                    "inclusionProof": {"logIndex": "0", "treeSize": "1", "hashes": []},
                }
            ]
        }
    }
    assert bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] == 7, "the original is as it was"


def test_what_is_there_stays() -> None:
    proof = {"logIndex": "3", "treeSize": "4", "hashes": ["AA=="], "rootHash": "AA=="}
    entry = {"logIndex": "9", "integratedTime": "7", "inclusionProof": proof, "canonicalizedBody": "AA=="}
    bundle: Any = {"mediaType": "x", "verificationMaterial": {"tlogEntries": [entry], "certificate": {}}}
    assert with_defaults(bundle) == bundle


@pytest.mark.parametrize(
    "material",
    [None, 7, [], {"tlogEntries": 7}, {"tlogEntries": [7]}, {"tlogEntries": [{"inclusionProof": 7, "logIndex": True}]}],
)
def test_junk_stays_junk(material: Any) -> None:
    assert with_defaults({"a": 1, "verificationMaterial": material})["a"] == 1
