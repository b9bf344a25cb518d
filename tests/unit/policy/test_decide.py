"""`decide` and `cover`: each condition is shown by the one fact that turns the answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LoggedEntry,
    LogProof,
    LogRecord,
    RejectedCandidate,
    Shortfall,
    Source,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.policy.cover import cover
from sealgate.policy.decide import ALLOW_UNSIGNED, decide, refuse
from sealgate.policy.decision import Decision, Finding, Outcome, Subject
from sealgate.policy.model import (
    KeylessRequirement,
    KeyRequirement,
    Mode,
    Policy,
    PolicySet,
    Resolved,
    Rule,
    SignatureType,
    Unmatched,
)
from sealgate.policy.rules import wants_proof

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = Digest.of(b"an image")
INDEX = Digest.of(b"an index")
SOURCE = Source(Digest.of(b"a carrier"), 0)
ISSUER = "https://accounts.example"
IMAGE_KIND = Kind(IMAGE)
SBOM_KIND = Kind(frozenset({"application/spdx+json"}))


class Exactly:
    """The simplest matcher."""

    def __init__(self, text: str) -> None:
        self.text = text

    def matches(self, value: str) -> bool:
        return value == self.text

    def fill(self, captures: object) -> "Exactly":
        return self


def key(name: str) -> PublicKey:
    return PublicKey(fingerprint=f"fingerprint of {name}", spki=b"", algorithm="ecdsa-p256")


def key_rule(*names: str, **more: object) -> Rule:
    alternatives = tuple(KeyRequirement(name=name, key=key(name)) for name in names)
    return Rule(**({"name": "signed", "alternatives": alternatives, "log": LogProof.NONE} | more))


def keyless_rule(identity: str = "ci@team.example", issuer: str = ISSUER, **more: object) -> Rule:
    wanted = KeylessRequirement(identity=Exactly(identity), issuer=Exactly(issuer))
    return Rule(**({"name": "signed", "alternatives": (wanted,)} | more))


def policy(*rules: Rule, **more: object) -> Policy:
    return Policy(**({"name": "p", "repositories": (), "rules": rules} | more))


def resolved(*policies: Policy, unmatched: Unmatched = Unmatched.DENY) -> Resolved:
    return Resolved(policies=policies, unmatched=unmatched, digest="d")


def by_key(name: str, log: LogProof = LogProof.NONE, **more: object) -> VerifiedSignature:
    return VerifiedSignature(**({"source": SOURCE, "signer": KeySigner(key(name).fingerprint), "log": log} | more))


def keyless(identity: str = "ci@team.example", issuer: str = ISSUER, **more: object) -> VerifiedSignature:
    facts = {
        "source": SOURCE,
        "signer": KeylessSigner(identity=identity, issuer=issuer),
        "log": LogProof.INCLUSION,
        "signed_at": (NOW - timedelta(days=1),),
    }
    return VerifiedSignature(**(facts | more))


def ask(
    policies: Resolved, *signatures: VerifiedSignature, kinds: tuple[Kind, ...] = (IMAGE_KIND,), **more
) -> Decision:
    evidence = Evidence(subject=DIGEST, signatures=signatures, **more)
    return decide(policies, Subject(digest=DIGEST, kinds=kinds), evidence, NOW)


def refused(decision: Decision) -> Reason:
    assert decision.outcome is not Outcome.ADMIT
    assert decision.finding is not None
    return decision.finding.reason


def windowed(start: int | None, end: int | None) -> KeyRequirement:
    """A key that counts from so many days before now until so many days before now."""
    begin, over = (None if days is None else NOW - timedelta(days=days) for days in (start, end))
    return KeyRequirement(name="release", key=key("release"), not_before=begin, not_after=over)


class TestWindowsOfKeys:
    """Attacks A7 (sigstore-go CVE-2026-54787): ends are in the window, and every time must be."""

    @pytest.mark.parametrize(
        ("start", "end", "signed", "good"),
        [
            (3, None, (3,), True), (3, None, (4,), False), (None, 3, (3,), True), (None, 3, (2,), False),
            (5, 3, (4,), True), (5, 3, (4, 2), False), (5, 3, (6, 4), False),
            (3, None, (), True), (None, 0, (), True), (None, 1, (), False), (-1, None, (), False),
        ],
    )  # fmt: skip
    def test_a7_a_key_counts_when_it_signed_within_its_window(self, start, end, signed, good) -> None:
        rule = key_rule(alternatives=(windowed(start, end),))
        times = tuple(NOW - timedelta(days=days) for days in signed)
        decision = ask(resolved(policy(rule)), by_key("release", signed_at=times))
        if good:
            assert decision.admitted
        else:
            assert refused(decision) is Reason.KEY_OUTSIDE_VALIDITY
            began, ended = rule.alternatives[0].not_before, rule.alternatives[0].not_after
            told = f" from {began or NOW:%Y-%m-%d %H:%M:%S} UTC" * (began is not None)
            told += f" until {ended or NOW:%Y-%m-%d %H:%M:%S} UTC" * (ended is not None)
            assert decision.finding.text.endswith(f"with key release, which counts{told}")

    def test_a7_one_of_two_windows_of_one_key_is_enough_and_half_of_each_is_not(self) -> None:
        rule = key_rule(alternatives=(windowed(9, 7), windowed(5, 3)))
        for days, good in (((4,), True), ((8,), True), ((6,), False), ((8, 4), False)):
            times = tuple(NOW - timedelta(days=day) for day in days)
            assert ask(resolved(policy(rule)), by_key("release", signed_at=times)).admitted is good

    def test_a7_an_admission_ends_with_the_key(self) -> None:
        end = NOW + timedelta(minutes=5)
        wanted = KeyRequirement(name="release", key=key("release"), not_after=end)
        decision = ask(resolved(policy(key_rule(alternatives=(wanted,)))), by_key("release"))
        assert decision.admitted
        assert decision.valid_until == end


def test_a_signature_by_the_key_is_enough() -> None:
    decision = ask(resolved(policy(key_rule("release"))), by_key("release"))
    assert decision.admitted
    assert decision.results[0].signers == ("key release",)


def test_no_signature() -> None:
    decision = ask(resolved(policy(key_rule("release"))))
    assert refused(decision) is Reason.SIGNATURE_MISSING
    assert decision.cure == "sign it with `cosign sign --key <private key of release> {reference}`"
    assert decision.curable


def test_a_signature_by_another_key() -> None:
    assert refused(ask(resolved(policy(key_rule("release"))), by_key("other"))) is Reason.KEY_NOT_TRUSTED


def test_evidence_about_another_digest_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="another digest"):
        decide(resolved(policy(key_rule("a"))), Subject(digest=INDEX, kinds=()), Evidence(subject=DIGEST), NOW)


class TestKeyless:
    def test_admits(self) -> None:
        assert ask(resolved(policy(keyless_rule())), keyless()).admitted

    def test_another_identity(self) -> None:
        decision = ask(resolved(policy(keyless_rule())), keyless(identity="ci@other.example"))
        assert refused(decision) is Reason.IDENTITY_MISMATCH
        assert decision.finding is not None
        assert decision.finding.text == (
            f"signed by ci@other.example (issuer {ISSUER}), expected ci@team.example (issuer {ISSUER})"
        )

    def test_another_issuer(self) -> None:
        assert refused(ask(resolved(policy(keyless_rule())), keyless(issuer="https://evil"))) is Reason.ISSUER_MISMATCH

    def test_another_trusted_root(self) -> None:
        signer = KeylessSigner(identity="ci@team.example", issuer=ISSUER, trusted_root="other")
        decision = ask(resolved(policy(keyless_rule())), keyless(signer=signer))
        assert refused(decision) is Reason.IDENTITY_MISMATCH
        assert decision.finding is not None
        assert decision.finding.text == (
            f"signed by ci@team.example (issuer {ISSUER}, trusted root other), "
            f"expected ci@team.example (issuer {ISSUER})"
        )

    def test_the_trusted_root_that_the_rule_names(self) -> None:
        rule = keyless_rule()
        rule = replace(rule, alternatives=(replace(rule.alternatives[0], trusted_root="other"),))
        signer = KeylessSigner(identity="ci@team.example", issuer=ISSUER, trusted_root="other")
        assert ask(resolved(policy(rule)), keyless(signer=signer)).admitted
        assert refused(ask(resolved(policy(rule)), keyless())) is Reason.IDENTITY_MISMATCH

    def test_where_only_a_key_is_asked_for(self) -> None:
        assert refused(ask(resolved(policy(key_rule("k"))), keyless())) is Reason.KEY_NOT_TRUSTED

    def test_a3_without_a_verified_time(self) -> None:
        assert refused(ask(resolved(policy(keyless_rule())), keyless(signed_at=()))) is Reason.TIMESTAMP_MISSING

    def test_a5_signed_in_the_future(self) -> None:
        later = keyless(signed_at=(NOW - timedelta(days=1), NOW + timedelta(seconds=1)))
        assert refused(ask(resolved(policy(keyless_rule())), later)) is Reason.SIGNED_IN_THE_FUTURE


class TestLog:
    @pytest.mark.parametrize(
        ("asked", "given", "reason"),
        [
            (LogProof.INCLUSION, LogProof.NONE, Reason.LOG_ENTRY_MISSING),
            (LogProof.INCLUSION, LogProof.PROMISE, Reason.LOG_PROOF_MISSING),
            (LogProof.PROMISE, LogProof.NONE, Reason.LOG_ENTRY_MISSING),
        ],
    )
    def test_less_than_asked_for(self, asked: LogProof, given: LogProof, reason: Reason) -> None:
        assert refused(ask(resolved(policy(key_rule("k", log=asked))), by_key("k", given))) is reason

    @pytest.mark.parametrize("given", [LogProof.PROMISE, LogProof.INCLUSION])
    def test_as_much_or_more(self, given: LogProof) -> None:
        assert ask(resolved(policy(key_rule("k", log=LogProof.PROMISE))), by_key("k", given)).admitted


class TestThreshold:
    def test_two_of_three(self) -> None:
        rule = key_rule("a", "b", "c", threshold=2)
        assert ask(resolved(policy(rule)), by_key("a"), by_key("c")).admitted

    def test_one_signer_twice_is_one(self) -> None:
        decision = ask(resolved(policy(key_rule("a", "b", threshold=2))), by_key("a"), by_key("a"))
        assert refused(decision) is Reason.THRESHOLD_NOT_MET

    def test_one_key_under_two_names_is_one(self) -> None:
        twins = tuple(KeyRequirement(name=name, key=key("a")) for name in ("a", "alias"))
        rule = replace(key_rule(), alternatives=twins, threshold=2)
        assert refused(ask(resolved(policy(rule)), by_key("a"), by_key("a"))) is Reason.THRESHOLD_NOT_MET

    def test_claims_do_not_make_one_signer_two(self) -> None:
        twice = [
            keyless(signer=KeylessSigner(identity="ci@team.example", issuer=ISSUER, claims={"run": run}))
            for run in ("1", "2")
        ]
        assert refused(ask(resolved(policy(keyless_rule(threshold=2))), *twice)) is Reason.THRESHOLD_NOT_MET

    def test_a6_one_identity_under_two_trusted_roots_is_one(self) -> None:
        rule = keyless_rule(threshold=2)
        rule = replace(rule, alternatives=(*rule.alternatives, replace(rule.alternatives[0], trusted_root="other")))
        signer = KeylessSigner(identity="ci@team.example", issuer=ISSUER, trusted_root="other")
        assert refused(ask(resolved(policy(rule)), keyless(), keyless(signer=signer))) is Reason.THRESHOLD_NOT_MET


class TestCombination:
    def test_every_rule_must_be_satisfied(self) -> None:
        both = resolved(policy(key_rule("a", name="first"), key_rule("b", name="second")))
        assert ask(both, by_key("a"), by_key("b")).admitted
        decision = ask(both, by_key("a"))
        assert decision.rule == "second"

    def test_every_policy_must_be_satisfied(self) -> None:
        both = resolved(policy(key_rule("a")), policy(key_rule("b"), name="q"))
        assert ask(both, by_key("a"), by_key("b")).admitted
        assert ask(both, by_key("a")).policy == "q"

    def test_allow_unsigned_relaxes_no_other_policy(self) -> None:
        both = resolved(policy(allow_unsigned=True), policy(key_rule("a"), name="q"))
        assert refused(ask(both)) is Reason.SIGNATURE_MISSING

    @pytest.mark.parametrize("mode", Mode)
    def test_allow_unsigned_policy(self, mode: Mode) -> None:
        decision = ask(resolved(policy(allow_unsigned=True, mode=mode)))
        assert decision.admitted
        assert [(one.rule, one.enforced) for one in decision.results] == [(ALLOW_UNSIGNED, mode is Mode.ENFORCE)]

    def test_allow_unsigned_of_one_policy_covers_what_no_rule_of_another_is_for(self) -> None:
        charts = policy(key_rule("a", artifact_types=frozenset({"helm"})), name="q")
        assert ask(resolved(policy(allow_unsigned=True), charts)).admitted

    def test_a_rule_that_is_not_required_only_warns(self) -> None:
        decision = ask(resolved(policy(key_rule("a"), key_rule("b", name="wish", required=False))), by_key("a"))
        assert decision.admitted
        assert decision.warnings[0].startswith("not satisfied: policy p, rule wish")

    def test_a_required_false_rule_alone_covers_nothing(self) -> None:
        for types in (None, IMAGE):
            decision = ask(resolved(policy(key_rule("b", required=False, artifact_types=types))), by_key("b"))
            assert refused(decision) is Reason.ARTIFACT_TYPE_NOT_COVERED

    def test_a_policy_that_warns_lets_through_and_says_so(self) -> None:
        decision = ask(resolved(policy(key_rule("a"), mode=Mode.WARN)))
        assert decision.admitted
        assert "would be denied by policy p, rule signed: no signature found" in decision.warnings[0]

    def test_denial_comes_before_doubt(self) -> None:
        gpg = Rule(name="gpg", signature_type=SignatureType.GPG)
        lost = Shortfall(reason=Reason.UPSTREAM_UNAVAILABLE, detail="lost")
        decision = ask(resolved(policy(key_rule("a"), gpg)), shortfalls=(lost,))
        assert decision.outcome is Outcome.DENY

    def test_it_names_the_policy_that_denies_and_what_that_is_for(self) -> None:
        both = resolved(
            policy(key_rule("a"), description="ours"), policy(key_rule("b"), name="q", description="theirs")
        )
        for signer, name, description in (("a", "q", "theirs"), ("b", "p", "ours")):
            decision = ask(both, by_key(signer))
            assert (decision.policy, decision.description) == (name, description)

    @pytest.mark.parametrize(
        ("doubt", "reason"), [(True, Reason.UPSTREAM_UNAVAILABLE), (False, Reason.BLOB_NOT_ADMITTED)]
    )
    def test_a_refusal_of_the_gates_own_is_kept_unless_it_is_a_doubt(self, doubt: bool, reason: Reason) -> None:
        decision = refuse(Subject(digest=DIGEST, kinds=()), Finding(reason=reason, text="no"), NOW)
        assert decision.outcome is (Outcome.UNDETERMINED if doubt else Outcome.DENY)
        assert decision.valid_until == (NOW if doubt else NOW + timedelta(seconds=5))


class TestUnmatched:
    def test_deny(self) -> None:
        decision = ask(resolved())
        assert refused(decision) is Reason.REPOSITORY_NOT_COVERED
        assert not decision.curable

    def test_warn(self) -> None:
        decision = ask(resolved(unmatched=Unmatched.WARN))
        assert decision.admitted
        assert decision.warnings

    def test_admit(self) -> None:
        decision = ask(resolved(unmatched=Unmatched.ADMIT))
        assert decision.admitted
        assert not decision.warnings


class TestShortfalls:
    lost = Shortfall(reason=Reason.UPSTREAM_UNAVAILABLE, detail="its signatures could not be read")

    def test_what_was_not_read_cannot_be_called_missing(self) -> None:
        decision = ask(resolved(policy(key_rule("a"))), shortfalls=(self.lost,))
        assert decision.outcome is Outcome.UNDETERMINED
        assert decision.valid_until == NOW
        assert not decision.cure

    def test_extra_evidence_never_takes_an_admission_away(self) -> None:
        junk = RejectedCandidate(source=SOURCE, reason=Reason.PAYLOAD_MALFORMED, detail="junk")
        decision = ask(resolved(policy(key_rule("a"))), by_key("a"), rejected=(junk,), shortfalls=(self.lost,))
        assert decision.admitted


class TestProofsOfTheLogItself:
    silent = Shortfall(reason=Reason.LOG_UNAVAILABLE, detail="the log did not answer")
    promised = LoggedEntry(log="l", index=7, leaf=b"leaf")
    record = LogRecord(log_id="l", proof=LogProof.PROMISE, index=7)

    def signature(self) -> VerifiedSignature:
        return keyless(log=LogProof.PROMISE, entry=self.promised, entries=(self.record,))

    def test_a_proof_that_was_fetched_is_as_good_as_one_that_came(self) -> None:
        rule = keyless_rule(fetches_proof=True)
        assert refused(ask(resolved(policy(rule)), self.signature())) is Reason.LOG_PROOF_MISSING
        proven = self.signature().proven()
        assert ask(resolved(policy(rule)), proven).admitted
        assert proven.entries == (replace(self.record, proof=LogProof.INCLUSION),)

    def test_one_entry_is_proven_and_no_other(self) -> None:
        other = LogRecord(log_id="cd", proof=LogProof.PROMISE, index=8)
        signature = replace(self.signature(), entries=(self.record, other))
        assert [one.proof for one in signature.proven().entries] == [LogProof.INCLUSION, LogProof.PROMISE]

    def test_a_log_that_does_not_answer_leaves_those_in_doubt_who_ask_it(self) -> None:
        asking = ask(resolved(policy(keyless_rule(fetches_proof=True))), self.signature(), shortfalls=(self.silent,))
        assert asking.outcome is Outcome.UNDETERMINED
        assert asking.finding is not None
        assert asking.finding.reason is Reason.LOG_UNAVAILABLE
        others = ask(resolved(policy(keyless_rule())), self.signature(), shortfalls=(self.silent,))
        assert refused(others) is Reason.LOG_PROOF_MISSING
        assert others.outcome is Outcome.DENY

    def test_it_takes_no_admission_away(self) -> None:
        rule = keyless_rule(fetches_proof=True)
        assert ask(resolved(policy(rule)), self.signature(), keyless(), shortfalls=(self.silent,)).admitted

    @pytest.mark.parametrize(
        ("rule", "signature", "asked"),
        [
            (keyless_rule(fetches_proof=True), {}, True),
            (keyless_rule(), {}, False),
            (keyless_rule(log=LogProof.PROMISE), {}, False),
            (keyless_rule(fetches_proof=True, identity="other@team.example"), {}, False),
            (keyless_rule(fetches_proof=True, issuer="https://other.example"), {}, False),
            (keyless_rule(fetches_proof=True), {"log": LogProof.INCLUSION}, False),
            (keyless_rule(fetches_proof=True), {"log": LogProof.NONE}, False),
            (keyless_rule(fetches_proof=True), {"signed_at": ()}, False),
            (keyless_rule(fetches_proof=True), {"signer": KeySigner("fingerprint of a")}, False),
            (
                key_rule("a", fetches_proof=True, log=LogProof.INCLUSION),
                {"signer": KeySigner("fingerprint of a")},
                True,
            ),
            (
                key_rule("a", fetches_proof=True, log=LogProof.INCLUSION),
                {"signer": KeySigner("fingerprint of b")},
                False,
            ),
        ],
    )
    def test_a29_the_log_is_asked_only_for_what_would_then_count(
        self, rule: Rule, signature: dict, asked: bool
    ) -> None:
        facts = replace(self.signature(), **signature)
        assert wants_proof([key_rule("z"), rule], facts, NOW) is asked

    def test_it_is_part_of_what_a_decision_depends_on(self) -> None:
        sets = [PolicySet(policies=(policy(key_rule("a", fetches_proof=online)),)) for online in (False, True)]
        assert len({one.digest for one in sets}) == 2


class TestArtifactTypes:
    spdx = frozenset({"application/spdx+json"})

    def test_a_rule_for_another_type_does_not_apply(self) -> None:
        rule = key_rule("a", artifact_types=frozenset({"helm"}))
        assert refused(ask(resolved(policy(rule)), by_key("a"))) is Reason.ARTIFACT_TYPE_NOT_COVERED

    @pytest.mark.parametrize(("modes", "admitted"), [([Mode.WARN], True), ([Mode.WARN, Mode.ENFORCE], False)])
    def test_a_type_that_no_rule_is_for_is_denied_where_a_policy_enforces(self, modes: list, admitted: bool) -> None:
        charts = key_rule("a", artifact_types=frozenset({"helm"}))
        decision = ask(resolved(*(policy(charts, name=mode, mode=mode) for mode in modes)))
        assert decision.admitted is admitted
        assert [one.partition(": ")[0] for one in decision.warnings] == ["would be denied"] * admitted

    def test_what_claims_to_be_nothing_passes_by_no_free_rule(self) -> None:
        free = Rule(name="sboms", artifact_types=self.spdx, allow_unsigned=True)
        assert refused(ask(resolved(policy(free)), kinds=())) is Reason.ARTIFACT_TYPE_NOT_COVERED

    def test_rules_for_each_claimed_kind_apply(self) -> None:
        helm = Kind(frozenset({"helm"}))
        both = policy(
            key_rule("a", name="images", artifact_types=IMAGE),
            key_rule("b", name="charts", artifact_types=frozenset({"helm"})),
        )
        assert ask(resolved(both), by_key("a"), kinds=(IMAGE_KIND, helm)).rule == "charts"

    def test_allow_unsigned_by_type(self) -> None:
        free = Rule(name="sboms", artifact_types=self.spdx, allow_unsigned=True)
        images = key_rule("a", artifact_types=IMAGE)
        assert ask(resolved(policy(images, free)), kinds=(SBOM_KIND,)).admitted

    def test_the_pusher_cannot_choose_a_free_rule_by_adding_a_claim(self) -> None:
        free = Rule(name="sboms", artifact_types=self.spdx, allow_unsigned=True)
        helm = Kind(frozenset({"helm"}))
        decision = ask(resolved(policy(key_rule("a", artifact_types=IMAGE), free)), kinds=(SBOM_KIND, helm))
        assert refused(decision) is Reason.ARTIFACT_TYPE_NOT_COVERED

    def test_a_signature_type_of_the_future_denies(self) -> None:
        gpg = Rule(name="gpg", signature_type=SignatureType.GPG, artifact_types=frozenset({"rpm"}))
        rpm = Kind(frozenset({"rpm"}))
        decision = ask(resolved(policy(key_rule("a", artifact_types=IMAGE), gpg)), by_key("a"), kinds=(rpm,))
        assert refused(decision) is Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET
        assert not decision.curable


class TestFindings:
    @pytest.mark.parametrize(
        ("reason", "text"), [(Reason.KEY_NOT_TRUSTED, "bad, expected key a"), (Reason.SIGNATURE_INVALID, "bad")]
    )
    def test_which_key_would_do_is_told_of_one_that_nobody_knows(self, reason: Reason, text: str) -> None:
        bad = RejectedCandidate(source=SOURCE, reason=reason, detail="bad")
        finding = ask(resolved(policy(key_rule("a"))), rejected=(bad,)).finding
        assert finding is not None
        assert (finding.reason, finding.text) == (reason, text)

    def test_who_signed_and_who_would_do_where_there_are_several(self) -> None:
        rule = key_rule("a", "b", "c", threshold=2)
        decision = ask(resolved(policy(rule)), by_key("b"))
        assert decision.results[0].signers == ("key b",)
        finding = ask(resolved(policy(rule))).finding
        assert finding is not None
        assert finding.text == "no signature found, expected one of key a, key b, key c"

    def test_another_identity_where_a_key_would_do_as_well(self) -> None:
        rule = key_rule(alternatives=(*key_rule("a").alternatives, *keyless_rule().alternatives))
        assert refused(ask(resolved(policy(rule)), keyless(identity="x"))) is Reason.IDENTITY_MISMATCH

    def test_the_nearest_failure_is_told_and_all_are_kept(self) -> None:
        junk = RejectedCandidate(source=SOURCE, reason=Reason.PAYLOAD_MALFORMED, detail="junk")
        decision = ask(resolved(policy(keyless_rule())), keyless(identity="x"), rejected=(junk,))
        assert refused(decision) is Reason.IDENTITY_MISMATCH
        assert {finding.reason for finding in decision.results[0].findings} == {
            Reason.IDENTITY_MISMATCH,
            Reason.PAYLOAD_MALFORMED,
        }

    def test_the_teams_own_words_come_first(self) -> None:
        assert ask(resolved(policy(key_rule("a", fix="ask Ann"), fix="ask Bob"))).cure == "ask Ann"
        assert ask(resolved(policy(key_rule("a"), fix="ask Bob"))).cure == "ask Bob"


class TestValidity:
    def test_the_nearest_expiry_bounds_an_admission(self) -> None:
        soon = NOW + timedelta(minutes=1)
        decision = ask(resolved(policy(key_rule("a"))), by_key("a", expires=soon), by_key("a"))
        assert decision.valid_until == soon

    @pytest.mark.parametrize(("end", "left"), [(1, timedelta(hours=1)), (0, timedelta(0))])
    def test_a7_a_key_that_ends_bounds_an_admission_and_one_that_ended_does_not(self, end, left) -> None:
        rule = key_rule(alternatives=(windowed(None, end), *key_rule("a").alternatives))
        assert ask(resolved(policy(rule)), by_key("a")).valid_until == NOW + left

    def test_a_rule_for_another_type_bounds_nothing(self) -> None:
        aged = key_rule("a", name="charts", artifact_types=frozenset({"helm"}), max_age=timedelta(days=1))
        signature = by_key("a", signed_at=(NOW - timedelta(hours=23.9),))
        assert ask(resolved(policy(key_rule("a"), aged)), signature).valid_until == NOW + timedelta(hours=1)

    def test_at_most_the_ttl(self) -> None:
        decision = ask(resolved(policy(key_rule("a"))), by_key("a", expires=NOW + timedelta(days=9)))
        assert decision.valid_until == NOW + timedelta(hours=1)

    def test_a_denial_is_kept_seconds(self) -> None:
        assert ask(resolved(policy(key_rule("a")))).valid_until == NOW + timedelta(seconds=5)


class TestCover:
    """A child manifest and the indexes that list it."""

    def index(self, policies: Resolved, *signatures: VerifiedSignature, **more) -> Decision:
        evidence = Evidence(subject=INDEX, signatures=signatures, **more)
        return decide(policies, Subject(digest=INDEX, kinds=(IMAGE_KIND,)), evidence, NOW)

    def test_a26_an_admitted_index_admits_its_child(self) -> None:
        policies = resolved(policy(key_rule("a")))
        covered = cover(ask(policies), [self.index(policies, by_key("a"))], policies, NOW)
        assert covered.admitted
        assert covered.covered_by == INDEX

    def test_a26_an_index_that_is_not_admitted_does_not(self) -> None:
        policies = resolved(policy(key_rule("a")))
        assert not cover(ask(policies), [self.index(policies)], policies, NOW).admitted

    def test_only_rules_that_applied_to_the_index(self) -> None:
        policies = resolved(
            policy(key_rule("a", artifact_types=IMAGE), key_rule("b", name="w", artifact_types=frozenset({"wasm"})))
        )
        child = ask(policies, kinds=(IMAGE_KIND, Kind(frozenset({"wasm"}))))
        assert not cover(child, [self.index(policies, by_key("a"))], policies, NOW).admitted

    def test_a_type_that_no_rule_covers_stays_refused(self) -> None:
        free = Rule(name="sboms", artifact_types=TestArtifactTypes.spdx, allow_unsigned=True)
        policies = resolved(policy(key_rule("a", artifact_types=IMAGE), free))
        child = ask(policies, kinds=(SBOM_KIND, Kind(frozenset({"helm"}))))
        assert child.results
        assert not cover(child, [self.index(policies, by_key("a"))], policies, NOW).admitted

    def test_two_indexes_do_not_add_up(self) -> None:
        policies = resolved(policy(key_rule("a", name="one")), policy(key_rule("b", name="two"), name="q"))
        child = ask(policies)
        halves = [self.index(policies, by_key("a")), self.index(policies, by_key("b"))]
        assert not cover(child, halves, policies, NOW).admitted

    def test_a_doubtful_index_makes_the_child_doubtful(self) -> None:
        policies = resolved(policy(key_rule("a")))
        index = self.index(policies, shortfalls=(TestShortfalls.lost,))
        assert cover(ask(policies), [index], policies, NOW).outcome is Outcome.UNDETERMINED

    def test_an_admitted_index_settles_a_doubt_about_the_child(self) -> None:
        policies = resolved(policy(key_rule("a")))
        child = ask(policies, shortfalls=(TestShortfalls.lost,))
        assert child.outcome is Outcome.UNDETERMINED
        assert cover(child, [self.index(policies, by_key("a"))], policies, NOW).admitted

    def test_another_admitted_index_settles_the_doubt(self) -> None:
        policies = resolved(policy(key_rule("a")))
        indexes = [self.index(policies, shortfalls=(TestShortfalls.lost,)), self.index(policies, by_key("a"))]
        assert cover(ask(policies), indexes, policies, NOW).admitted

    def test_an_admitted_child_stays_as_it_is(self) -> None:
        policies = resolved(policy(key_rule("a")))
        child = ask(policies, by_key("a"))
        assert cover(child, [], policies, NOW) is child
