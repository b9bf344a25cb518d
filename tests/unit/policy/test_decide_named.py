"""`decide` and `cover` where a policy names artifacts and signers, asks for freshness, or for signed children."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    Shortfall,
    Source,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Excepted, Outcome, Subject
from sealgate.policy.matchers import Exact, Glob
from sealgate.policy.model import (
    Denied,
    Exemption,
    KeylessRequirement,
    KeyRequirement,
    Mode,
    Policy,
    Resolved,
    Rule,
    SignatureType,
    Unmatched,
)
from sealgate.policy.rules import rests_until, wants_proof

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST, INDEX = Digest.of(b"an image"), Digest.of(b"an index")
KINDS = (Kind(IMAGE),)
ISSUER = "https://accounts.example"
DAY = timedelta(days=1)
LOST = Shortfall(reason=Reason.UPSTREAM_UNAVAILABLE, detail="lost")


def key(name: str) -> KeyRequirement:
    return KeyRequirement(name=name, key=PublicKey(fingerprint=name, spki=b"", algorithm="ed25519"))


def rule(*names: str, **more: Any) -> Rule:
    return Rule(**({"name": "signed", "alternatives": tuple(map(key, names)), "log": LogProof.NONE} | more))


def policy(*rules: Rule, **more: Any) -> Policy:
    return Policy(**({"name": "p", "repositories": (), "rules": rules} | more))


def resolved(*policies: Policy) -> Resolved:
    return Resolved(policies=policies, unmatched=Unmatched.DENY, digest="d")


def signed(name: str, number: int = 0, **more: Any) -> VerifiedSignature:
    facts = {"source": Source(INDEX, number), "signer": KeySigner(name), "log": LogProof.NONE}
    return VerifiedSignature(**(facts | more))


def keyless(identity: str, root: str = "default", **claims: str) -> VerifiedSignature:
    signer = KeylessSigner(identity=identity, issuer=ISSUER, trusted_root=root, claims=MappingProxyType(claims))
    return VerifiedSignature(source=Source(INDEX, 0), signer=signer, log=LogProof.INCLUSION, signed_at=(NOW - DAY,))


def ask(
    *policies: Policy, evidence: tuple[VerifiedSignature, ...] = (), digest: Digest = DIGEST, **more: Any
) -> Decision:
    kinds, now = more.pop("kinds", KINDS), more.pop("now", NOW)
    found = Evidence(subject=digest, signatures=evidence, **more)
    return decide(resolved(*policies), Subject(digest=digest, kinds=kinds), found, now)


def reason(decision: Decision) -> Reason:
    assert decision.finding is not None
    return decision.finding.reason


class TestClaims:
    def wanted(self, **claims: str) -> Rule:
        matchers = {name: Glob(text) if "*" in text else Exact(text) for name, text in claims.items()}
        asks = KeylessRequirement(identity=Exact("ci@team.example"), issuer=Exact(ISSUER), claims=matchers)
        return Rule(name="signed", alternatives=(asks,))

    def test_the_finding_names_claim_value_and_what_is_expected(self) -> None:
        asks = policy(self.wanted(source_repository_ref="refs/tags/*", build_trigger="push"))
        decision = ask(
            asks, evidence=(keyless("ci@team.example", source_repository_ref="refs/heads/x", build_trigger="push"),)
        )
        assert reason(decision) is Reason.CLAIM_MISMATCH
        assert decision.curable
        assert decision.finding is not None
        assert decision.finding.text == (
            f"signed by ci@team.example (issuer {ISSUER}), whose certificate says "
            "source_repository_ref refs/heads/x, expected refs/tags/*"
        )

    def test_a_claim_that_is_not_there(self) -> None:
        decision = ask(policy(self.wanted(build_trigger="**")), evidence=(keyless("ci@team.example"),))
        assert decision.finding is not None
        assert decision.finding.text.endswith("whose certificate says nothing of build_trigger, expected **")

    def test_another_signer_is_told_apart_from_another_claim(self) -> None:
        asks = policy(self.wanted(build_trigger="push"))
        assert (
            reason(ask(asks, evidence=(keyless("ci@evil.example", build_trigger="push"),))) is Reason.IDENTITY_MISMATCH
        )
        assert reason(ask(asks, evidence=(keyless("ci@team.example", "acme"),))) is Reason.IDENTITY_MISMATCH

    def test_any_alternative_may_hold_and_each_of_them_whole(self) -> None:
        first, second = (self.wanted(build_trigger=value).alternatives[0] for value in ("push", "schedule"))
        asks = policy(replace(self.wanted(), alternatives=(first, second)))
        assert ask(asks, evidence=(keyless("ci@team.example", build_trigger="schedule"),)).admitted
        assert reason(ask(asks, evidence=(keyless("ci@team.example", build_trigger="x"),))) is Reason.CLAIM_MISMATCH


class TestDenied:
    def signers(self, *identities: str, keys: tuple[str, ...] = ()) -> Denied:
        matchers = tuple(Glob(text) if "*" in text else Exact(text) for text in identities)
        return Denied(identities=matchers, keys=tuple(map(key, keys)))

    @pytest.mark.parametrize("mode", Mode)
    @pytest.mark.parametrize("asks", [{"rules": (rule("a"),)}, {"allow_unsigned": True}])
    def test_a25_a_digest_whatever_its_signatures_and_the_mode(self, mode: Mode, asks: dict[str, Any]) -> None:
        decision = ask(
            policy(name="one"),
            policy(name="two", mode=mode, denied=Denied(digests=frozenset({DIGEST})), fix="take 1.2", **asks),
            evidence=(signed("a"),),
        )
        assert (decision.outcome, reason(decision)) == (Outcome.DENY, Reason.DENIED_BY_POLICY)
        assert (decision.policy, decision.rule, decision.cure) == ("two", "denied", "take 1.2")
        assert not decision.curable

    def test_a_digest_beats_an_exception_of_its_own_policy(self) -> None:
        exemption = Exemption(digest=DIGEST, reason="x", expires=NOW + DAY)
        denied = Denied(digests=frozenset({DIGEST}))
        assert reason(ask(policy(rule("a"), exemptions=(exemption,), denied=denied))) is Reason.DENIED_BY_POLICY

    def test_it_is_said_before_any_other_reason_and_any_doubt(self) -> None:
        denied = Denied(digests=frozenset({DIGEST}))
        asks = [policy(rule("a"), name="a"), policy(rule("a"), name="z", denied=denied)]
        assert reason(ask(*asks)) is Reason.DENIED_BY_POLICY
        assert reason(ask(*asks, shortfalls=(LOST,))) is Reason.DENIED_BY_POLICY
        wasm = (Kind(frozenset({"wasm"})),)
        typed = policy(rule("a", artifact_types=IMAGE), denied=denied)
        assert reason(ask(typed, kinds=wasm)) is Reason.DENIED_BY_POLICY

    def test_a_signer_beside_one_who_satisfies(self) -> None:
        denied = self.signers("*@evil.example", keys=("old",))
        asks = policy(rule("a"), denied=denied)
        assert ask(asks, evidence=(signed("a"), keyless("ci@team.example"))).admitted
        for bad in (keyless("ci@evil.example"), keyless("ci@evil.example", "acme"), signed("old", 1)):
            decision = ask(asks, evidence=(signed("a"), bad))
            assert reason(decision) is Reason.DENIED_BY_POLICY
            assert decision.finding is not None
            assert decision.finding.source == str(bad.source)

    @pytest.mark.parametrize("asks", [{"rules": (rule("a"),)}, {"allow_unsigned": True}])
    @pytest.mark.parametrize("mode", Mode)
    def test_a25_whether_a_signer_who_is_denied_signed_is_in_doubt_while_something_cannot_be_read(
        self, asks: dict[str, Any], mode: Mode
    ) -> None:
        for denied in (self.signers("eve@evil.example"), self.signers(keys=("old",))):
            decision = ask(policy(denied=denied, mode=mode, **asks), evidence=(signed("a"),), shortfalls=(LOST,))
            assert (decision.outcome, reason(decision)) == (Outcome.UNDETERMINED, Reason.UPSTREAM_UNAVAILABLE)
            assert (decision.policy, decision.rule) == ("p", "denied")

    def test_a25_that_doubt_is_not_covered_by_an_index_or_an_exception(self) -> None:
        live = Exemption(digest=INDEX, reason="x", expires=NOW + DAY)
        for name in ("signed", "denied"):
            asks = policy(rule("a", name=name), denied=self.signers("eve@evil.example"), exemptions=(live,))
            index = ask(asks, evidence=(signed("a"),), digest=INDEX)
            assert index.admitted
            assert cover(ask(asks), [index], resolved(asks), NOW).admitted
            child = ask(asks, shortfalls=(LOST,))
            assert cover(child, [index], resolved(asks), NOW).outcome is Outcome.UNDETERMINED

    def test_a17_what_says_nothing_of_signers_leaves_no_doubt_about_them(self) -> None:
        """Nor does junk: more than is read never takes an admission away (design section 5)."""
        asks = policy(rule("a"), denied=self.signers("eve@evil.example"))
        for reason_ in (Reason.EVIDENCE_TOO_MUCH, Reason.LOG_UNAVAILABLE):
            short = Shortfall(reason=reason_, detail="x")
            assert ask(asks, evidence=(signed("a"),), shortfalls=(short,)).admitted
        digests = policy(rule("a"), denied=Denied(digests=frozenset({INDEX})))
        assert ask(digests, evidence=(signed("a"),), shortfalls=(LOST,)).admitted

    def test_what_it_says(self) -> None:
        denied = self.signers("eve@evil.example", keys=("old",))
        told = [
            ask(policy(denied=denied), evidence=(one,)).finding for one in (keyless("eve@evil.example"), signed("old"))
        ]
        assert [one.text for one in told if one] == [
            "it is signed by eve@evil.example, and what they sign is denied",
            "it is signed with key old, and what they sign is denied",
        ]

    def test_a26_a_denied_index_admits_no_child_and_a_denied_child_has_no_index(self) -> None:
        asks = policy(rule("a"), denied=Denied(digests=frozenset({INDEX})))
        index = ask(asks, evidence=(signed("a"),), digest=INDEX)
        assert not cover(ask(asks), [index], resolved(asks), NOW).admitted
        asks = policy(rule("a"), denied=Denied(digests=frozenset({DIGEST})))
        index, child = ask(asks, evidence=(signed("a"),), digest=INDEX), ask(asks)
        assert index.admitted
        assert reason(cover(child, [index], resolved(asks), NOW)) is Reason.DENIED_BY_POLICY

    def test_a_rule_of_that_name_stands_in_for_nothing(self) -> None:
        """The result's name is no way around it: a rule may be called `denied` too."""
        asks = policy(rule("a", name="denied"), denied=Denied(digests=frozenset({DIGEST})))
        index = ask(asks, evidence=(signed("a"),), digest=INDEX)
        assert not cover(ask(asks), [index], resolved(asks), NOW).admitted


