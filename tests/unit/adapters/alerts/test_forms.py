"""How alerts are said; what others chose makes no link and calls nobody."""

import json
from datetime import UTC, datetime

import pytest

from sealgate.adapters.alerts.forms import FORMS
from sealgate.adapters.alerts.outbox import Waiting
from sealgate.limits import ALERT_CHARACTERS
from sealgate.policy.alert import Alert, AlertKind

NOW = datetime(2026, 11, 23, 12, 0, 0, 5000, tzinfo=UTC)
HOSTILE = "<!channel> <https://evil.example|click> [click](https://evil.example) :tada: *b* \x1b[2J\u202e"


def waiting(text="not signed", subject="team/app:1.0", repeated=0, dropped=0, **facts) -> Waiting:
    made = Alert(identifier="01ID", kind=AlertKind.DENIED, at=NOW, subject=subject, text=text, facts=facts)
    return Waiting(alert=made, repeated=repeated, dropped=dropped)


def said(form: str, told: Waiting) -> dict:
    _, body = FORMS[form]("https://gate.example", told)
    return json.loads(body)


def strings(value):
    """Every text object of a message, with what it is in."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from strings(one)


def test_a_cloud_event():
    kind, body = FORMS["cloudevents"]("https://gate.example", waiting(reason="signature-missing", repeated=2))
    assert kind == "application/cloudevents+json; charset=utf-8"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "01ID",
        "source": "https://gate.example",
        "type": "sealgate.denied.v1",
        "subject": "team/app:1.0",
        "time": "2026-11-23T12:00:00.005Z",
        "datacontenttype": "application/json",
        "data": {"text": "not signed", "reason": "signature-missing", "repeated": 2, "dropped": 0},
    }


def test_slack_parses_nothing_that_others_chose():
    message = said("slack", waiting(HOSTILE, subject="a&b<c>", user=HOSTILE))
    assert message["text"] == "sealgate: denied: a&amp;b&lt;c&gt;"
    texts = [one for one in strings(message["blocks"]) if "text" in one and isinstance(one["text"], str)]
    assert len(texts) == 3
    assert all(one["type"] == "plain_text" and one["emoji"] is False for one in texts)


def test_teams_parses_nothing_that_others_chose():
    message = said("teams", waiting(HOSTILE, user=HOSTILE))
    card = message["attachments"][0]["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    texts = [one for one in strings(card["body"]) if "text" in one]
    assert [one["type"] for one in texts] == ["TextRun"] * 3


@pytest.mark.parametrize("form", FORMS)
def test_b40_no_control_character_and_no_end_of_length(form):
    _, body = FORMS[form]("https://gate.example", waiting(HOSTILE * 200, user=HOSTILE * 200))
    assert b"\\u001b" not in body
    assert b"\\u202e" not in body
    assert len(body) < 4 * ALERT_CHARACTERS


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_people_read_what_happened_how_often_and_which_decision_it_was(form):
    _, body = FORMS[form]("https://gate.example", waiting(reason="signature-missing", repeated=7, dropped=3))
    for told in ("denied: team/app:1.0", "not signed", "reason: signature-missing", "7 times", "3 others", "01ID"):
        assert told in body.decode()


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_no_empty_text_is_sent(form):
    """Slack refuses one."""
    assert all(one["text"] for one in strings(said(form, waiting(""))) if isinstance(one.get("text"), str))
