"""cosign's older format."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    KeylessSigner,
    KeySigner,
    LogProof,
    LogRecord,
    RejectedCandidate,
    VerifiedSignature,
)
from sealgate.limits import (
    CERTIFICATE_BYTES,
    CHAIN_CERTIFICATES,
    LOG_ENTRY_BYTES,
    SIGNED_PAYLOAD_BYTES,
    TIMESTAMP_BYTES,
)
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, SimpleSignature
from sealgate.testing.sigstore.keys import Algorithm
from sealgate.testing.sigstore.signing import (
    CERTIFICATE,
    CHAIN,
    LOG_ENTRY,
    SIGNATURE,
    TIMESTAMP,
    Signer,
    simple_signing_payload,
)


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
    verdict = judge.simple(signature, SigningKey.generate(), key, SigningKey.generate())
    assert replace(verdict, entry=None) == VerifiedSignature(
        source=judge.source,
        signer=KeySigner(key.fingerprint),
        log=LogProof.PROMISE if entry else LogProof.NONE,
        entries=(
            LogRecord(
                log_id=private_sigstore.log.log_id.hex(),
                proof=LogProof.PROMISE,
                index=entry["logIndex"],
                at=private_sigstore.now,
            ),
        )
        if entry
        else (),
        signed_at=(private_sigstore.now,) if entry else (),
        expires=None,
        reference="registry.test/app",
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
    ],
)
def test_a_payload_of_another_form_is_malformed(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, payload: bytes
) -> None:
    signature = private_sigstore.simple_signature_of(payload, key)
    assert_rejected(judge.simple(signature, key), Reason.PAYLOAD_MALFORMED)


@pytest.mark.parametrize("kind", ["cosign blob signature", "COSIGN CONTAINER IMAGE SIGNATURE", ""])
def test_a24_a_payload_that_is_no_signature_of_an_image_is_none(
    judge: Any, private_sigstore: PrivateSigstore, by: Signer, kind: str
) -> None:
    payload = simple_signing_payload(judge.subject, "r").replace(b"cosign container image signature", kind.encode())
    verdict = judge.simple(private_sigstore.simple_signature_of(payload, by), by.key)
    assert_rejected(verdict, Reason.PAYLOAD_MALFORMED)


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


@pytest.mark.parametrize("chain", [True, False])
def test_a_certificate_names_the_signer(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, chain: bool
) -> None:
    """The chain may be empty: the root holds what it would say."""
    signature = private_sigstore.simple_signature(judge.subject, signer)
    if not chain:
        signature = replace(signature, annotations={**signature.annotations, CHAIN: ""})
    verdict = judge.simple(signature)
    assert verdict.signer == KeylessSigner(identity="dev@example.com", issuer="https://accounts.example.com")
    assert (verdict.log, verdict.signed_at) == (LogProof.PROMISE, (private_sigstore.now,))


def test_an_empty_annotation_is_as_one_that_is_not_there(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key, logged=False)
    empty = {CERTIFICATE: "", CHAIN: "", LOG_ENTRY: "", TIMESTAMP: ""}
    assert judge.simple(replace(signature, annotations={**signature.annotations, **empty}), key) == judge.simple(
        signature, key
    )


def test_a_chain_without_a_certificate_is_nobodys(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, signer: CertifiedKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    annotations = {**signature.annotations, CHAIN: signer.annotations[CHAIN]}
    assert judge.simple(replace(signature, annotations=annotations), key).signer == KeySigner(key.fingerprint)


@pytest.mark.parametrize("name", [CERTIFICATE, CHAIN])
@pytest.mark.parametrize("text", ["junk", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_certificates_that_are_not_pem_are_malformed(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, name: str, text: str
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, signer)
    changed = replace(signature, annotations={**signature.annotations, name: text})
    assert_rejected(judge.simple(changed), Reason.PAYLOAD_MALFORMED)


def test_more_certificates_than_a_chain_has_are_refused_unread(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, signer)
    for chain in (signer.annotations[CERTIFICATE] * CHAIN_CERTIFICATES, " " * CERTIFICATE_BYTES * CHAIN_CERTIFICATES):
        changed = replace(signature, annotations={**signature.annotations, CHAIN: chain})
        assert_rejected(judge.simple(changed), Reason.CERTIFICATE_INVALID, "more")


@pytest.mark.parametrize(
    "text", ["junk", "{}", "[]", '{"SignedRFC3161Timestamp": 7}', '{"signedRFC3161Timestamp": ""}']
)
def test_a_timestamp_that_cannot_be_read_is_not_passed_over(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, text: str
) -> None:
    signature = private_sigstore.simple_signature(judge.subject, key)
    assert_rejected(judge.simple(edited(signature, timestamp=text), key), Reason.PAYLOAD_MALFORMED)
    large = " " * 2 * TIMESTAMP_BYTES + text
    assert_rejected(judge.simple(edited(signature, timestamp=large), key), Reason.TIMESTAMP_INVALID, "bytes")


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
