"""Bundles with a managed key."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeySigner, LogProof, LogRecord, RejectedCandidate, VerifiedSignature
from sealgate.limits import BUNDLE_BYTES, CHAIN_CERTIFICATES, LOG_ENTRIES, SIGNED_PAYLOAD_BYTES, TIMESTAMPS
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import PrivateSigstore, SigningKey, TimeRange, as_version
from sealgate.testing.sigstore.dsse import COSIGN_SIGN, statement
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.keys import Algorithm
from sealgate.testing.sigstore.transparency_log import TransparencyLog

OTHER = Digest.of(b"another manifest")


def entry_of(bundle: JsonObject) -> JsonObject:
    return bundle["verificationMaterial"]["tlogEntries"][0]


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"])
@pytest.mark.parametrize("logged", [True, False])
def test_a_signature_names_its_key_and_what_the_log_proves(
    judge: Any, private_sigstore: PrivateSigstore, algorithm: Algorithm, logged: bool
) -> None:
    key = SigningKey.generate(algorithm)
    bundle = private_sigstore.bundle(judge.subject, key, logged=logged)
    assert judge.bundle(bundle, SigningKey.generate(), key) == VerifiedSignature(
        source=judge.source,
        signer=KeySigner(key.fingerprint),
        log=LogProof.INCLUSION if logged else LogProof.NONE,
        entries=(
            LogRecord(
                log_id=private_sigstore.log.log_id.hex(),
                proof=LogProof.INCLUSION,
                index=int(entry_of(bundle)["logIndex"]),
                at=private_sigstore.now,
            ),
        )
        if logged
        else (),
        signed_at=(private_sigstore.now,) if logged else (),
        expires=None,
    )


def test_a_promise_alone_is_recorded_as_one(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    del entry_of(bundle)["inclusionProof"]
    verdict = judge.bundle(bundle, key)
    assert (verdict.log, verdict.signed_at) == (LogProof.PROMISE, (private_sigstore.now,))


def test_a_proof_without_a_promise_says_nothing_of_time_or_place(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    del entry_of(bundle)["inclusionPromise"]
    verdict = judge.bundle(bundle, key)
    assert (verdict.log, verdict.log_index, verdict.signed_at) == (LogProof.INCLUSION, None, ())
    assert verdict.expires is None


def test_a_proof_that_nothing_dates_counts_as_long_as_the_root_trusts_the_logs_key(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    del entry_of(bundle)["inclusionPromise"]

    def retire(root: JsonObject) -> None:
        root["tlogs"][0]["publicKey"]["validFor"]["end"] = "2026-03-01T00:00:00Z"

    judge = judge.with_root(retire)
    verdict = judge.bundle(bundle, key)
    assert verdict.expires.isoformat() == "2026-03-01T00:00:00+00:00"
    assert_rejected(
        judge.at(verdict.expires.replace(second=1)).bundle(bundle, key), Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY
    )


def test_a_proof_that_nothing_dates_counts_as_long_as_every_log_is_trusted(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    days = [private_sigstore.now + timedelta(days=days) for days in (200, 100)]
    ending = [
        TransparencyLog(f"{end:%j}.test", valid_for=TimeRange(start=private_sigstore.start, end=end)) for end in days
    ]
    world = private_sigstore.with_parts(logs=(TransparencyLog("endless.test"), *ending))
    bundle = world.bundle(judge.subject, key)
    for entry in bundle["verificationMaterial"]["tlogEntries"]:
        del entry["inclusionPromise"]
    assert replace(judge, sigstore=world).bundle(bundle, key).expires == days[1]


def test_the_first_entry_of_a_log_is_one_as_any(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    log = TransparencyLog(key=private_sigstore.log.key)
    log.bodies.clear()
    bundle = private_sigstore.with_parts(log=log).bundle(judge.subject, key)
    proof = entry_of(bundle)["inclusionProof"]
    assert (proof.pop("logIndex"), proof.pop("hashes")) == ("0", [])  # protojson leaves both out
    assert judge.bundle(bundle, key).log is LogProof.INCLUSION


def test_numbers_may_be_numbers(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    before = judge.bundle(bundle, key)
    entry = entry_of(bundle)
    for document, name in (
        (entry, "logIndex"),
        (entry, "integratedTime"),
        (entry["inclusionProof"], "logIndex"),
        (entry["inclusionProof"], "treeSize"),
    ):
        document[name] = int(document[name])
    assert judge.bundle(bundle, key) == before


@pytest.mark.parametrize("absent", [None, []])
def test_an_empty_list_of_log_entries_is_none(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, absent: object
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    bundle["verificationMaterial"]["tlogEntries"] = absent
    assert judge.bundle(bundle, key).log is LogProof.NONE


def test_without_a_log_entry_no_log_is_asked_for(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    foreign = PrivateSigstore(now=private_sigstore.now)
    assert judge.bundle(foreign.bundle(judge.subject, key, logged=False), key).log is LogProof.NONE
    assert_rejected(judge.bundle(foreign.bundle(judge.subject, key), key), Reason.LOG_CHECKPOINT_INVALID)


def test_the_hint_is_a_hint(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    other = SigningKey.generate()
    bundle = private_sigstore.bundle(judge.subject, key)
    bundle["verificationMaterial"]["publicKey"]["hint"] = other.hint
    assert judge.bundle(bundle, key).signer == KeySigner(key.fingerprint)
    assert_rejected(judge.bundle(bundle, other), Reason.KEY_NOT_TRUSTED, "the one key")
    bundle["verificationMaterial"]["publicKey"] = {}
    assert judge.bundle(bundle, key).signer == KeySigner(key.fingerprint)


def test_one_of_several_subjects_will_do(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    content = statement(OTHER)
    content["subject"] += [{"name": "app", "digest": {"sha256": judge.subject.hex, "sha512": "0" * 128}}]
    assert judge.bundle(private_sigstore.bundle_of(compact_json(content), key), key).log is LogProof.INCLUSION


def test_a_statement_about_something_else_is_about_something_else(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    verdict = judge.bundle(private_sigstore.bundle(OTHER, key), key)
    assert_rejected(verdict, Reason.SUBJECT_MISMATCH, str(OTHER))


def test_an_attestation_is_no_signature(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, key, predicate_type="https://slsa.dev/provenance/v1")
    assert_rejected(judge.bundle(bundle, key), Reason.PREDICATE_TYPE_MISMATCH, "https://slsa.dev/provenance/v1")


def test_foreign_text_in_a_finding_is_printable_and_short(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key, predicate_type="evil\r\n\x1b[31m" + "x" * 9999)
    verdict = judge.bundle(bundle, key)
    assert verdict.detail.isprintable()
    assert len(verdict.detail) <= 400


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.4", Reason.PAYLOAD_TYPE_UNKNOWN),
        ("mediaType", "", Reason.PAYLOAD_TYPE_UNKNOWN),
        ("mediaType", 3, Reason.PAYLOAD_MALFORMED),
        ("messageSignature", {}, Reason.PAYLOAD_MALFORMED),
        ("dsseEnvelope", {}, Reason.PAYLOAD_MALFORMED),
        ("dsseEnvelope", None, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", None, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"publicKey": {}, "certificate": {"rawBytes": "AAAA"}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"certificate": {}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"x509CertificateChain": {}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"x509CertificateChain": {"certificates": [{}]}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"publicKey": {}, "tlogEntries": {}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"publicKey": {}, "tlogEntries": {"a": 1}}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"publicKey": {}, "tlogEntries": [None]}, Reason.PAYLOAD_MALFORMED),
        ("verificationMaterial", {"publicKey": {}, "timestampVerificationData": []}, Reason.PAYLOAD_MALFORMED),
    ],
)
def test_a_bundle_of_another_form_is_refused(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, name: str, value: object, reason: Reason
) -> None:
    bundle = {**private_sigstore.bundle(judge.subject, key), name: value}
    assert_rejected(judge.bundle(bundle, key), reason)


def test_more_of_anything_than_signatures_have_is_refused_unread(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    """Attacks A17."""
    for material in (
        {"publicKey": {}, "tlogEntries": [{}] * (LOG_ENTRIES + 1)},
        {"publicKey": {}, "timestampVerificationData": {"rfc3161Timestamps": [{}] * (TIMESTAMPS + 1)}},
        {"x509CertificateChain": {"certificates": [{}] * (CHAIN_CERTIFICATES + 1)}},
    ):
        bundle = {**private_sigstore.bundle(judge.subject, key), "verificationMaterial": material}
        assert_rejected(judge.bundle(bundle, key), Reason.PAYLOAD_TYPE_UNKNOWN, "more than")


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3+json", "0.3"])
def test_every_version_is_read_alike(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, version: Any
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    assert judge.bundle(as_version(bundle, version), key) == judge.bundle(bundle, key)


def test_a_null_is_as_nothing(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, key, logged=False)
    before = judge.bundle(bundle, key)
    bundle["messageSignature"] = None
    bundle["verificationMaterial"] |= {
        "certificate": None,
        "x509CertificateChain": None,
        "tlogEntries": None,
        "timestampVerificationData": None,
    }
    assert judge.bundle(bundle, key) == before
    for nothing in ({}, {"rfc3161Timestamps": []}, {"rfc3161Timestamps": None}):
        bundle["verificationMaterial"]["timestampVerificationData"] = nothing
        assert judge.bundle(bundle, key) == before


def test_what_is_too_large_is_refused_unread(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    large = compact_json({**statement(judge.subject), "predicate": {"x": "y" * SIGNED_PAYLOAD_BYTES}})
    assert_rejected(judge.bundle(private_sigstore.bundle_of(large, key), key), Reason.PAYLOAD_TYPE_UNKNOWN, "bytes")
    padded = json.dumps(private_sigstore.bundle(judge.subject, key)).encode() + b" " * BUNDLE_BYTES
    assert_rejected(judge.bundle(padded, key), Reason.PAYLOAD_TYPE_UNKNOWN, "bytes")


def test_a_log_entry_of_another_kind_is_not_that_of_this_signature(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    body = json.loads(base64.b64decode(entry_of(bundle)["canonicalizedBody"]))
    for other in ({"kind": "rekord"}, {"kind": "hashedrekord"}, {"apiVersion": "0.0.2"}):
        entry = private_sigstore.log.append({**body, **other}, private_sigstore.now)
        bundle["verificationMaterial"]["tlogEntries"] = [entry]
        assert_rejected(judge.bundle(bundle, key), Reason.LOG_ENTRY_MISMATCH, "kind")


def test_a_log_entry_names_content_by_a_hash_that_nobody_can_forge(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    body = json.loads(base64.b64decode(entry_of(bundle)["canonicalizedBody"]))
    for name, accepted in (("sha256", True), ("sha384", True), ("sha512", True), ("sha1", False), ("md5", False)):
        body["spec"]["payloadHash"] = {"algorithm": name, "value": hashlib.new(name, payload).hexdigest()}
        bundle["verificationMaterial"]["tlogEntries"] = [private_sigstore.log.append(body, private_sigstore.now)]
        verdict = judge.bundle(bundle, key)
        assert isinstance(verdict, VerifiedSignature) is accepted


def test_a_predicate_is_a_cosign_signatures_own(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    content = statement(judge.subject, COSIGN_SIGN)
    del content["predicate"]  # cosign 3.0.2 leaves it out
    assert judge.bundle(private_sigstore.bundle_of(compact_json(content), key), key).log is LogProof.INCLUSION


def assert_rejected(verdict: object, reason: Reason, told: str = "") -> None:
    assert isinstance(verdict, RejectedCandidate)
    assert verdict.reason is reason, verdict.detail
    assert told in verdict.detail
