"""Real cosigns accept and refuse what `sealgate.testing` makes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from other_verifiers import Cosign
from sigstore_cases import CASES, OTHER_SUBJECT, Attempt, Case, keyless, other, signer

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import OCI_IMAGE_CONFIG, OCI_MANIFEST
from sealgate.testing.sigstore import (
    OciObject,
    PrivateSigstore,
    SigningKey,
    SimpleSignature,
    simple_signing_object,
)
from sealgate.testing.sigstore.authority import LEAF_LIFETIME
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.signing import LOG_ENTRY, simple_signing_payload

CONFIG = b"{}"
IMAGE = OciObject(
    manifest=compact_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_IMAGE_CONFIG, "size": len(CONFIG), "digest": str(Digest.of(CONFIG))},
            "layers": [],
        }
    ),
    media_type=OCI_MANIFEST,
    blobs={Digest.of(CONFIG): CONFIG},
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cosign_agrees_on_bundles(case: Case, attempt: Attempt, cosign: Cosign) -> None:
    verdict = cosign.verify_bundle(attempt)
    assert verdict.accepted is case.expected_of("cosign"), verdict.reason


def test_cosign_refuses_a_bundle_about_another_digest(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    bundle = private_sigstore.bundle(OTHER_SUBJECT, signer(private_sigstore))
    assert not cosign.verify_bundle(replace(keyless(private_sigstore), bundle=bundle)).accepted


@pytest.mark.parametrize("timestamped", [False, True])
def test_cosign_accepts_a_keyless_simple_signature(
    private_sigstore: PrivateSigstore, cosign: Cosign, timestamped: bool
) -> None:
    signature = private_sigstore.simple_signature(IMAGE.digest, signer(private_sigstore), timestamped=timestamped)
    assert_simple(cosign, by_certificate(private_sigstore), signature)


@pytest.mark.parametrize(
    ("algorithm", "logged"),
    [(algorithm, logged) for algorithm in ("ecdsa-p256", "rsa-2048") for logged in (True, False)]
    + [("ecdsa-p384", False), ("ecdsa-p521", False), ("ed25519", False)],  # no real log takes these as hashedrekord
)
def test_cosign_accepts_a_simple_signature_by_key(
    private_sigstore: PrivateSigstore, cosign: Cosign, algorithm: str, logged: bool
) -> None:
    key = SigningKey.generate(algorithm)
    payload = simple_signing_payload(IMAGE.digest, "registry.test/app")
    # Both cosigns sign with the hash of the curve, and verify with SHA-256 only.
    signature = private_sigstore.simple_signature_of(payload, key, hash_name="sha256", logged=logged)
    assert_simple(cosign, by_key(private_sigstore, key, logged=logged), signature)


def test_cosign_refuses_a_simple_signature_of_another_digest(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    signature = private_sigstore.simple_signature(OTHER_SUBJECT, signer(private_sigstore))
    assert_simple(cosign, by_certificate(private_sigstore), signature, accepted=False)


def test_cosign_refuses_a_simple_signature_whose_payload_was_changed(
    private_sigstore: PrivateSigstore, cosign: Cosign
) -> None:
    key = SigningKey.generate()
    signature = private_sigstore.simple_signature(OTHER_SUBJECT, key, logged=False)
    forged = replace(signature, payload=simple_signing_payload(IMAGE.digest, "registry.test/app"))
    assert_simple(cosign, by_key(private_sigstore, key, logged=False), forged, accepted=False)


def test_cosign_refuses_a_simple_signature_by_another_key(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    signature = private_sigstore.simple_signature(IMAGE.digest, SigningKey.generate(), logged=False)
    trusted = by_key(private_sigstore, SigningKey.generate(), logged=False)
    assert_simple(cosign, trusted, signature, accepted=False)


def test_cosign_refuses_a_simple_signature_without_the_log_entry_it_is_to_have(
    private_sigstore: PrivateSigstore, cosign: Cosign
) -> None:
    key = SigningKey.generate()
    signature = private_sigstore.simple_signature(IMAGE.digest, key, logged=False)
    assert_simple(cosign, by_key(private_sigstore, key), signature, accepted=False)


def test_a1_cosign_refuses_a_promise_for_another_artifact(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    same = signer(private_sigstore)
    signature = private_sigstore.simple_signature(IMAGE.digest, same)
    stapled = private_sigstore.simple_signature(OTHER_SUBJECT, same).annotations[LOG_ENTRY]
    forged = replace(signature, annotations={**signature.annotations, LOG_ENTRY: stapled})
    assert_simple(cosign, by_certificate(private_sigstore), forged, accepted=False)


def test_a2_cosign_refuses_a_promise_over_another_time(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    signature = private_sigstore.simple_signature(IMAGE.digest, signer(private_sigstore))
    entry = json.loads(signature.annotations[LOG_ENTRY])
    entry["Payload"]["integratedTime"] += 1
    forged = replace(signature, annotations={**signature.annotations, LOG_ENTRY: json.dumps(entry)})
    assert_simple(cosign, by_certificate(private_sigstore), forged, accepted=False)


def test_cosign_refuses_a_promise_of_another_log(private_sigstore: PrivateSigstore, cosign: Cosign) -> None:
    elsewhere = private_sigstore.with_parts(log=other(private_sigstore).log)
    signature = elsewhere.simple_signature(IMAGE.digest, signer(private_sigstore))
    assert_simple(cosign, by_certificate(private_sigstore), signature, accepted=False)


def test_cosign_refuses_a_certificate_expired_when_it_was_logged(
    private_sigstore: PrivateSigstore, cosign: Cosign
) -> None:
    late = private_sigstore.now + LEAF_LIFETIME + timedelta(seconds=1)
    signature = private_sigstore.simple_signature(IMAGE.digest, signer(private_sigstore), at=late)
    assert_simple(cosign, by_certificate(private_sigstore), signature, accepted=False)


def by_certificate(world: PrivateSigstore) -> Attempt:
    return Attempt(bundle={}, trusted_root=world.trusted_root())


def by_key(world: PrivateSigstore, key: SigningKey, *, logged: bool = True) -> Attempt:
    return Attempt(bundle={}, trusted_root=world.trusted_root(), key=key, logged=logged)


def assert_simple(cosign: Cosign, demanded: Attempt, signature: SimpleSignature, *, accepted: bool = True) -> None:
    signatures = simple_signing_object(IMAGE.digest, [signature])
    verdict = cosign.verify_simple_signature(demanded, IMAGE, signatures)
    assert verdict.accepted is accepted, verdict.reason
