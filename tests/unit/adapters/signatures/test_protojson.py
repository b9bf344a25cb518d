"""What sigstore-python is given says what was read, and everything that it insists on."""

import base64
import json
from typing import Any

import pytest
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import ClientTrustConfig

from sealgate.adapters.signatures.bundle import open_bundle
from sealgate.adapters.signatures.protojson import bundle_of, trust_config_of
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, RekorV2Log
from sealgate.testing.sigstore.encoding import compact_json

MANIFEST = b"a manifest"


@pytest.mark.parametrize("timestamped", [True, False])
def test_a_bundle_is_written_as_it_was(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, timestamped: bool
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer, timestamped=timestamped)
    written = json.loads(bundle_of(open_bundle(compact_json(bundle), judge.subject), "dsse", "0.0.1"))
    if not timestamped:
        bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": []}
    assert json.dumps(written, sort_keys=True) == json.dumps(without_key_ids(bundle), sort_keys=True)


def without_key_ids(bundle: Any) -> Any:
    for signature in bundle["dsseEnvelope"]["signatures"]:
        signature.pop("keyid", None)
    return bundle


def test_what_protojson_leaves_out_is_written_out(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    bundle = private_sigstore.with_parts(log=RekorV2Log()).message_bundle(MANIFEST, signer, timestamped=True)
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    entry["logIndex"] = 0
    entry.pop("integratedTime", None)
    entry.pop("kindVersion", None)
    entry["inclusionProof"].pop("hashes", None)
    written = bundle_of(open_bundle(compact_json(bundle), judge.subject), "hashedrekord", "0.0.2")
    (entry,) = json.loads(written)["verificationMaterial"]["tlogEntries"]
    assert entry["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}
    assert (entry["logIndex"], entry["integratedTime"], entry["inclusionProof"]["hashes"]) == ("0", "0", [])
    assert "inclusionPromise" not in entry
    SigstoreBundle.from_json(written)


def test_a_root_is_written_with_all_that_it_must_have(private_sigstore: PrivateSigstore) -> None:
    """Whatever the file leaves out, or writes in the way of v0.2."""
    stated = private_sigstore.with_parts(logs=(private_sigstore.log, RekorV2Log())).trusted_root()
    bare = json.loads(json.dumps(stated))
    bare["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v0.2+json"
    for log in (*bare["tlogs"], *bare["ctlogs"]):
        del log["hashAlgorithm"], log["publicKey"]["keyDetails"], log["baseUrl"]
    for authority in (*bare["certificateAuthorities"], *bare["timestampAuthorities"]):
        del authority["subject"], authority["uri"]
    full, written = (
        json.loads(trust_config_of(TrustedRootFile.parse(compact_json(root), "mine")))["trustedRoot"]
        for root in (stated, bare)
    )
    for log, original in zip((*written["tlogs"], *written["ctlogs"]), (*full["tlogs"], *full["ctlogs"]), strict=True):
        assert log["baseUrl"] == ""
        log["baseUrl"] = original["baseUrl"]
    assert written == full
    for name in ("tlogs", "ctlogs"):
        for made, original in zip(full[name], stated[name], strict=True):
            assert made == original
    for name in ("certificateAuthorities", "timestampAuthorities"):
        assert [one["certChain"] for one in full[name]] == [one["certChain"] for one in stated[name]]
    ClientTrustConfig.from_json(trust_config_of(TrustedRootFile.parse(compact_json(bare), "mine")))


def test_ends_are_written_but_those_of_timestamp_authorities(private_sigstore: PrivateSigstore) -> None:
    root = private_sigstore.trusted_root()
    end = "2027-01-01T00:00:00Z"
    for log in (*root["tlogs"], *root["ctlogs"]):
        log["publicKey"]["validFor"]["end"] = end
    for authority in (*root["certificateAuthorities"], *root["timestampAuthorities"]):
        authority["validFor"]["end"] = end
    written = json.loads(trust_config_of(TrustedRootFile.parse(compact_json(root), "mine")))["trustedRoot"]
    ends = {
        name: [(entry.get("publicKey") or entry)["validFor"].get("end") for entry in written[name]]
        for name in ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities")
    }
    assert ends == {"tlogs": [end], "ctlogs": [end], "certificateAuthorities": [end], "timestampAuthorities": [None]}


def test_keys_are_called_what_they_are(private_sigstore: PrivateSigstore) -> None:
    root = TrustedRootFile.public_good()
    written = json.loads(trust_config_of(root))["trustedRoot"]
    assert [log["publicKey"]["keyDetails"] for log in written["tlogs"]] == ["PKIX_ECDSA_P256_SHA_256", "PKIX_ED25519"]
    assert [base64.b64decode(log["logId"]["keyId"]) for log in written["tlogs"]] == list(root.logs)