class TestExceptions:
    live = Exemption(digest=DIGEST, reason="incident 12", expires=NOW + timedelta(minutes=5), approved_by="ann")
    over = replace(live, expires=NOW)

    def test_it_passes_and_is_recorded_and_told(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.live,)))
        assert decision.admitted
        assert decision.exceptions == (
            Excepted(policy="p", digest=DIGEST, reason="incident 12", expires=self.live.expires, approved_by="ann"),
        )
        assert decision.warnings == (
            "exception of policy p until 2026-11-23 12:05:00 UTC: incident 12, approved by ann",
        )
        assert decision.valid_until == self.live.expires
        assert decision.results[0].findings == ()

    def test_also_where_it_was_not_needed(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.live,)), evidence=(signed("a"),))
        assert decision.exceptions
        assert decision.results[0].signers == ("key a",)

    def test_it_is_told_first_so_that_no_bound_on_headers_hides_it(self) -> None:
        wishes = policy(*(rule("b", name=f"wish {n}", required=False) for n in range(9)), name="a")
        decision = ask(wishes, policy(rule("a"), exemptions=(self.live,)))
        assert decision.warnings[0].startswith("exception of policy p")

    def test_its_own_policy_only(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.live,)), policy(rule("a"), name="q"))
        assert (decision.outcome, decision.policy) == (Outcome.DENY, "q")
        assert decision.exceptions
        assert ask(policy(rule("a"), exemptions=(self.live,)), digest=INDEX).outcome is Outcome.DENY

    def test_whatever_its_type_and_whatever_could_not_be_read(self) -> None:
        gpg = Rule(name="g", signature_type=SignatureType.GPG)
        assert ask(policy(gpg, exemptions=(self.live,)), shortfalls=(LOST,)).admitted
        wasm = (Kind(frozenset({"wasm"})),)
        assert ask(policy(rule("a", artifact_types=IMAGE), exemptions=(self.live,)), kinds=wasm).admitted

    def test_an_expired_one_is_nothing_but_a_finding(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.over,)))
        assert (decision.outcome, reason(decision)) == (Outcome.DENY, Reason.EXCEPTION_EXPIRED)
        assert decision.finding is not None
        assert decision.finding.text == (
            "its exception (incident 12) expired 2026-11-23 12:00:00 UTC; no signature found, expected key a"
        )
        assert decision.cure.startswith("sign it with")
        assert decision.curable
        assert not decision.exceptions
        assert not decision.warnings
        assert [one.reason for one in decision.results[0].findings] == [Reason.SIGNATURE_MISSING]

    def test_an_expired_one_takes_nothing_away(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.over,)), evidence=(signed("a"),))
        assert decision.admitted
        assert [one.reason for one in decision.results[0].findings] == [Reason.EXCEPTION_EXPIRED]

    def test_an_expired_one_tells_nothing_twice(self) -> None:
        decision = ask(policy(rule("a"), exemptions=(self.over,)), evidence=(signed("b"),))
        assert [one.reason for one in decision.results[0].findings] == [Reason.KEY_NOT_TRUSTED]

    def test_an_expired_one_settles_no_doubt_and_promises_no_cure(self) -> None:
        asks = policy(rule("a"), exemptions=(self.over,))
        assert reason(ask(asks, shortfalls=(LOST,))) is Reason.UPSTREAM_UNAVAILABLE
        gpg = policy(Rule(name="g", signature_type=SignatureType.GPG), exemptions=(self.over,))
        assert reason(ask(gpg)) is Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET

    def test_an_indexs_children_pass_with_it(self) -> None:
        wasm = rule("b", name="wasm", artifact_types=frozenset({"wasm"}), covers_children=False)
        asks = policy(rule("a", covers_children=False), wasm, exemptions=(replace(self.live, digest=INDEX),))
        index = ask(asks, digest=INDEX)
        child = ask(asks, kinds=(*KINDS, Kind(frozenset({"wasm"}))))
        covered = cover(child, [index], resolved(asks), NOW)
        assert covered.admitted
        assert covered.covered_by == INDEX
        assert covered.exceptions == index.exceptions
        assert covered.warnings == index.warnings
        assert covered.valid_until == self.live.expires

    def test_an_index_in_doubt_with_one_makes_its_children_doubtful(self) -> None:
        live = replace(self.live, digest=INDEX)
        asks = [policy(rule("a", covers_children=False), exemptions=(live,)), policy(rule("b"), name="q")]
        index = ask(*asks, digest=INDEX, shortfalls=(LOST,))
        assert index.outcome is Outcome.UNDETERMINED
        assert cover(ask(*asks), [index], resolved(*asks), NOW).outcome is Outcome.UNDETERMINED

    def test_but_for_its_own_policy_only(self) -> None:
        asks = [policy(rule("a"), exemptions=(replace(self.live, digest=INDEX),)), policy(rule("b"), name="q")]
        index = ask(*asks, digest=INDEX, evidence=(signed("b"),))
        assert cover(ask(*asks), [index], resolved(*asks), NOW).admitted
        index = ask(*asks, digest=INDEX)
        assert not index.admitted
        assert not cover(ask(*asks), [index], resolved(*asks), NOW).admitted

    def test_what_a_denial_rests_on_ends_with_the_exception(self) -> None:
        soon = replace(self.live, expires=NOW + timedelta(seconds=1))
        decision = ask(policy(rule("a"), exemptions=(soon,)), policy(rule("a"), name="q"))
        assert decision.valid_until == soon.expires
        index = ask(policy(rule("a")), policy(rule("a"), name="q"), digest=INDEX, evidence=(signed("a"),))
        covered = cover(decision, [index], resolved(policy(rule("a")), policy(rule("a"), name="q")), NOW)
        assert covered.admitted
        assert covered.valid_until == soon.expires
        assert covered.exceptions == decision.exceptions


