"""A decision and its JSON: there and back, and nothing else is read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import PayloadMalformed
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.policy.decision import Decision, Excepted, Finding, Outcome, RuleResult
from sealgate.policy.decision_json import from_json, to_json

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
FINDING = Finding(reason=Reason.SIGNATURE_MISSING, text="no signature found", source="sha256:…[0]")
RESULT = RuleResult(
    policy="p",
    rule="signed",
    enforced=True,
    required=True,
    satisfied=False,
    signers=("key a",),
    finding=FINDING,
    findings=(FINDING,),
    cure="sign it",
)
DENIED = Decision(
    outcome=Outcome.DENY,
    digest=Digest.of(b"an image"),
    valid_until=NOW,
    finding=FINDING,
    policy="p",
    description="what for",
    rule="signed",
    cure="sign it",
    results=(RESULT,),
    warnings=("would be denied",),
    covered_by=Digest.of(b"an index", "sha512"),
    exceptions=(
        Excepted(policy="p", digest=Digest.of(b"an image"), reason="incident", expires=NOW, approved_by="ann"),
    ),
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
texts = st.lists(text, max_size=3).map(tuple)
digests = st.builds(Digest.of, st.binary(max_size=4), st.sampled_from(["sha256", "sha512"]))
findings = st.builds(Finding, reason=st.sampled_from(Reason), text=text, source=text)
moments = st.datetimes(timezones=st.just(UTC))
exceptions = st.builds(Excepted, policy=text, digest=digests, reason=text, expires=moments, approved_by=text)


@st.composite
def results(draw: st.DrawFn, *, good: bool) -> RuleResult:
    satisfied = draw(st.booleans())
    return RuleResult(
        policy=draw(text),
        rule=draw(text),
        enforced=draw(st.booleans()) and (satisfied or not good),
        required=draw(st.booleans()),
        satisfied=satisfied,
        signers=draw(texts),
        finding=None if satisfied else draw(findings),
        findings=tuple(draw(st.lists(findings, max_size=3))),
        cure=draw(text),
    )


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    finding = draw(st.none() | findings)
    outcome = Outcome.ADMIT
    if finding is not None:
        outcome = Outcome.UNDETERMINED if finding.reason in UNDETERMINED else Outcome.DENY
    return Decision(
        outcome=outcome,
        digest=draw(digests),
        valid_until=draw(moments),
        finding=finding,
        policy=draw(text),
        description=draw(text),
        rule=draw(text),
        cure=draw(text),
        results=tuple(draw(st.lists(results(good=finding is None), max_size=3))),
        warnings=draw(texts),
        covered_by=draw(st.none() | digests),
        exceptions=tuple(draw(st.lists(exceptions, max_size=2))),
    )


@given(decisions())
def test_there_and_back(decision: Decision) -> None:
    written = json.dumps(to_json(decision)).encode()
    assert from_json(strict_json.loads(written)) == decision


def test_a_moment_of_another_zone_is_written_in_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    decision = Decision(outcome=Outcome.ADMIT, digest=DENIED.digest, valid_until=east)
    written = to_json(decision)
    assert written["valid_until"] == "2026-11-23T12:30:15.123456+00:00"
    assert from_json(written) == decision


def written() -> dict[str, Any]:
    return to_json(DENIED)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document, itself first."""
    found = [at]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        found.extend(places(one, (*at, key)))
    return found


def put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


def at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document


OBJECTS = [place for place in places(written()) if isinstance(at(written(), place), dict)]
FIELDS = [(place, field) for place in OBJECTS for field in at(written(), place)]


@pytest.mark.parametrize("place", places(written()), ids=str)
@pytest.mark.parametrize("junk", [7, 1.5, None, [], {}, "junk", True, [[]], [None]], ids=repr)
def test_b32_a_value_of_another_type_is_refused(place: tuple[Any, ...], junk: Any) -> None:
    document = put(written(), place, junk)
    try:
        read = from_json(document)
    except PayloadMalformed:
        return
    assert to_json(read) == document  # it was another text, an empty list, or nothing where nothing may be
    assert isinstance(at(written(), place), type(junk)) or place == ("covered_by",)


@pytest.mark.parametrize(("place", "field"), FIELDS, ids=str)
def test_b32_a_field_that_is_missing_is_refused(place: tuple[Any, ...], field: str) -> None:
    document = written()
    del at(document, place)[field]
    with pytest.raises(PayloadMalformed, match="not an object of exactly"):
        from_json(document)


@pytest.mark.parametrize("place", OBJECTS, ids=str)
def test_b32_a_field_that_is_unknown_is_refused(place: tuple[Any, ...]) -> None:
    document = written()
    at(document, place)["countersigned_by"] = "me"
    with pytest.raises(PayloadMalformed, match="not an object of exactly"):
        from_json(document)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "admit"},
        {"outcome": "undetermined"},
        {"outcome": "ADMIT"},
        {"outcome": "admit", "finding": None},
        {"finding": None},
        {"finding": {"reason": "upstream-unavailable", "text": "", "source": ""}},
        {"finding": {"reason": "not a reason", "text": "", "source": ""}},
        {"digest": "sha256:" + "A" * 64},
        {"digest": "sha1:" + "a" * 40},
        {"results": [{**to_json(DENIED)["results"][0], "satisfied": True}]},  # type: ignore[index, call-overload]
        {"results": [{**to_json(DENIED)["results"][0], "finding": None}]},  # type: ignore[index, call-overload]
        {"valid_until": "2026-11-23T12:30:15+00:00"},
        {"valid_until": "2026-11-23T12:30:15.123456"},
        {"valid_until": "2026-11-23T12:30:15.123456Z"},
        {"valid_until": "2026-11-23T13:30:15.123456+01:00"},
        {"valid_until": "20261123T123015.123456+00:00"},
        {"valid_until": "0001-01-01T00:00:00.000000+23:59"},
        {"valid_until": "tomorrow"},
        {"valid_until": 9e12},
    ],
    ids=str,
)
def test_b32_what_contradicts_itself_or_has_two_forms_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadMalformed):
        from_json(written() | change)
