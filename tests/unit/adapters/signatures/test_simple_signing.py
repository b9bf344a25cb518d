"""cosign's older format with a managed key."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeySigner, LogProof, RejectedCandidate, VerifiedSignature
from sealgate.limits import LOG_ENTRY_BYTES, SIGNED_PAYLOAD_BYTES
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, SimpleSignature
from sealgate.testing.sigstore.keys import Algorithm
from sealgate.testing.sigstore.signing import LOG_ENTRY, SIGNATURE, TIMESTAMP, simple_signing_payload


def edited(signature: SimpleSignature, **changes: str) -> SimpleSignature:
    names = {"made": SIGNATURE, "log_entry": LOG_ENTRY, "timestamp": TIMESTAMP}
    return replace(signature, annotations={**signature.annotations, **{names[k]: v for k, v in changes.items()}})


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"])
@pytest.mark.parametrize("logged", [True, False])
def test_a_signature_names_its_key_and_what_the_log_proves(
    judge: Any, private_sigstore: PrivateSigstore, algorithm: Algorithm, logged: bool
) -> None:
    key = SigningKey.generate(algorithm)
    signature = private_sigstore.simple_signature(judge.subject, key, logged=logged)
    entry = json.loads(signature.annotations[LOG_ENTRY])["Payload"] if logged else None
    assert judge.simple(signature, SigningKey.generate(), key, SigningKey.generate()) == VerifiedSignature(
        source=judge.source,
        signer=KeySigner(key.fingerprint),
        log=LogProof.PROMISE if entry else LogProof.NONE,
        log_index=entry["logIndex"] if entry else None,
        signed_at=(private_sigstore.now,) if entry else (),
        expires=None,
    )


@pytest.mark.parametrize(("others", "told"), [(0, "name none"), (1, "the one key"), (3, "none of the 3 keys")])
def test_a_key_that_nobody_names_is_not_trusted(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, others: int, told: str
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    verdict = judge.simple(signature, *(SigningKey.generate() for _ in range(others)))
    assert_rejected(verdict, Reason.KEY_NOT_TRUSTED, told)


def test_what_is_signed_is_the_payload_as_it_is_stored(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key, logged=False)
    rewritten = replace(signature, payload=json.dumps(json.loads(signature.payload), indent=1).encode())
    assert_rejected(judge.simple(rewritten, key), Reason.KEY_NOT_TRUSTED)


def test_a_payload_about_another_digest_is_about_another_digest(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    other = Digest.of(b"another manifest")
    verdict = judge.simple(private_sigstore.simple_signature(other, key), key)
    assert_rejected(verdict, Reason.SUBJECT_MISMATCH, str(other))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"not json",
        b'{"critical": null}',
        simple_signing_payload(Digest.of(b"a manifest"), "r").replace(b"cosign container image", b"blob"),
    ],
)
def test_a_payload_of_another_form_is_malformed(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, payload: bytes
) -> None:
    signature = private_sigstore.simple_signature_of(payload, key)
    assert_rejected(judge.simple(signature, key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("text", ["", "not base64", "AAA", "QUJD\nQUJD"])
def test_a_signature_that_cannot_be_decoded_is_malformed(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, text: str
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    assert_rejected(judge.simple(edited(signature, made=text), key), Reason.PAYLOAD_MALFORMED)


def test_annotations_without_a_signature_are_malformed(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key, logged=False)
    assert_rejected(judge.simple(replace(signature, annotations={}), key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "x", '{"Payload": null}', '{"Payload": {"logID": "xy"}}'])
def test_a_log_entry_that_cannot_be_read_is_not_passed_over(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, text: str
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    assert_rejected(judge.simple(edited(signature, log_entry=text), key), Reason.PAYLOAD_MALFORMED)


def test_certificates_are_not_supported_yet(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    verdict = judge.simple(private_sigstore.simple_signature(judge.subject, signer))
    assert_rejected(verdict, Reason.PAYLOAD_TYPE_UNKNOWN, "not supported yet")


def test_a_timestamp_in_the_place_of_a_log_entry_is_not_supported_yet(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key, logged=False, timestamped=True)
    assert_rejected(judge.simple(signature, key), Reason.PAYLOAD_TYPE_UNKNOWN, "not supported yet")


def test_a_timestamp_beside_a_log_entry_is_not_looked_at(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    assert judge.simple(edited(signature, timestamp="junk"), key) == judge.simple(signature, key)


def test_what_is_too_large_is_refused_unread(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    payload = simple_signing_payload(judge.subject, "r", {"a": "x" * SIGNED_PAYLOAD_BYTES})
    signature = private_sigstore.simple_signature_of(payload, key)
    assert_rejected(judge.simple(signature, key), Reason.PAYLOAD_TYPE_UNKNOWN, "bytes")
    signature = private_sigstore.simple_signature(judge.subject, key)
    padded = signature.annotations[LOG_ENTRY] + " " * LOG_ENTRY_BYTES
    assert_rejected(judge.simple(edited(signature, log_entry=padded), key), Reason.PAYLOAD_MALFORMED, "bytes")


def test_annotations_may_be_any_mapping(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    more: Mapping[str, str] = {"org.example": "x", **signature.annotations}
    assert judge.simple(replace(signature, annotations=more), key) == judge.simple(signature, key)


def assert_rejected(verdict: object, reason: Reason, told: str = "") -> None:
    assert isinstance(verdict, RejectedCandidate)
    assert verdict.reason is reason
    assert told in verdict.detail
