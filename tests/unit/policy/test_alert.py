"""What somebody is told of, and what not."""

from datetime import UTC, datetime, timedelta

import pytest

from sealgate.evidence.reason import Reason
from sealgate.oci.digest import NO_CONTENT, Digest
from sealgate.oci.reference import Repository
from sealgate.policy.alert import Alert, AlertKind, alerts_in, reload_failed
from sealgate.policy.decision import Decision, Excepted, Finding, Outcome
from sealgate.policy.model import Operation
from sealgate.ports import Caller, DecisionRecord

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IMAGE = Digest.of(b"an image")
MISSING = Finding(reason=Reason.SIGNATURE_MISSING, text="no signature found")
GONE = Finding(reason=Reason.UPSTREAM_UNAVAILABLE, text="it does not answer")
EXCEPTED = Excepted(policy="p", digest=IMAGE, reason="incident 12", expires=NOW, approved_by="ann")


def record(outcome=Outcome.ADMIT, finding=None, exceptions=(), digest=IMAGE, **more) -> DecisionRecord:
    decision = Decision(
        outcome=outcome, digest=digest, valid_until=NOW + timedelta(hours=1), finding=finding, exceptions=exceptions,
        policy="p" if finding else "", rule="signed" if finding else "",
    )  # fmt: skip
    facts = {"identifier": "01ID", "at": NOW, "operation": Operation.PULL, "repository": Repository("team/app")}
    facts |= {"reference": "team/app:1", "policies": "ab", "cached": False, "took_ms": 1.0, "decision": decision}
    return DecisionRecord(**(facts | {"caller": Caller(address="10.0.3.17", name="ann")} | more))


DENIED = {"outcome": Outcome.DENY, "finding": MISSING}


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({}, []),
        (DENIED, ["denied"]),
        ({**DENIED, "cached": True}, ["denied"]),
        ({**DENIED, "inspected": True}, []),
        ({**DENIED, "event": "held"}, []),
        ({**DENIED, "event": "hold-ended"}, []),
        ({**DENIED, "event": "hold-expired"}, ["hold-expired"]),
        ({"outcome": Outcome.UNDETERMINED, "finding": GONE}, ["undetermined"]),
        ({"outcome": Outcome.UNDETERMINED, "finding": GONE, "event": "hold-expired"}, ["hold-expired"]),
        ({"exceptions": (EXCEPTED,)}, ["exception-used"]),
        ({"exceptions": (EXCEPTED,), "event": "released"}, ["exception-used"]),
        ({**DENIED, "exceptions": (EXCEPTED,)}, ["denied"]),
    ],
)
def test_what_is_told(given, kinds):
    assert [one.kind.value for one in alerts_in(record(**given))] == kinds


def test_a_denial_says_who_was_denied_what_and_why():
    assert alerts_in(record(**DENIED)) == (
        Alert(
            identifier="01ID",
            kind=AlertKind.DENIED,
            at=NOW,
            subject="team/app:1",
            text="no signature found",
            facts={
                "operation": "pull",
                "digest": str(IMAGE),
                "reason": "signature-missing",
                "policy": "p",
                "rule": "signed",
                "address": "10.0.3.17",
                "user": "ann",
            },
        ),
    )


def test_what_there_is_not_is_not_said():
    (told,) = alerts_in(record(Outcome.DENY, MISSING, digest=NO_CONTENT, caller=Caller()))
    assert set(told.facts) == {"operation", "reason", "policy", "rule"}


def test_an_exception_says_whose_it_is_and_until_when():
    (told,) = alerts_in(record(exceptions=(EXCEPTED,)))
    assert told.facts["policy"] == "p"
    assert told.text == str(EXCEPTED)
    assert "incident 12, approved by ann" in told.text


def test_two_reasons_for_one_image_are_not_the_same():
    (missing,) = alerts_in(record(**DENIED))
    (again,) = alerts_in(record(**DENIED, identifier="02ID", caller=Caller(address="10.0.3.18")))
    (other,) = alerts_in(record(Outcome.DENY, Finding(reason=Reason.KEY_NOT_TRUSTED, text="")))
    assert missing.sameness == again.sameness != other.sameness


def test_a_reload_that_failed_says_every_problem():
    told = reload_failed("01ID", NOW, "a.yaml:1: no\nb.yaml:2: no")
    assert (told.kind, told.text) == (AlertKind.RELOAD_FAILED, "a.yaml:1: no\nb.yaml:2: no")