class TestFreshness:
    def test_an_admission_ends_when_what_it_rests_on_is_too_old(self) -> None:
        asks = policy(rule("a", max_age=DAY))
        young = signed("a", signed_at=(NOW - DAY + timedelta(minutes=1),))
        assert ask(asks, evidence=(young,)).valid_until == NOW + timedelta(minutes=1)
        assert reason(ask(asks, evidence=(young,), now=NOW + timedelta(minutes=1))) is Reason.SIGNATURE_TOO_OLD

    def test_the_youngest_that_will_do_counts_for_that(self) -> None:
        ages = [timedelta(hours=hours) for hours in (23.75, 23.5, 2)]
        names = "abc"
        found = [signed(name, n, signed_at=(NOW - age,)) for n, (name, age) in enumerate(zip(names, ages, strict=True))]
        for threshold, minutes in ((1, 60), (2, 30), (3, 15)):
            asks = policy(rule(*names, threshold=threshold, max_age=DAY))
            decision = ask(asks, evidence=tuple(found))
            assert decision.valid_until == NOW + timedelta(minutes=minutes)
        twice = Evidence(subject=DIGEST, signatures=(*found, replace(found[0], signed_at=(NOW,))))
        assert rests_until(rule(*names, threshold=3, max_age=DAY), twice, NOW) == NOW + timedelta(minutes=30)

    def test_a25_an_admission_ends_with_the_earliest_time_of_its_signature(self) -> None:
        twice = signed("a", signed_at=(NOW, NOW - DAY + timedelta(minutes=1)))
        assert ask(policy(rule("a", max_age=DAY)), evidence=(twice,)).valid_until == NOW + timedelta(minutes=1)

    def test_a25_a_further_timestamp_makes_no_old_signature_young(self) -> None:
        asks = policy(rule("a", max_age=DAY))
        again = signed("a", signed_at=(NOW, NOW - 2 * DAY))
        assert reason(ask(asks, evidence=(again,))) is Reason.SIGNATURE_TOO_OLD
        since = policy(rule("a", min_signed_at=NOW - DAY))
        assert reason(ask(since, evidence=(again,))) is Reason.SIGNATURE_TOO_OLD

    def test_what_it_says(self) -> None:
        def told(**asks: Any) -> str:
            finding = ask(policy(rule("a", **asks)), evidence=(signed("a", signed_at=(NOW - 3 * DAY,)),)).finding
            return finding.text if finding else ""

        assert told(max_age=2 * DAY) == "signed 2026-11-20 12:00:00 UTC, expected not longer ago than 2 days"
        assert told(max_age=timedelta(hours=1)).endswith("than 1 hour")
        assert told(max_age=timedelta(minutes=90)).endswith("than 90 minutes")
        assert told(min_signed_at=NOW) == "signed 2026-11-20 12:00:00 UTC, expected 2026-11-23 12:00:00 UTC or later"

    def test_the_log_is_not_asked_about_what_is_too_old(self) -> None:
        asks = rule("a", max_age=DAY, log=LogProof.INCLUSION, fetches_proof=True)
        facts = {"log": LogProof.PROMISE}
        assert wants_proof([asks], signed("a", signed_at=(NOW,), **facts), NOW)
        assert not wants_proof([asks], signed("a", signed_at=(NOW - DAY,), **facts), NOW)


