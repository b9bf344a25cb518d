"""What counts towards a rule that asks for an attestation, and how both kinds of rules tell what does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeySigner,
    LogProof,
    RejectedCandidate,
    Source,
    Stated,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Outcome, Subject
from sealgate.policy.model import KeyRequirement, Policy, PolicySet, Rule, SignatureType
from sealgate.policy.model import Operation as Op
from sealgate.policy.repositories import repository_glob
from sealgate.policy.weigh import weigh

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = Digest.of(b"an image")
KEY = PublicKey(fingerprint="ab" * 32, spki=b"", algorithm="ed25519")
SLSA = "https://slsa.dev/provenance/v1"
TEST = PredicateTest(conditions=("predicate.good",))
SIGNED = Rule(name="r", alternatives=(KeyRequirement(name="release", key=KEY),), log=LogProof.NONE)
ATTESTED = replace(SIGNED, signature_type=SignatureType.ATTESTATION, predicate_type=SLSA, predicate=TEST)


def at(number: int) -> Source:
    return Source(Digest.of(b"a carrier"), number)


def signature(number: int = 0, **more: Any) -> VerifiedSignature:
    return VerifiedSignature(source=at(number), signer=KeySigner(KEY.fingerprint), log=LogProof.NONE, **more)


def attestation(number: int = 0, **verdict: Any) -> VerifiedAttestation:
    fact = signature(number, stated=Stated(predicate_type=SLSA, payload=b"{}"))
    return VerifiedAttestation(fact=fact, verdicts={TEST: PredicateVerdict(**verdict)} if verdict else {})


def decided(rule: Rule, **found: Any) -> Decision:
    policies = PolicySet(policies=(Policy(name="p", repositories=(repository_glob("**"),), rules=(rule,)),))
    subject = Subject(digest=DIGEST, kinds=(Kind(IMAGE),))
    return decide(policies.resolve("a", Op.PULL), subject, Evidence(subject=DIGEST, **found), NOW)


def why(decision: Decision) -> Reason | None:
    return decision.finding.reason if decision.finding else None


def test_one_that_passed_counts_for_as_long_as_its_verdict_does() -> None:
    assert decided(ATTESTED, attestations=(attestation(reason=None),)).admitted
    until = NOW + timedelta(seconds=60)
    assert decided(ATTESTED, attestations=(attestation(reason=None, expires=until),)).valid_until == until


def test_what_was_not_asked_is_a_doubt() -> None:
    decision = decided(ATTESTED, attestations=(attestation(),))
    assert (decision.outcome, why(decision)) == (Outcome.UNDETERMINED, Reason.VERIFICATION_TIMEOUT)


@pytest.mark.parametrize("number", [0, 2])
def test_a_doubt_is_told_before_what_is_wrong_with_others(number: int) -> None:
    """Whichever comes first: nothing satisfies, and one might have."""
    doubtful = attestation(number, reason=Reason.VERIFICATION_TIMEOUT)
    decision = decided(ATTESTED, attestations=(attestation(1, reason=Reason.CONDITION_FALSE), doubtful))
    assert decision.outcome is Outcome.UNDETERMINED
    assert decided(ATTESTED, attestations=(attestation(1, reason=None), doubtful)).admitted


def test_what_is_false_is_no_doubt() -> None:
    decision = decided(ATTESTED, attestations=(attestation(reason=Reason.CONDITION_FALSE),))
    assert (decision.outcome, why(decision)) == (Outcome.DENY, Reason.CONDITION_FALSE)


def test_none_at_all_is_missing() -> None:
    assert why(decided(ATTESTED)) is Reason.ATTESTATION_MISSING
    assert why(decided(ATTESTED, signatures=(signature(),))) is Reason.ATTESTATION_MISSING
    assert why(decided(SIGNED)) is Reason.SIGNATURE_MISSING


def test_the_command_that_helps_is_the_one_for_what_is_asked() -> None:
    attest, sign = (decided(rule).results[0].cure for rule in (ATTESTED, SIGNED))
    assert "cosign attest --type slsaprovenance1 --predicate <file> --key" in attest
    assert "cosign sign --key" in sign


def test_a11_neither_stands_in_for_the_other() -> None:
    stated = attestation(reason=None).fact
    for fact, rule, told in (
        (signature(), ATTESTED, "it is a signature, and the rule asks for an attestation"),
        (stated, SIGNED, "an attestation of type slsaprovenance1 is no signature"),
    ):
        finding = weigh(fact, rule, NOW)
        assert finding is not None
        assert (finding.reason, finding.text) == (Reason.PREDICATE_TYPE_MISMATCH, told)
    assert weigh(signature(), SIGNED, NOW) is None
    assert weigh(stated, ATTESTED, NOW) is None


def test_an_attestation_that_does_not_verify_is_no_bad_signature() -> None:
    bad = RejectedCandidate(source=at(0), reason=Reason.SIGNATURE_INVALID, detail="broken", attested=True)
    assert why(decided(SIGNED, rejected=(bad,))) is Reason.PREDICATE_TYPE_MISMATCH
    assert why(decided(ATTESTED, rejected=(bad,))) is Reason.SIGNATURE_INVALID
    assert why(decided(SIGNED, rejected=(replace(bad, attested=False),))) is Reason.SIGNATURE_INVALID
