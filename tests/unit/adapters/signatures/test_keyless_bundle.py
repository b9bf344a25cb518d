"""Bundles with a certificate."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Bundle,
    KeylessSigner,
    LogProof,
    LogRecord,
    RejectedCandidate,
    Source,
    VerifiedSignature,
)
from sealgate.limits import CERTIFICATE_BYTES, SCTS
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, der
from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog
from sealgate.testing.sigstore.encoding import JsonObject, b64, certificate_der
from sealgate.testing.sigstore.transparency_log import TransparencyLog
from sealgate.testing.sigstore.trusted_root import trusted_root

WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
FOREIGN = x509.ObjectIdentifier("1.2.3.4")
USER_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
Certify = Callable[..., CertifiedKey]


def entry_of(bundle: JsonObject) -> JsonObject:
    return bundle["verificationMaterial"]["tlogEntries"][0]


@pytest.mark.parametrize("timestamped", [True, False])
@pytest.mark.parametrize("identity", [WORKFLOW, "dev@example.com"])
def test_a_signature_names_its_signer_and_what_the_log_proves(
    judge: Any, private_sigstore: PrivateSigstore, identity: str, timestamped: bool
) -> None:
    claims = {
        "source_repository_uri": "https://github.com/acme/app",
        "source_repository_visibility_at_signing": "public",
        "run_invocation_uri": "https://github.com/acme/app/actions/runs/" + "1" * 200,
        "github_workflow_trigger": "push",
    }
    signer = private_sigstore.keyless(identity=identity, issuer=ISSUER, claims=claims)
    bundle = private_sigstore.bundle(judge.subject, signer, timestamped=timestamped)
    verdict = judge.bundle(bundle)
    assert verdict == VerifiedSignature(
        source=judge.source,
        signer=KeylessSigner(identity=identity, issuer=ISSUER),
        log=LogProof.INCLUSION,
        entries=(
            LogRecord(
                log_id=private_sigstore.log.log_id.hex(),
                proof=LogProof.INCLUSION,
                index=int(entry_of(bundle)["logIndex"]),
                at=private_sigstore.now,
            ),
        ),
        timestamps=(private_sigstore.now,) if timestamped else (),
        signed_at=(private_sigstore.now,),
        expires=None,
    )
    assert verdict.signer.claims == claims


def test_keys_have_no_say_in_it(judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer)
    assert judge.bundle(bundle, signer.key, SigningKey.generate()) == judge.bundle(bundle)


def test_the_first_entry_of_a_log_is_one_as_any(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    log = TransparencyLog(key=private_sigstore.log.key)
    log.bodies.clear()
    bundle = private_sigstore.with_parts(log=log).bundle(judge.subject, signer)
    proof = entry_of(bundle)["inclusionProof"]
    assert (proof.pop("logIndex"), proof.pop("hashes")) == ("0", [])  # protojson leaves both out
    entry_of(bundle)["logIndex"] = int(entry_of(bundle)["logIndex"])
    assert judge.bundle(bundle).log is LogProof.INCLUSION


# --- what is signed, and by whom --------------------------------------------------------------------------------------


def test_a_statement_about_something_else_is_about_something_else(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    assert_rejected(judge.bundle(private_sigstore.bundle(Digest.of(b"other"), signer)), Reason.SUBJECT_MISMATCH)


def test_an_attestation_is_no_signature(judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer, predicate_type="https://slsa.dev/provenance/v1")
    assert_rejected(judge.bundle(bundle), Reason.PREDICATE_TYPE_MISMATCH)


def test_another_key_than_the_certificates_is_no_signer(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    impostor = CertifiedKey(SigningKey.generate(), signer.certificate, signer.chain)
    assert_rejected(judge.bundle(private_sigstore.bundle(judge.subject, impostor)), Reason.SIGNATURE_INVALID)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "ed25519"])
def test_a_certificate_may_be_for_a_key_of_any_accepted_kind(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify, algorithm: Any
) -> None:
    signer = certify(key=SigningKey.generate(algorithm))
    assert judge.bundle(private_sigstore.bundle(judge.subject, signer)).log is LogProof.INCLUSION


def test_a32_a_certificate_for_a_key_of_another_kind_is_none(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify
) -> None:
    good = private_sigstore.bundle(judge.subject, certify())
    for weak in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())):  # noqa: S505
        leaf = certify(key=SigningKey("ecdsa-p256", cast("Any", weak))).certificate
        good["verificationMaterial"]["certificate"]["rawBytes"] = b64(certificate_der(leaf))
        assert_rejected(judge.bundle(good), Reason.CERTIFICATE_INVALID, "key cannot be used")


def test_a_user_name_is_an_identity(judge: Any, private_sigstore: PrivateSigstore, certify: Certify) -> None:
    signer = certify(names=[x509.OtherName(USER_NAME, der.utf8("dev!acme"))])
    assert judge.bundle(private_sigstore.bundle(judge.subject, signer)).signer.identity == "dev!acme"


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("dev.example.com")],
        [x509.RFC822Name("dev@example.com"), x509.RFC822Name("boss@example.com")],
        [x509.RFC822Name("dev@example.com"), x509.UniformResourceIdentifier(WORKFLOW)],
        [x509.UniformResourceIdentifier("")],
        [x509.OtherName(FOREIGN, der.utf8("dev"))],
        [x509.OtherName(USER_NAME, der.octets(b"dev"))],
        [x509.OtherName(USER_NAME, der.utf8(""))],
    ],
    ids=str,
)
def test_a_certificate_has_exactly_one_identity(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify, names: list[x509.GeneralName]
) -> None:
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, certify(names=names)))
    assert_rejected(verdict, Reason.CERTIFICATE_INVALID)


@pytest.mark.parametrize(
    ("fulcio", "issuer"),
    [
        ({1: b"https://a.example"}, "https://a.example"),
        ({8: der.utf8("https://a.example")}, "https://a.example"),
        ({1: b"https://a.example", 8: der.utf8("https://a.example")}, "https://a.example"),
        ({8: der.utf8("https://a.example/" + "x" * 300)}, "https://a.example/" + "x" * 300),
        ({1: b"https://b.example", 8: der.utf8("https://a.example")}, None),
        ({}, None),
        ({1: b""}, None),
        ({8: der.utf8("")}, None),
        ({1: b"\xff"}, None),
        ({8: b"https://a.example"}, None),
        ({8: der.utf8("https://a.example") + b"!"}, None),
        ({8: der.octets(b"https://a.example")}, None),
        ({8: b"\x0c\x81\x01a"}, None),
        ({8: b"\x0c\x80"}, None),
        ({8: b"\x0c"}, None),
        ({8: der.utf8("https://a.example"), 12: b"junk"}, None),
        ({8: der.utf8("https://a.example"), 5: b"\xff"}, None),
    ],
    ids=str,
)
def test_a20_a_certificate_names_one_issuer_and_nothing_in_it_is_unreadable(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify, fulcio: dict[int, bytes], issuer: str | None
) -> None:
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, certify(fulcio=fulcio)))
    if issuer is None:
        assert_rejected(verdict, Reason.CERTIFICATE_INVALID)
    else:
        assert verdict.signer.issuer == issuer


@pytest.mark.parametrize(
    "options",
    [
        {"purpose": ExtendedKeyUsageOID.SERVER_AUTH},
        {"purpose": None},
        {"signs_certificates": True},
    ],
    ids=str,
)
def test_a_certificate_is_for_signing_code(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify, options: dict[str, Any]
) -> None:
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, certify(**options)))
    assert_rejected(verdict, Reason.CERTIFICATE_INVALID, "code")


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"junk", "read"), (b"\x30\x00", "read"), (b"\x30" * (CERTIFICATE_BYTES + 1), "bytes")],
    ids=["junk", "empty", "large"],
)
def test_a_certificate_that_cannot_be_read_is_invalid(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, content: bytes, told: str
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64(content)
    assert_rejected(judge.bundle(bundle), Reason.CERTIFICATE_INVALID, told)


def test_a_certificate_with_a_part_that_cannot_be_read_is_invalid(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify
) -> None:
    junk = x509.UnrecognizedExtension(x509.ExtensionOID.NAME_CONSTRAINTS, b"junk")
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, certify(more=[junk])))
    assert_rejected(verdict, Reason.CERTIFICATE_INVALID, "cannot be read")


# --- chain, SCT and windows -------------------------------------------------------------------------------------------


def test_an_authority_that_the_root_does_not_name_is_not_trusted(judge: Any, private_sigstore: PrivateSigstore) -> None:
    foreign = private_sigstore.with_parts(authority=PrivateSigstore(now=private_sigstore.now).authority)
    signer = foreign.keyless(identity=WORKFLOW, issuer=ISSUER)  # its names are those of the trusted one
    assert_rejected(judge.bundle(foreign.bundle(judge.subject, signer)), Reason.CERTIFICATE_CHAIN_UNTRUSTED)


@pytest.mark.parametrize("late", [601, -1])
def test_a_certificate_counts_only_while_it_is_valid(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, late: int
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer, at=private_sigstore.now + timedelta(seconds=late))
    assert_rejected(judge.bundle(bundle), Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, "the certificate was not valid")
    last = private_sigstore.bundle(judge.subject, signer, at=private_sigstore.now + timedelta(seconds=600))
    assert judge.bundle(last).log is LogProof.INCLUSION


@pytest.mark.parametrize(("count", "told"), [(0, "0 SCTs"), (2, "of one CT log"), (SCTS + 1, f"{SCTS + 1} SCTs")])
def test_a6_a_certificate_has_an_sct_and_no_two_of_one_log(
    judge: Any, private_sigstore: PrivateSigstore, certify: Certify, count: int, told: str
) -> None:
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, certify(scts=count)))
    assert_rejected(verdict, Reason.SCT_INVALID, told)


def test_a17_a_certificate_has_so_many_scts_and_no_more(judge: Any, private_sigstore: PrivateSigstore) -> None:
    several = private_sigstore.with_parts(ct_logs=[CtLog() for _ in range(SCTS)])
    bundle = several.bundle(judge.subject, several.keyless(identity=WORKFLOW, issuer=ISSUER))
    assert replace(judge, sigstore=several).bundle(bundle).log is LogProof.INCLUSION


def test_each_of_several_scts_must_hold(judge: Any, private_sigstore: PrivateSigstore) -> None:
    two = private_sigstore.with_parts(ct_logs=(CtLog(), CtLog()))
    bundle = two.bundle(judge.subject, two.keyless(identity=WORKFLOW, issuer=ISSUER))
    assert replace(judge, sigstore=two).bundle(bundle).log is LogProof.INCLUSION
    for known in two.ct_logs:
        verdict = replace(judge, sigstore=two.with_parts(ct_logs=(known,))).bundle(bundle)
        assert_rejected(verdict, Reason.SCT_INVALID, "does not name")


def test_an_sct_is_of_a_known_log_and_over_this_certificate(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, certify: Certify
) -> None:
    foreign = private_sigstore.with_parts(ct_logs=PrivateSigstore(now=private_sigstore.now).ct_logs)
    unknown = foreign.keyless(identity=WORKFLOW, issuer=ISSUER)
    assert_rejected(judge.bundle(foreign.bundle(judge.subject, unknown)), Reason.SCT_INVALID, "does not name")
    scts = signer.certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    copied = certify(sct=scts)
    assert_rejected(judge.bundle(private_sigstore.bundle(judge.subject, copied)), Reason.SCT_INVALID, "not one over")


def validity(root: JsonObject, part: str) -> dict[str, str]:
    owner = root[part][0]
    stated: dict[str, str] = owner["validFor"] if part == "certificateAuthorities" else owner["publicKey"]["validFor"]
    return stated


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_each_key_of_the_root_counts_only_in_its_window(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, part: str
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer)
    for end, field in ((-1, "end"), (1, "start")):
        moment = (private_sigstore.now + timedelta(seconds=end)).isoformat()
        verdict = judge.with_root(lambda root, f=field, m=moment: validity(root, part).update({f: m})).bundle(bundle)
        assert_rejected(verdict, Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY)
    for field in ("start", "end"):  # both ends are in it
        moment = private_sigstore.now.isoformat()
        verdict = judge.with_root(lambda root, f=field, m=moment: validity(root, part).update({f: m})).bundle(bundle)
        assert verdict.log is LogProof.INCLUSION


def test_a_retired_authority_does_not_live_on_in_another_of_its_name(
    judge: Any, private_sigstore: PrivateSigstore
) -> None:
    """The public good root has two authorities of one name; only the key tells them apart."""
    retired = CertificateAuthority.create(start=private_sigstore.start, end=private_sigstore.now + timedelta(days=99))
    old = private_sigstore.with_parts(authority=retired)
    bundle = old.bundle(judge.subject, old.keyless(identity=WORKFLOW, issuer=ISSUER))

    def both(root: JsonObject, end: datetime) -> None:
        (authority,) = trusted_root(
            authorities=[retired],
            ct_logs=[],
            logs=[],
            timestamp_authorities=[],
            start=private_sigstore.start,
            end=end,
        )["certificateAuthorities"]
        root["certificateAuthorities"].insert(0, authority)

    before, after = (private_sigstore.now + timedelta(days=days) for days in (-1, 1))
    assert_rejected(
        judge.with_root(lambda root: both(root, before)).bundle(bundle), Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY
    )
    assert judge.with_root(lambda root: both(root, after)).bundle(bundle).log is LogProof.INCLUSION


# --- the log ----------------------------------------------------------------------------------------------------------


def test_without_a_log_entry_and_a_timestamp_a_certificate_says_nothing(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer, logged=False)
    assert_rejected(judge.bundle(bundle), Reason.LOG_ENTRY_MISSING)


def test_without_a_log_entry_nothing_of_a_log_is_recorded(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    """No policy is satisfied by it: a rule with certificates always asks for an entry."""
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, signer, logged=False, timestamped=True))
    assert (verdict.log, verdict.entries, verdict.signed_at) == (LogProof.NONE, (), (private_sigstore.now,))


def test_a_root_without_a_log_vouches_for_what_has_no_entry(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    """sigstore-python takes no such root, and so has no say in it."""
    judge = judge.with_root(lambda root: root.pop("tlogs"))
    verdict = judge.bundle(private_sigstore.bundle(judge.subject, signer, logged=False, timestamped=True))
    assert (verdict.log, verdict.signed_at) == (LogProof.NONE, (private_sigstore.now,))


def test_a_promise_alone_is_recorded_as_one(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer)
    del entry_of(bundle)["inclusionProof"]
    assert judge.bundle(bundle).log is LogProof.PROMISE


def test_somebody_vouches_for_the_time(judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey) -> None:
    bundle = private_sigstore.bundle(judge.subject, signer)
    del entry_of(bundle)["inclusionPromise"]
    assert_rejected(judge.bundle(bundle), Reason.TIMESTAMP_MISSING)
    bundle = private_sigstore.bundle(judge.subject, signer, timestamped=True)
    del entry_of(bundle)["inclusionPromise"]
    verdict = judge.bundle(bundle)
    assert (verdict.log, verdict.log_index) == (LogProof.INCLUSION, None)
    assert verdict.signed_at == verdict.timestamps == (private_sigstore.now,)


# --- the real one -----------------------------------------------------------------------------------------------------


def test_the_recorded_signature_verifies_with_the_root_that_ships(corpus: Path) -> None:
    subject = Digest.of((corpus / "subject.manifest.json").read_bytes())
    raw = (corpus / "signature.bundle.json").read_bytes()
    carrier = Digest.of((corpus / "signature.manifest.json").read_bytes())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    verifier = SigstoreVerifier({"default": TrustedRootFile.public_good()})
    candidate = Bundle(source=Source(carrier, 0), subject=subject, raw=raw)
    verdict = verifier.verify(candidate, (), now)
    assert verdict == VerifiedSignature(
        source=Source(carrier, 0),
        signer=KeylessSigner(
            identity="https://github.com/docker/github-builder-experimental/.github/workflows/build.yml"
            "@refs/heads/build-reusable-workflow",
            issuer="https://token.actions.githubusercontent.com",
        ),
        log=LogProof.INCLUSION,
        entries=(
            LogRecord(
                log_id="c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d",
                proof=LogProof.INCLUSION,
                index=658949562,
                at=datetime(2025, 10, 31, 12, 23, 3, tzinfo=UTC),
            ),
        ),
        timestamps=(datetime(2025, 10, 31, 12, 23, 3, tzinfo=UTC),),
        signed_at=(datetime(2025, 10, 31, 12, 23, 3, tzinfo=UTC),),
    )
    assert isinstance(verdict.signer, KeylessSigner)
    assert verdict.signer.claims["source_repository_uri"] == "https://github.com/docker/github-builder-test"
    other = Bundle(source=Source(carrier, 0), subject=carrier, raw=raw)
    assert_rejected(verifier.verify(other, (), now), Reason.SUBJECT_MISMATCH)
    changed = base64.b64encode(hashlib.sha256(b"").digest())
    tampered = raw.replace(b'"rootHash":"', b'"rootHash":"' + changed + b'","was":"')
    other = Bundle(source=Source(carrier, 0), subject=subject, raw=tampered)
    assert_rejected(verifier.verify(other, (), now), Reason.LOG_PROOF_INVALID)


def test_the_certificate_is_judged_as_it_was_signed(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    raw = bytearray(certificate_der(signer.certificate))
    raw[-1] ^= 1
    bundle = private_sigstore.bundle(judge.subject, signer)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64(bytes(raw))
    verdict = judge.bundle(bundle)
    assert isinstance(verdict, RejectedCandidate)


def assert_rejected(verdict: object, reason: Reason, told: str = "") -> None:
    assert isinstance(verdict, RejectedCandidate)
    assert verdict.reason is reason, verdict.detail
    assert told in verdict.detail
