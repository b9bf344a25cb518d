"""Signatures that somebody tampered with, or made for something else; asserted: they count for nothing, and why.

The log, the authority and the CT log are genuine throughout: what they sign is signed with their keys.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Bundle,
    Candidate,
    LogProof,
    RejectedCandidate,
    SimpleSigning,
    Source,
    VerifiedSignature,
)
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, SimpleSignature, log_entries
from sealgate.testing.sigstore.dsse import COSIGN_SIGN, statement
from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.signing import LOG_ENTRY, Signer, promise_of, simple_signing_payload
from sealgate.testing.sigstore.transparency_log import TransparencyLog

SUBJECT = Digest.of(b"a manifest")
OTHER = Digest.of(b"another manifest")
SOURCE = Source(Digest.of(b"a carrier"), 0)
IDENTITY, ISSUER = "dev@example.com", "https://accounts.example.com"


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def signer(private_sigstore: PrivateSigstore) -> CertifiedKey:
    return private_sigstore.keyless(identity=IDENTITY, issuer=ISSUER)


def judge(
    world: PrivateSigstore, candidate: Candidate, *keys: SigningKey, now: datetime | None = None
) -> VerifiedSignature | RejectedCandidate:
    verifier = SigstoreVerifier({"default": TrustedRootFile.parse(world.trusted_root_json(), "private")})
    return verifier.verify(candidate, [read_public_key(key.public_pem) for key in keys], now or world.now)


def simple(signature: SimpleSignature, entry: JsonObject | None = None) -> SimpleSigning:
    annotations = dict(signature.annotations)
    if entry is not None:
        annotations[LOG_ENTRY] = json.dumps(entry)
    return SimpleSigning(source=SOURCE, subject=SUBJECT, payload=signature.payload, annotations=annotations)


def bundled(document: JsonObject | bytes) -> Bundle:
    raw = document if isinstance(document, bytes) else compact_json(document)
    return Bundle(source=SOURCE, subject=SUBJECT, raw=raw)


def with_entry(document: JsonObject, entry: JsonObject) -> JsonObject:
    return {**document, "verificationMaterial": {**document["verificationMaterial"], "tlogEntries": [entry]}}


def entry_of(document: JsonObject) -> JsonObject:
    entry: JsonObject = document["verificationMaterial"]["tlogEntries"][0]
    return entry


def assert_rejected(verdict: VerifiedSignature | RejectedCandidate, reason: Reason) -> None:
    assert isinstance(verdict, RejectedCandidate)
    assert verdict.reason is reason, verdict.detail


def assert_verified(verdict: VerifiedSignature | RejectedCandidate, log: LogProof) -> None:
    assert isinstance(verdict, VerifiedSignature), verdict.detail
    assert verdict.log is log


# --- A1: a genuine log entry, of something else -----------------------------------------------------------------------


def test_a1_the_log_entry_of_another_artifact_is_not_this_ones_in_annotations(
    private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    mine, theirs = (private_sigstore.simple_signature(subject, key) for subject in (SUBJECT, OTHER))
    stapled = json.loads(theirs.annotations[LOG_ENTRY])
    assert_verified(judge(private_sigstore, simple(mine), key), LogProof.PROMISE)
    assert_rejected(judge(private_sigstore, simple(mine, stapled), key), Reason.LOG_ENTRY_MISMATCH)


@pytest.mark.parametrize("who", ["key", "signer"])
def test_a1_the_log_entry_of_another_artifact_is_not_this_ones_in_a_bundle(
    private_sigstore: PrivateSigstore, who: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    mine, theirs = (private_sigstore.bundle(subject, by) for subject in (SUBJECT, OTHER))
    assert_verified(judge(private_sigstore, bundled(mine), by.key), LogProof.INCLUSION)
    verdict = judge(private_sigstore, bundled(with_entry(mine, entry_of(theirs))), by.key)
    assert_rejected(verdict, Reason.LOG_ENTRY_MISMATCH)


def test_a1_an_entry_names_content_signature_and_key_each_by_itself_in_annotations(
    private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(SUBJECT, key, logged=False)
    made, other = base64.b64decode(signature.annotations["dev.cosignproject.cosign/signature"]), SigningKey.generate()
    again = key.sign(signature.payload)  # a second signature by the same key over the same payload
    for message, signed, verifier, fits in (
        (signature.payload, made, key.public_pem, True),
        (b"other", made, key.public_pem, False),
        (signature.payload, again, key.public_pem, False),
        (signature.payload, made, other.public_pem, False),
    ):
        entry = private_sigstore.log.append(log_entries.hashedrekord(message, signed, verifier), private_sigstore.now)
        verdict = judge(private_sigstore, simple(signature, promise_of(entry)), key)
        if fits:
            assert_verified(verdict, LogProof.PROMISE)
        else:
            assert_rejected(verdict, Reason.LOG_ENTRY_MISMATCH)


@pytest.mark.parametrize("who", ["key", "signer"])
def test_a1_an_entry_names_content_signature_and_key_each_by_itself_in_a_bundle(
    private_sigstore: PrivateSigstore, who: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by, logged=False)
    envelope = document["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    again = private_sigstore.bundle(SUBJECT, by, logged=False)["dsseEnvelope"]
    two = {**envelope, "signatures": envelope["signatures"] * 2}
    # The same key under another name: a certificate is compared whole, not by its key.
    renamed = private_sigstore.issue(identity="boss@example.com", issuer=ISSUER, public_key=by.key)
    for logged, content, verifier, fits in (
        (envelope, payload, by.verifier, True),
        (envelope, b"other", by.verifier, False),
        (again, payload, by.verifier, False),
        (two, payload, by.verifier, False),
        (envelope, payload, SigningKey.generate().public_pem, False),
        (envelope, payload, CertifiedKey(by.key, renamed).verifier, False),
    ):
        entry = private_sigstore.log.append(log_entries.dsse(logged, content, verifier), private_sigstore.now)
        verdict = judge(private_sigstore, bundled(with_entry(document, entry)), by.key)
        if fits:
            assert_verified(verdict, LogProof.INCLUSION)
        else:
            assert_rejected(verdict, Reason.LOG_ENTRY_MISMATCH)


# --- A2, A3, A5: promises ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [("Payload", "logIndex", 7), ("Payload", "integratedTime", 1700000000), ("SignedEntryTimestamp", None, "")],
)
def test_a2_a_promise_over_something_else_is_none_in_annotations(
    private_sigstore: PrivateSigstore, key: SigningKey, field: tuple[str, str | None, object]
) -> None:
    """Whether the policy wants a log or not: the verifier does not know, and an entry that is there must hold."""
    signature = private_sigstore.simple_signature(SUBJECT, key)
    entry = json.loads(signature.annotations[LOG_ENTRY])
    outer, inner, value = field
    if inner is None:
        entry[outer] = value
    else:
        entry[outer][inner] = value
    assert_rejected(judge(private_sigstore, simple(signature, entry), key), Reason.LOG_PROMISE_INVALID)


@pytest.mark.parametrize("who", ["key", "signer"])
def test_a2_a_promise_by_another_key_is_none(
    private_sigstore: PrivateSigstore, who: str, request: pytest.FixtureRequest
) -> None:
    """Also where a good proof is beside it: what is there must hold."""
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by)
    entry = entry_of(document)
    body = base64.b64decode(entry["canonicalizedBody"])
    forged = TransparencyLog().promise(body, int(entry["logIndex"]), int(entry["integratedTime"]))
    entry["inclusionPromise"]["signedEntryTimestamp"] = b64(forged)
    assert_rejected(judge(private_sigstore, bundled(document), by.key), Reason.LOG_PROMISE_INVALID)


def test_a2_a_promise_by_another_key_is_none_in_annotations(private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    signature = private_sigstore.simple_signature(SUBJECT, key)
    entry = json.loads(signature.annotations[LOG_ENTRY])
    payload = entry["Payload"]
    body = base64.b64decode(payload["body"])
    entry["SignedEntryTimestamp"] = b64(TransparencyLog().promise(body, payload["logIndex"], payload["integratedTime"]))
    assert_rejected(judge(private_sigstore, simple(signature, entry), key), Reason.LOG_PROMISE_INVALID)


def test_a2_a_log_that_the_root_does_not_name_proves_nothing(
    private_sigstore: PrivateSigstore, key: SigningKey, signer: CertifiedKey
) -> None:
    elsewhere = private_sigstore.with_parts(log=TransparencyLog())
    for by in (key, signer):
        verdict = judge(private_sigstore, bundled(elsewhere.bundle(SUBJECT, by)), key)
        assert_rejected(verdict, Reason.LOG_CHECKPOINT_INVALID)
    verdict = judge(private_sigstore, simple(elsewhere.simple_signature(SUBJECT, key)), key)
    assert_rejected(verdict, Reason.LOG_PROMISE_INVALID)


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize("seconds", [-3600, -1, 1, 3600])
def test_a3_a_time_that_the_log_did_not_sign_is_none(
    private_sigstore: PrivateSigstore, who: str, seconds: int, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by)
    entry = entry_of(document)
    entry["integratedTime"] = str(int(entry["integratedTime"]) + seconds)
    verdict = judge(private_sigstore, bundled(document), by.key, now=private_sigstore.now + timedelta(days=1))
    assert_rejected(verdict, Reason.LOG_PROMISE_INVALID)


def test_a3_an_expired_certificate_is_not_brought_back_by_a_time_that_nobody_signed(
    private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    late = private_sigstore.now + timedelta(days=30)
    document = private_sigstore.bundle(SUBJECT, signer, at=late)
    entry_of(document)["integratedTime"] = str(int(private_sigstore.now.timestamp()))
    assert_rejected(judge(private_sigstore, bundled(document), now=late), Reason.LOG_PROMISE_INVALID)
    del entry_of(document)["inclusionPromise"]
    assert_rejected(judge(private_sigstore, bundled(document), now=late), Reason.TIMESTAMP_MISSING)


@pytest.mark.parametrize("early", [timedelta(seconds=1), timedelta(seconds=5), timedelta(hours=1)])
def test_a5_an_entry_of_the_future_is_none(
    private_sigstore: PrivateSigstore, key: SigningKey, signer: CertifiedKey, early: timedelta
) -> None:
    candidates = [
        bundled(private_sigstore.bundle(SUBJECT, key)),
        bundled(private_sigstore.bundle(SUBJECT, signer)),
        simple(private_sigstore.simple_signature(SUBJECT, key)),
    ]
    for candidate in candidates:
        before = judge(private_sigstore, candidate, key, now=private_sigstore.now - early)
        assert_rejected(before, Reason.SIGNED_IN_THE_FUTURE)
        assert isinstance(judge(private_sigstore, candidate, key, now=private_sigstore.now), VerifiedSignature)


# --- A11 to A13, A19: what is signed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (compact_json(statement(SUBJECT, "https://slsa.dev/provenance/v1")), Reason.PREDICATE_TYPE_MISMATCH),
        (compact_json(statement(SUBJECT, "https://spdx.dev/Document")), Reason.PREDICATE_TYPE_MISMATCH),
        (compact_json(statement(SUBJECT, COSIGN_SIGN + "/")), Reason.PREDICATE_TYPE_MISMATCH),
        (compact_json(statement(SUBJECT, COSIGN_SIGN.upper())), Reason.PREDICATE_TYPE_MISMATCH),
        (compact_json(statement(SUBJECT, "")), Reason.PREDICATE_TYPE_MISMATCH),
        (compact_json(statement(SUBJECT))[:-1], Reason.PAYLOAD_MALFORMED),
        (b"{}", Reason.PAYLOAD_MALFORMED),
        (b"null", Reason.PAYLOAD_MALFORMED),
        (b"signed garbage", Reason.PAYLOAD_MALFORMED),
        (b"\x00\xff", Reason.PAYLOAD_MALFORMED),
    ],
)
def test_a11_a_good_signature_over_something_else_is_no_signature(
    private_sigstore: PrivateSigstore, who: str, payload: bytes, reason: Reason, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    assert_rejected(judge(private_sigstore, bundled(private_sigstore.bundle_of(payload, by)), by.key), reason)


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ([], Reason.PAYLOAD_MALFORMED),
        (None, Reason.PAYLOAD_MALFORMED),
        ({}, Reason.PAYLOAD_MALFORMED),
        ([{}], Reason.PAYLOAD_MALFORMED),
        ([{"name": str(SUBJECT)}], Reason.PAYLOAD_MALFORMED),
        ([{"digest": {"sha1": "0" * 40}}], Reason.PAYLOAD_MALFORMED),
        ([{"digest": {"sha512": "0" * 128}}], Reason.SUBJECT_MISMATCH),
        ([{"digest": {"sha512": SUBJECT.hex}}], Reason.PAYLOAD_MALFORMED),
        ([{"digest": {"sha256": SUBJECT.hex.upper()}}], Reason.PAYLOAD_MALFORMED),
        ([{"digest": {"sha256": OTHER.hex}}], Reason.SUBJECT_MISMATCH),
        ([{"name": SUBJECT.hex, "digest": {"sha256": OTHER.hex}}], Reason.SUBJECT_MISMATCH),
    ],
)
def test_a12_a_statement_about_nothing_or_something_else_is_none_about_this(
    private_sigstore: PrivateSigstore, who: str, subject: object, reason: Reason, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle_of(compact_json({**statement(SUBJECT), "subject": subject}), by)
    assert_rejected(judge(private_sigstore, bundled(document), by.key), reason)


@pytest.mark.parametrize("who", ["key", "signer"])
def test_a12_a_payload_of_another_type_is_not_read(
    private_sigstore: PrivateSigstore, who: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    for kind in ("text/plain", "", "application/vnd.in-toto+json ", "application/json"):
        document = private_sigstore.bundle_of(compact_json(statement(SUBJECT)), by, payload_type=kind)
        assert_rejected(judge(private_sigstore, bundled(document), by.key), Reason.PAYLOAD_TYPE_UNKNOWN)


@pytest.mark.parametrize("who", ["key", "signer"])
def test_a12_one_of_several_subjects_will_do(
    private_sigstore: PrivateSigstore, who: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    content = {**statement(SUBJECT), "subject": [*statement(OTHER)["subject"], *statement(SUBJECT)["subject"]]}
    verdict = judge(private_sigstore, bundled(private_sigstore.bundle_of(compact_json(content), by)), by.key)
    assert_verified(verdict, LogProof.INCLUSION)


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize("order", ["good evil", "evil good", "good good", ""])
def test_a13_an_envelope_has_exactly_one_signature(
    private_sigstore: PrivateSigstore, who: str, order: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by)
    (good,) = document["dsseEnvelope"]["signatures"]
    (evil,) = private_sigstore.bundle(SUBJECT, SigningKey.generate())["dsseEnvelope"]["signatures"]
    document["dsseEnvelope"]["signatures"] = [{"good": good, "evil": evil}[name] for name in order.split()]
    assert_rejected(judge(private_sigstore, bundled(document), by.key), Reason.PAYLOAD_MALFORMED)


def test_a19_a_payload_about_another_digest_is_not_about_this(
    private_sigstore: PrivateSigstore, key: SigningKey, signer: CertifiedKey
) -> None:
    candidates = [
        simple(private_sigstore.simple_signature(OTHER, key)),
        bundled(private_sigstore.bundle(OTHER, key)),
        bundled(private_sigstore.bundle(OTHER, signer)),
    ]
    for candidate in candidates:
        assert_rejected(judge(private_sigstore, candidate, key), Reason.SUBJECT_MISMATCH)


# --- A14, A15: weaker forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3", "0.4"])
@pytest.mark.parametrize("who", ["key", "signer"])
def test_a14_an_unsigned_media_type_chooses_no_weaker_check(
    private_sigstore: PrivateSigstore, who: str, version: str, request: pytest.FixtureRequest
) -> None:
    """What only a promise proves is never recorded as included, whatever the bundle calls itself."""
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by)
    document["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
    for proof in (LogProof.INCLUSION, LogProof.PROMISE):
        verdict = judge(private_sigstore, bundled(document), by.key)
        if version == "0.4":
            assert_rejected(verdict, Reason.PAYLOAD_TYPE_UNKNOWN)
        else:
            assert_verified(verdict, proof)
        entry_of(document).pop("inclusionProof", None)


def without_checkpoint(world: PrivateSigstore, proof: JsonObject) -> None:
    del proof["checkpoint"]


def checkpoint_of_another_root(world: PrivateSigstore, proof: JsonObject) -> None:
    proof["checkpoint"]["envelope"] = world.log.checkpoint(bytes(32), int(proof["treeSize"]))


def checkpoint_of_another_size(world: PrivateSigstore, proof: JsonObject) -> None:
    root = base64.b64decode(proof["rootHash"])
    proof["checkpoint"]["envelope"] = world.log.checkpoint(root, int(proof["treeSize"]) + 1)


def checkpoint_by_somebody_else(world: PrivateSigstore, proof: JsonObject) -> None:
    root, size = base64.b64decode(proof["rootHash"]), int(proof["treeSize"])
    proof["checkpoint"]["envelope"] = TransparencyLog(world.log.host).checkpoint(root, size)


def checkpoint_by_somebody_else_under_the_logs_hint(world: PrivateSigstore, proof: JsonObject) -> None:
    note, _, _ = proof["checkpoint"]["envelope"].partition("\n\n")
    signature = b64(world.log.key.key_id[:4] + SigningKey.generate().sign(f"{note}\n".encode()))
    proof["checkpoint"]["envelope"] = f"{note}\n\n\N{EM DASH} {world.log.host} {signature}\n"


def checkpoint_with_another_hint(world: PrivateSigstore, proof: JsonObject) -> None:
    note, _, line = proof["checkpoint"]["envelope"].partition("\n\n")
    signature = b64(b"else" + base64.b64decode(line.split()[2])[4:])
    proof["checkpoint"]["envelope"] = f"{note}\n\n\N{EM DASH} {world.log.host} {signature}\n"


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize(
    "edit",
    [
        without_checkpoint,
        checkpoint_of_another_root,
        checkpoint_of_another_size,
        checkpoint_by_somebody_else,
        checkpoint_by_somebody_else_under_the_logs_hint,
        checkpoint_with_another_hint,
    ],
)
def test_a15_a_proof_leads_to_a_tree_that_the_log_signed(
    private_sigstore: PrivateSigstore,
    who: str,
    promised: bool,
    edit: Callable[[PrivateSigstore, JsonObject], None],
    request: pytest.FixtureRequest,
) -> None:
    by: Signer = request.getfixturevalue(who)
    document = private_sigstore.bundle(SUBJECT, by)
    edit(private_sigstore, entry_of(document)["inclusionProof"])
    if not promised:
        del entry_of(document)["inclusionPromise"]
    assert_rejected(judge(private_sigstore, bundled(document), by.key), Reason.LOG_CHECKPOINT_INVALID)


def test_a15_a_proof_for_a_leaf_that_is_not_there_is_none(private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    """The attacker's own tree, whose root nobody signed, beside the log's genuine checkpoint."""
    document, theirs = private_sigstore.bundle(SUBJECT, key), PrivateSigstore(now=private_sigstore.now)
    proof, genuine = (
        theirs.log.append({"kind": "dsse", "apiVersion": "0.0.1"}, private_sigstore.now),
        entry_of(document),
    )
    checkpoint = genuine["inclusionProof"]["checkpoint"]
    genuine["inclusionProof"] = {**proof["inclusionProof"], "checkpoint": checkpoint}
    assert_rejected(judge(private_sigstore, bundled(document), key), Reason.LOG_PROOF_INVALID)


# --- A32, A33: algorithms and JSON ------------------------------------------------------------------------------------


def test_a32_a_signature_over_the_hash_of_the_payload_is_none(private_sigstore: PrivateSigstore) -> None:
    for algorithm in ("ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"):
        key = SigningKey.generate(algorithm)
        signature = private_sigstore.simple_signature(SUBJECT, key, logged=False)
        over_hash = b64(key.sign(hashlib.sha256(signature.payload).digest()))
        changed = replace(signature, annotations={"dev.cosignproject.cosign/signature": over_hash})
        assert_rejected(judge(private_sigstore, simple(changed), key), Reason.KEY_NOT_TRUSTED)


PAYLOAD = simple_signing_payload(SUBJECT, "registry.test/app").decode()
EVIL_DIGEST = f'"docker-manifest-digest":"{OTHER}"'
GOOD_DIGEST = f'"docker-manifest-digest":"{SUBJECT}"'


@pytest.mark.parametrize(
    "payload",
    [
        PAYLOAD.replace(GOOD_DIGEST, f"{GOOD_DIGEST},{EVIL_DIGEST}"),
        PAYLOAD.replace(GOOD_DIGEST, f"{EVIL_DIGEST},{GOOD_DIGEST}"),
        PAYLOAD.replace(GOOD_DIGEST, f"{GOOD_DIGEST},{EVIL_DIGEST}".replace('t":"' + str(OTHER), 'T":"' + str(OTHER))),
        PAYLOAD.replace(GOOD_DIGEST, f"{EVIL_DIGEST.title()},{GOOD_DIGEST}"),
        PAYLOAD.replace('"docker-manifest', '"Docker-manifest'),
        PAYLOAD.replace('"optional":null', '"optional":NaN'),
        PAYLOAD.replace('"optional":null', '"optional":99999999999999999999'),
        PAYLOAD.replace('"optional":null', '"optional":' + "[" * 40 + "]" * 40),
        PAYLOAD.replace('"optional":null', '"Critical":null'),
        "\ufeff" + PAYLOAD,
        PAYLOAD + PAYLOAD,
    ],
)
def test_a33_a_payload_with_two_readings_has_none(
    private_sigstore: PrivateSigstore, key: SigningKey, payload: str
) -> None:
    signature = private_sigstore.simple_signature_of(payload.encode(), key)
    assert_rejected(judge(private_sigstore, simple(signature), key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("who", ["key", "signer"])
@pytest.mark.parametrize("name", ["subject", "predicateType", "_type"])
def test_a33_a_statement_with_two_readings_has_none(
    private_sigstore: PrivateSigstore, who: str, name: str, request: pytest.FixtureRequest
) -> None:
    by: Signer = request.getfixturevalue(who)
    content = compact_json(statement(SUBJECT)).decode()
    for twin in (name, name.upper(), name.title()):
        payload = content[:-1] + f',"{twin}":{json.dumps(statement(OTHER, "x")[name])}}}'
        document = private_sigstore.bundle_of(payload.encode(), by)
        assert_rejected(judge(private_sigstore, bundled(document), by.key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("name", ["mediaType", "dsseEnvelope", "verificationMaterial"])
def test_a33_a_bundle_with_two_readings_has_none(private_sigstore: PrivateSigstore, key: SigningKey, name: str) -> None:
    document = private_sigstore.bundle(SUBJECT, key)
    raw = compact_json(document).decode()
    for twin in (name, name.upper()):
        doubled = raw[:-1] + f',"{twin}":{json.dumps(document[name])}}}'
        assert_rejected(judge(private_sigstore, bundled(doubled.encode()), key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("part", ["kind", "spec", "payloadHash", "signatures", "verifier"])
def test_a33_a_log_entry_with_two_readings_has_none(
    private_sigstore: PrivateSigstore, key: SigningKey, part: str
) -> None:
    """As the log stores it: it signs whatever bytes it stores."""
    document = private_sigstore.bundle(SUBJECT, key)
    entry, log, seconds = entry_of(document), private_sigstore.log, int(private_sigstore.now.timestamp())
    body = base64.b64decode(entry["canonicalizedBody"]).decode()
    for twin in (part, part.upper(), part.title()):
        raw = body.replace(f'"{part}":', f'"{twin}":null,"{part}":', 1).encode()
        log.bodies.append(raw)
        index = len(log.bodies) - 1
        forged = {
            **entry,
            "canonicalizedBody": b64(raw),
            "logIndex": str(index),
            "inclusionPromise": {"signedEntryTimestamp": b64(log.promise(raw, index, seconds))},
            "inclusionProof": log.inclusion_proof(index),
        }
        verdict = judge(private_sigstore, bundled(with_entry(document, forged)), key)
        assert_rejected(verdict, Reason.PAYLOAD_MALFORMED)
