"""sigstore-python's veto: asked wherever it can judge, whatever is written beside the signature, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sigstore.errors import VerificationError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.verify import Verifier

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import RejectedCandidate, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import (
    CertifiedKey,
    CtLog,
    PrivateSigstore,
    RekorV2Log,
    SigningKey,
    TransparencyLog,
    as_version,
)
from sealgate.testing.sigstore.encoding import JsonObject

MANIFEST = b"a manifest"
Edit = Callable[[JsonObject], Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What sigstore-python is asked; it goes on to judge."""
    calls: list[str] = []

    def noting(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def judge(*given: Any) -> Any:
            calls.append(name)
            return original(*given)

        return judge

    for name in ("verify_dsse", "verify_artifact"):
        monkeypatch.setattr(Verifier, name, noting(name, getattr(Verifier, name)))
    return calls


def entry_of(bundle: JsonObject) -> JsonObject:
    found: JsonObject = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


@pytest.mark.parametrize("timestamped", [True, False])
@pytest.mark.parametrize(("form", "call"), [("envelope", "verify_dsse"), ("message", "verify_artifact")])
def test_it_is_asked_about_what_it_can_judge(
    judge: Any,
    private_sigstore: PrivateSigstore,
    signer: CertifiedKey,
    asked: list[str],
    form: str,
    call: str,
    timestamped: bool,
) -> None:
    assert isinstance(judge.signed(private_sigstore, form, signer, timestamped=timestamped), VerifiedSignature)
    assert asked == [call]


@pytest.mark.parametrize("form", ["envelope", "message"])
def test_it_is_asked_about_rekor_v2(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, asked: list[str], form: str
) -> None:
    world = private_sigstore.with_parts(log=RekorV2Log())
    verdict = replace(judge, sigstore=world).signed(world, form, signer, timestamped=True)
    assert isinstance(verdict, VerifiedSignature)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda bundle: entry_of(bundle).update(kindVersion={"kind": "intoto", "version": "0.0.2"}),
        lambda bundle: entry_of(bundle).pop("kindVersion"),
        lambda bundle: bundle.update(surprise=True),
        lambda bundle: bundle.update(as_version(bundle, "0.1")),
        lambda bundle: bundle.update(as_version(bundle, "0.2")),
    ],
)
def test_nothing_unsigned_spares_a_signature_its_judgement(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, asked: list[str], edit: Edit
) -> None:
    """Attacks A14: nor makes it refuse what is good."""
    bundle = private_sigstore.bundle(judge.subject, signer)
    before = judge.bundle(bundle)
    edit(bundle)
    assert judge.bundle(bundle) == before
    assert asked == ["verify_dsse"] * 2


def promise_only(world: PrivateSigstore) -> JsonObject:
    bundle = world.bundle(DIGEST, keyless(world))
    del entry_of(bundle)["inclusionProof"]
    return bundle


def two_logs(world: PrivateSigstore) -> JsonObject:
    return world.with_parts(logs=(world.log, OTHER_LOG)).bundle(DIGEST, keyless(world))


def two_scts(world: PrivateSigstore) -> JsonObject:
    return world.bundle(DIGEST, keyless(world.with_parts(ct_logs=(*world.ct_logs, OTHER_CT_LOG))))


def larger_key(world: PrivateSigstore) -> JsonObject:
    return world.bundle(DIGEST, keyless(world, SigningKey.generate("ecdsa-p384")))


def older_kind(world: PrivateSigstore) -> JsonObject:
    return world.bundle(DIGEST, keyless(world), entry_kind="intoto/0.0.2")


def no_log(world: PrivateSigstore) -> JsonObject:
    return world.bundle(DIGEST, keyless(world), logged=False, timestamped=True)


def keyless(world: PrivateSigstore, key: SigningKey | None = None) -> CertifiedKey:
    return world.keyless(identity="dev@example.com", issuer="https://i.example", key=key)


OTHER_LOG, OTHER_CT_LOG = TransparencyLog("other.test"), CtLog("other.test")
DIGEST = Digest.of(MANIFEST)


@pytest.mark.parametrize("make", [promise_only, two_logs, two_scts, larger_key, older_kind, no_log])
def test_it_is_not_asked_about_what_it_cannot_judge(
    judge: Any, private_sigstore: PrivateSigstore, asked: list[str], make: Callable[[PrivateSigstore], JsonObject]
) -> None:
    """It would refuse each of these, good as they are."""
    bundle = make(private_sigstore)
    known = private_sigstore.with_parts(
        logs=(private_sigstore.log, OTHER_LOG), ct_logs=(*private_sigstore.ct_logs, OTHER_CT_LOG)
    )
    assert isinstance(replace(judge, sigstore=known).bundle(bundle), VerifiedSignature)
    assert asked == []


@pytest.mark.parametrize("error", [VerificationError("no"), ValueError("no")])
@pytest.mark.parametrize(("form", "call"), [("envelope", "verify_dsse"), ("message", "verify_artifact")])
def test_what_it_refuses_is_refused(
    judge: Any,
    private_sigstore: PrivateSigstore,
    signer: CertifiedKey,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    call: str,
    error: Exception,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Verifier, call, refuse)
    verdict = judge.signed(private_sigstore, form, signer)
    assert isinstance(verdict, RejectedCandidate)
    assert (verdict.reason, verdict.detail) == (Reason.SIGNATURE_INVALID, "sigstore-python refuses it: no")


def test_what_it_is_given_is_what_was_read(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It agrees with us about the digest that was asked for, and about the certificate."""
    given: list[Any] = []
    monkeypatch.setattr(Verifier, "verify_artifact", lambda _, content, bundle, __: given.append((content, bundle)))
    judge.signed(private_sigstore, "message", signer)
    ((content, bundle),) = given
    assert content.digest.hex() == judge.subject.hex
    assert isinstance(bundle, SigstoreBundle)
    assert bundle.signing_certificate == signer.certificate
