"""What holds of every decision: more evidence admits no less, less admits no more, and no order matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    Shortfall,
    Source,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Outcome, Subject
from sealgate.policy.matchers import Exact, Glob
from sealgate.policy.model import (
    Denied,
    Exemption,
    KeylessRequirement,
    KeyRequirement,
    Mode,
    Operation,
    Policy,
    PolicySet,
    Rule,
    Unmatched,
)
from sealgate.policy.repositories import RepositoryGlob

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST, INDEX = Digest.of(b"an image"), Digest.of(b"an index")
KEYS = {
    name: KeyRequirement(name=name, key=PublicKey(fingerprint=name, spki=b"", algorithm="ed25519")) for name in "abc"
}
ISSUER = "https://i.example"
CARRIERS = [Digest.of(bytes([number])) for number in range(4)]

ages = st.sampled_from([timedelta(days=days) for days in (-1, 0, 1, 2, 3)])
moments = ages.map(lambda age: NOW - age)
sources = st.builds(Source, st.sampled_from(CARRIERS), st.integers(0, 2))
claims = st.sampled_from([{}, {"build_trigger": "push"}, {"build_trigger": "x"}]).map(MappingProxyType)
signers = st.builds(KeySigner, st.sampled_from("abcd")) | st.builds(
    KeylessSigner,
    identity=st.sampled_from(["ci@team.example", "eve@evil.example"]),
    issuer=st.sampled_from([ISSUER, "https://j.example"]),
    claims=claims,
)
signatures = st.builds(
    VerifiedSignature,
    source=sources,
    signer=signers,
    log=st.sampled_from(LogProof),
    signed_at=st.lists(moments, max_size=2).map(tuple),
    expires=st.none() | moments,
    reference=st.sampled_from(["", "gate.example/team/app", "gate.example/x"]),
)
rejected = st.builds(
    RejectedCandidate,
    source=sources,
    reason=st.sampled_from([one for one in Reason if one not in UNDETERMINED]),
    detail=st.just("junk"),
)
shortfalls = st.builds(Shortfall, reason=st.sampled_from(sorted(UNDETERMINED)), detail=st.just("lost"))

keyless = st.builds(
    KeylessRequirement,
    identity=st.sampled_from([Exact("ci@team.example"), Glob("*@team.example"), Glob("**")]),
    issuer=st.just(Exact(ISSUER)),
    claims=st.sampled_from([{}, {"build_trigger": Exact("push")}]),
)
keys = st.builds(
    lambda wanted, begin, end: replace(wanted, not_before=begin, not_after=end),
    st.sampled_from(list(KEYS.values())),
    st.none() | moments,
    st.none() | moments,
)
free = st.builds(Rule, name=st.just("free"), artifact_types=st.just(frozenset({"helm"})), allow_unsigned=st.just(True))
asking = st.builds(
    Rule,
    name=st.sampled_from(["one", "two", "three"]),
    required=st.booleans(),
    artifact_types=st.sampled_from([None, IMAGE, frozenset({"helm"})]),
    alternatives=st.lists(keyless | keys, min_size=1, max_size=3).map(tuple),
    threshold=st.integers(1, 2),
    log=st.sampled_from(LogProof),
    references=st.sampled_from([None, frozenset({"gate.example/team/app"})]),
    max_age=st.sampled_from([None, timedelta(days=1), timedelta(days=2, seconds=1)]),
    min_signed_at=st.none() | moments,
    covers_children=st.booleans(),
)
exemptions = st.builds(Exemption, digest=st.sampled_from([DIGEST, INDEX]), reason=st.just("x"), expires=moments)
denied = st.builds(
    Denied,
    digests=st.frozensets(st.sampled_from([DIGEST, INDEX]), max_size=1),
    identities=st.sampled_from([(), (Glob("*@evil.example"),)]),
    keys=st.sampled_from([(), (KEYS["c"],)]),
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    repositories=st.just((RepositoryGlob("**"),)),
    mode=st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.WARN]),
    allow_unsigned=st.booleans(),
    rules=st.lists(asking | free, max_size=3, unique_by=lambda rule: rule.name).map(tuple),
    exemptions=st.just(()) | st.lists(exemptions, max_size=2).map(tuple),
    denied=st.just(Denied()) | denied,
)
sets = st.lists(policies, min_size=1, max_size=3).map(
    lambda found: PolicySet(policies=tuple(replace(one, name=f"p{number}") for number, one in enumerate(found)))
)
kinds = st.sampled_from([(Kind(IMAGE),), (Kind(frozenset({"helm"})),), (Kind(IMAGE), Kind(frozenset({"helm"})))])
evidences = st.builds(
    Evidence,
    subject=st.just(DIGEST),
    signatures=st.lists(signatures, max_size=4).map(tuple),
    rejected=st.lists(rejected, max_size=2).map(tuple),
    shortfalls=st.just(()) | st.lists(shortfalls, max_size=1).map(tuple),
)


def judged(policies: PolicySet, evidence: Evidence, kinds: tuple[Kind, ...], digest: Digest = DIGEST) -> Decision:
    resolved = policies.resolve("team/app", Operation.PULL)
    return decide(resolved, Subject(digest=digest, kinds=kinds), replace(evidence, subject=digest), NOW)


def denied_by_name(decision: Decision) -> bool:
    return decision.finding is not None and decision.finding.reason is Reason.DENIED_BY_POLICY


@given(sets, kinds, evidences, signatures | rejected)
def test_more_evidence_takes_no_admission_away(policies, kinds, evidence, more) -> None:
    """Unless `denied` says so."""
    before = judged(policies, evidence, kinds)
    assume(before.admitted)
    if isinstance(more, RejectedCandidate):
        assert judged(policies, replace(evidence, rejected=(*evidence.rejected, more)), kinds).admitted
        return
    after = judged(policies, replace(evidence, signatures=(*evidence.signatures, more)), kinds)
    assert after.admitted or denied_by_name(after)


@given(sets, kinds, evidences)
def test_less_evidence_admits_nothing_more(policies, kinds, evidence) -> None:
    """But for what was denied for one of its signers."""
    before = judged(policies, evidence, kinds)
    assume(before.outcome is not Outcome.ADMIT and not denied_by_name(before))
    for gone in range(len(evidence.signatures)):
        rest = evidence.signatures[:gone] + evidence.signatures[gone + 1 :]
        assert not judged(policies, replace(evidence, signatures=rest), kinds).admitted
    for gone in range(len(evidence.rejected)):
        rest_of_junk = evidence.rejected[:gone] + evidence.rejected[gone + 1 :]
        assert not judged(policies, replace(evidence, rejected=rest_of_junk), kinds).admitted
    assert not judged(policies, replace(evidence, signatures=(), rejected=()), kinds).admitted


@given(sets, kinds, evidences)
def test_what_could_not_be_read_admits_nothing_and_takes_no_admission_away(policies, kinds, evidence) -> None:
    unread = replace(evidence, shortfalls=(Shortfall(reason=Reason.UPSTREAM_UNAVAILABLE, detail="lost"),))
    before, after = judged(policies, replace(evidence, shortfalls=()), kinds), judged(policies, unread, kinds)
    if any(policy.denied.names_signers for policy in policies.policies):  # whether one of them signed is then not known
        assert not after.admitted
    else:
        assert after.admitted == before.admitted


@given(sets, kinds, evidences, st.randoms(use_true_random=False))
def test_the_order_of_evidence_and_of_policies_changes_nothing(policies, kinds, evidence, random) -> None:
    def shuffled(found: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(found, len(found)))

    mixed = replace(evidence, signatures=shuffled(evidence.signatures), rejected=shuffled(evidence.rejected))
    other = replace(policies, policies=shuffled(policies.policies))
    assert other.digest == policies.digest
    assert judged(other, mixed, kinds) == judged(policies, evidence, kinds)


@given(sets, kinds, evidences, st.randoms(use_true_random=False))
def test_the_order_within_a_policy_changes_no_answer(policies, kinds, evidence, random) -> None:
    def shuffled(found: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(found, len(found)))

    mixed = tuple(
        replace(
            one,
            rules=tuple(replace(rule, alternatives=shuffled(rule.alternatives)) for rule in shuffled(one.rules)),
            exemptions=shuffled(one.exemptions),
        )
        for one in policies.policies
    )
    before, after = judged(policies, evidence, kinds), judged(replace(policies, policies=mixed), evidence, kinds)
    assert (before.outcome, before.valid_until, before.exceptions) == (
        after.outcome, after.valid_until, after.exceptions
    )  # fmt: skip
    satisfied = [{(one.policy, one.rule): one.satisfied for one in found.results} for found in (before, after)]
    assert satisfied[0] == satisfied[1]


@given(sets, kinds, evidences, evidences, st.booleans())
def test_an_index_admits_no_child_that_is_denied_and_takes_no_admission_away(
    policies, kinds, evidence, about_index, bare
) -> None:
    child, index = judged(policies, evidence, kinds), judged(policies, about_index, (Kind(IMAGE),), INDEX)
    resolved = policies.resolve("team/app", Operation.PULL)
    covered = cover(child, [index], resolved, NOW, frozenset({INDEX}) if bare else frozenset())
    assert covered.admitted or not child.admitted
    if denied_by_name(child):
        assert covered == child
    if covered.admitted and not child.admitted:
        assert index.admitted
        assert covered.valid_until <= index.valid_until


@given(sets, kinds, evidences)
def test_every_decision_agrees_with_its_own_grounds(policies, kinds, evidence) -> None:
    decision = judged(policies, evidence, kinds)
    assert decision.admitted == (decision.finding is None)
    assert decision.admitted <= all(one.satisfied for one in decision.results if one.enforced)
    assert all(one.satisfied == (one.finding is None) for one in decision.results)
    assert all(str(one) in decision.warnings for one in decision.exceptions)


def test_unmatched_knows_nothing_of_evidence() -> None:
    for unmatched in Unmatched:
        empty = PolicySet(policies=(), unmatched=unmatched)
        assert judged(empty, Evidence(subject=DIGEST), ()).admitted is (unmatched is not Unmatched.DENY)