class TestEach:
    asks = policy(rule("a", covers_children=False))

    def index(self, *evidence: VerifiedSignature, **more: Any) -> Decision:
        return ask(self.asks, digest=INDEX, evidence=evidence, **more)

    def test_the_child_needs_a_signature_of_its_own(self) -> None:
        decision = cover(ask(self.asks), [self.index(signed("a"))], resolved(self.asks), NOW)
        assert (decision.outcome, reason(decision)) == (Outcome.DENY, Reason.CHILD_NOT_SIGNED)
        assert decision.curable
        assert decision.finding is not None
        assert decision.finding.text == (
            f"no signature found, expected key a; its index {INDEX} is signed, and the rule asks that each manifest is"
        )

    def test_what_is_for_no_platform_needs_none(self) -> None:
        index = self.index(signed("a"))
        covered = cover(ask(self.asks), [index], resolved(self.asks), NOW, frozenset({INDEX}))
        assert covered.admitted
        assert covered.covered_by == INDEX

    def test_only_in_the_index_that_says_so(self) -> None:
        other = replace(self.index(), digest=Digest.of(b"another index"))
        decision = cover(
            ask(self.asks), [self.index(signed("a")), other], resolved(self.asks), NOW, frozenset({other.digest})
        )
        assert reason(decision) is Reason.CHILD_NOT_SIGNED

    def test_an_index_that_could_not_help_leaves_no_doubt(self) -> None:
        doubtful = self.index(shortfalls=(LOST,))
        decision = cover(ask(self.asks), [doubtful], resolved(self.asks), NOW)
        assert (decision.outcome, reason(decision)) == (Outcome.DENY, Reason.SIGNATURE_MISSING)
        bare = cover(ask(self.asks), [doubtful], resolved(self.asks), NOW, frozenset({INDEX}))
        assert bare.outcome is Outcome.UNDETERMINED

    def test_another_fault_is_told_as_it_is(self) -> None:
        child = ask(self.asks, evidence=(signed("b"),))
        decision = cover(child, [self.index(signed("a"))], resolved(self.asks), NOW)
        assert reason(decision) is Reason.KEY_NOT_TRUSTED

    def test_an_unsigned_index_makes_no_difference(self) -> None:
        assert reason(cover(ask(self.asks), [self.index()], resolved(self.asks), NOW)) is Reason.SIGNATURE_MISSING

    def test_rules_beside_it_are_covered(self) -> None:
        asks = policy(rule("a", name="each", covers_children=False), rule("b", name="index"))
        index = ask(asks, digest=INDEX, evidence=(signed("a"), signed("b", 1)))
        assert cover(ask(asks, evidence=(signed("a"),)), [index], resolved(asks), NOW).admitted
        assert reason(cover(ask(asks), [index], resolved(asks), NOW)) is Reason.CHILD_NOT_SIGNED
        free = policy(*self.asks.rules, Rule(name="free", artifact_types=IMAGE, allow_unsigned=True))
        index = ask(free, digest=INDEX, evidence=(signed("a"),))
        assert reason(cover(ask(free), [index], resolved(free), NOW)) is Reason.CHILD_NOT_SIGNED

    def test_an_index_that_could_not_help_with_all_of_it_leaves_no_doubt(self) -> None:
        asks = policy(rule("a", name="each", covers_children=False), rule("b", name="index"))
        doubtful = ask(asks, digest=INDEX, shortfalls=(LOST,))
        assert cover(ask(asks), [doubtful], resolved(asks), NOW).outcome is Outcome.DENY

    def test_an_index_that_could_help_with_what_is_missing_leaves_a_doubt(self) -> None:
        each, index = rule("a", name="each", covers_children=False), rule("b", name="index")
        signs_itself = ([policy(each, index)], (signed("a"),))
        only_warned = ([policy(each, mode=Mode.WARN), policy(index, name="q")], ())
        for asks, evidence in (signs_itself, only_warned):
            doubtful = ask(*asks, digest=INDEX, shortfalls=(LOST,))
            child = ask(*asks, evidence=evidence)
            assert child.outcome is Outcome.DENY
            assert cover(child, [doubtful], resolved(*asks), NOW).outcome is Outcome.UNDETERMINED

    def test_what_neither_of_them_satisfies_is_told_still(self) -> None:
        asks = policy(rule("a"), rule("b", name="wish", required=False))
        covered = cover(ask(asks), [ask(asks, digest=INDEX, evidence=(signed("a"),))], resolved(asks), NOW)
        assert covered.admitted
        assert [one.partition(":")[0] for one in covered.warnings] == ["not satisfied"]


class TestReferences:
    asks = policy(rule("a", references=frozenset({"gate.example/team/app"})))

    @pytest.mark.parametrize(("named", "said"), [("", "names no repository"), ("other/app:1", "names other/app:1")])
    def test_what_was_signed_under_another_name(self, named: str, said: str) -> None:
        assert ask(self.asks, evidence=(signed("a", reference="gate.example/team/app:1"),)).admitted
        decision = ask(self.asks, evidence=(signed("a", reference=named),))
        assert reason(decision) is Reason.REFERENCE_MISMATCH
        assert decision.finding is not None
        assert decision.finding.text == f"what was signed {said}, and the rule asks that it names this one"
