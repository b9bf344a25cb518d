"""The roots in use: what a verdict becomes when the root it rests on is not there, or is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.trusted_roots.current import RootState, TrustedRoots
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Bundle,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    Source,
    VerifiedSignature,
)
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import PrivateSigstore

NOW = SystemClock().now()
PAST, SOON, LATER = NOW - timedelta(seconds=1), NOW + timedelta(hours=1), NOW + timedelta(days=9)
ROOT, OTHER = (
    TrustedRootFile.parse(PrivateSigstore(now=NOW).trusted_root_json(), name) for name in ("default", "acme")
)
SOURCE = Source(Digest.of(b"c"), 0)
CANDIDATE = Bundle(source=SOURCE, subject=Digest.of(b"s"), raw=b"{}")


class Says:
    """A verifier with one answer."""

    version, trusted_roots_digest = "v", "d"

    def __init__(self, answer):
        self.answer, self.made_of = answer, []

    def __call__(self, roots):
        self.made_of.append(sorted(roots))
        return self

    def verify(self, candidate, keys, now):
        return self.answer


def verified(signer, log=LogProof.INCLUSION, expires=None):
    return VerifiedSignature(source=SOURCE, signer=signer, log=log, expires=expires)


KEYLESS = KeylessSigner(identity="i", issuer="o")
BY_ACME = KeylessSigner(identity="i", issuer="o", trusted_root="acme")
BY_KEY = KeySigner("f")


def judged(answer, default=None, acme=None):
    states = {"default": default or RootState(root=ROOT), "acme": acme or RootState(root=OTHER)}
    return TrustedRoots(states, Says(answer)).verify(CANDIDATE, (), NOW)


@pytest.mark.parametrize("signer", [KEYLESS, BY_ACME, BY_KEY])
def test_roots_without_an_end_change_nothing(signer):
    assert judged(verified(signer)) == verified(signer)


@pytest.mark.parametrize(
    ("signer", "log", "over", "falls"),
    [
        (KEYLESS, LogProof.INCLUSION, "default", True),
        (KEYLESS, LogProof.INCLUSION, "acme", False),
        (BY_ACME, LogProof.INCLUSION, "acme", True),
        (BY_ACME, LogProof.INCLUSION, "default", False),
        (BY_KEY, LogProof.INCLUSION, "default", True),
        (BY_KEY, LogProof.PROMISE, "default", True),
        (BY_KEY, LogProof.INCLUSION, "acme", False),
        (BY_KEY, LogProof.NONE, "default", False),
    ],
)
def test_a29_what_rests_on_a_root_that_is_over_is_in_doubt(signer, log, over, falls):
    root = {"default": ROOT, "acme": OTHER}[over]
    found = judged(verified(signer, log), **{over: RootState(root=root, confirmed=PAST, expires=PAST)})
    if falls:
        assert isinstance(found, RejectedCandidate)
        assert found.reason is Reason.TRUSTED_ROOT_UNUSABLE
        assert f"trusted root {over} could not be refreshed" in found.detail
    else:
        assert found == verified(signer, log)


def test_a29_a_time_that_an_authority_of_a_root_that_is_over_vouches_for_is_in_doubt():
    """A key needs no root; that it signed within its window, or lately, is on the word of the root's authority (A3)."""
    answer = replace(verified(BY_KEY, LogProof.NONE), timestamps=(PAST,), signed_at=(PAST,))
    assert judged(answer, acme=RootState(root=OTHER, confirmed=PAST, expires=PAST)) == answer
    assert judged(answer, RootState(root=ROOT, confirmed=NOW, expires=SOON)) == replace(answer, expires=SOON)
    found = judged(answer, RootState(root=ROOT, confirmed=PAST, expires=PAST))
    assert isinstance(found, RejectedCandidate)
    assert found.reason is Reason.TRUSTED_ROOT_UNUSABLE


@pytest.mark.parametrize(
    ("own", "of_root", "expected"), [(None, SOON, SOON), (SOON, LATER, SOON), (LATER, SOON, SOON), (SOON, None, SOON)]
)
def test_no_admission_outlives_the_root_it_rests_on(own, of_root, expected):
    found = judged(verified(KEYLESS, expires=own), RootState(root=ROOT, confirmed=NOW, expires=of_root))
    assert found == verified(KEYLESS, expires=expected)


def test_a_root_holds_up_to_its_end_and_that_is_in_it():
    assert judged(verified(KEYLESS), RootState(root=ROOT, confirmed=PAST, expires=NOW)) == verified(
        KEYLESS, expires=NOW
    )


@pytest.mark.parametrize("state", [RootState(root=None), RootState(root=OTHER, confirmed=PAST, expires=PAST)])
@pytest.mark.parametrize(
    ("reason", "doubted"),
    [
        (Reason.CERTIFICATE_CHAIN_UNTRUSTED, True),
        (Reason.SCT_INVALID, True),
        (Reason.LOG_CHECKPOINT_INVALID, True),
        (Reason.LOG_PROMISE_INVALID, True),
        (Reason.TIMESTAMP_INVALID, True),
        (Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, True),
        (Reason.SIGNATURE_INVALID, False),
        (Reason.KEY_NOT_TRUSTED, False),
        (Reason.SUBJECT_MISMATCH, False),
        (Reason.LOG_ENTRY_MISMATCH, False),
        (Reason.PAYLOAD_MALFORMED, False),
    ],
)
def test_a_refusal_that_another_root_might_turn_is_a_doubt_while_one_is_missing(state, reason, doubted):
    bad = RejectedCandidate(source=SOURCE, reason=reason, detail="why")
    found = judged(bad, acme=state)
    assert found.reason is (Reason.TRUSTED_ROOT_UNUSABLE if doubted else reason)
    assert found.detail.endswith("why")
    assert judged(bad) == bad


def test_a_verifier_is_made_of_the_roots_there_are_and_anew_only_for_another_root():
    says = Says(None)
    roots = TrustedRoots({"default": RootState(root=ROOT), "acme": RootState(root=None)}, says)
    roots.put("acme", RootState(root=None, problem="it is away"))
    roots.put("acme", RootState(root=OTHER, confirmed=NOW, expires=LATER))
    roots.put("acme", RootState(root=OTHER, confirmed=SOON, expires=LATER))
    assert says.made_of == [["default"], ["acme", "default"]]


def test_a_root_that_cannot_be_used_leaves_what_was_in_use():
    def make(roots):
        if "acme" in roots:
            raise ConfigurationInvalid("no")
        return Says(None)

    roots = TrustedRoots({"default": RootState(root=ROOT), "acme": RootState(root=None)}, make)
    before = roots.states
    with pytest.raises(ConfigurationInvalid):
        roots.put("acme", RootState(root=OTHER))
    assert roots.states is before
