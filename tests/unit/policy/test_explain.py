"""What people read."""

from datetime import UTC, datetime

from sealgate.evidence.reason import Reason
from sealgate.limits import MESSAGE_CHARACTERS, REASON_PHRASE_CHARACTERS
from sealgate.oci.digest import NO_CONTENT, Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Finding, Outcome
from sealgate.policy.explain import detail, message, phrase
from sealgate.policy.model import Operation
from sealgate.policy.record import Caller, DecisionRecord

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DIGEST = Digest.of(b"an image")


def record(reference: str = "production/app:1.0.0", **decided: object) -> DecisionRecord:
    facts = {
        "outcome": Outcome.DENY,
        "digest": DIGEST,
        "valid_until": NOW,
        "finding": Finding(
            reason=Reason.IDENTITY_MISMATCH,
            text="signed by builder@elsewhere.example (issuer https://accounts.google.com), expected *@example.com",
        ),
        "policy": "require-signatures",
        "rule": "require-cosign-signature",
        "cure": "sign it with `cosign sign {reference}`",
    }
    return DecisionRecord(
        identifier="01J9",
        at=NOW,
        caller=Caller(),
        operation=Operation.PULL,
        repository=Repository("production/app"),
        reference=reference,
        decision=Decision(**(facts | decided)),
        policies="",
        cached=False,
        took_ms=0,
    )


def test_the_message_is_the_whole_story() -> None:
    assert message(record(), "gate.example/production/app") == (
        f"production/app:1.0.0 ({DIGEST}) denied by policy require-signatures, rule require-cosign-signature: "
        "signed by builder@elsewhere.example (issuer https://accounts.google.com), expected *@example.com. "
        f"Fix: sign it with `cosign sign gate.example/production/app@{DIGEST}`. Decision 01J9"
    )


def test_the_description_is_shown() -> None:
    told = message(record(description="Production images are signed"), "gate.example/production/app")
    assert "denied by policy require-signatures (Production images are signed), rule" in told


def test_a_digest_is_not_told_twice() -> None:
    assert (
        message(record(f"production/app@{DIGEST}"), "production/app").count(str(DIGEST)) == 2
    )  # the name, and the command


def test_a_repository_as_a_whole_has_no_digest() -> None:
    told = message(record("production/app", digest=NO_CONTENT, cure=""), "production/app")
    assert "sha256:" not in told
    assert "digest" not in detail(record("production/app", digest=NO_CONTENT))


def test_could_not_check_is_not_called_a_denial() -> None:
    finding = Finding(reason=Reason.UPSTREAM_UNAVAILABLE, text="its signatures could not be read")
    doubt = record(outcome=Outcome.UNDETERMINED, finding=finding, cure="")
    assert "could not be checked (policy require-signatures" in message(doubt, "production/app")
    assert "denied" not in message(doubt, "production/app").lower()
    assert phrase(doubt) == "Could not be checked: upstream-unavailable (decision 01J9)"


def test_foreign_text_cannot_break_the_line_or_the_bounds() -> None:
    evil = Finding(reason=Reason.SIGNATURE_INVALID, text="a\r\nX-Evil: 1\x1b[31m" + "é" * 5000)
    told = message(record(finding=evil), "gate.example/production/app")
    assert told.isprintable()
    assert len(told) <= MESSAGE_CHARACTERS + 1
    assert f"cosign sign gate.example/production/app@{DIGEST}" in told
    assert told.endswith("Decision 01J9")


def test_the_phrase_is_short_ascii() -> None:
    assert phrase(record()) == "Denied by policy require-signatures: identity-mismatch (decision 01J9)"
    odd = phrase(record(policy="é\r\n" + "x" * 500))
    assert odd.isascii()
    assert odd.isprintable()
    assert len(odd) <= REASON_PHRASE_CHARACTERS


def test_the_detail_is_small_and_flat() -> None:
    assert detail(record()) == {
        "reason": "identity-mismatch",
        "policy": "require-signatures",
        "rule": "require-cosign-signature",
        "digest": str(DIGEST),
        "decision": "01J9",
    }
