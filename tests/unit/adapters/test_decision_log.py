"""The decision log: each decision is one line of its schema, and a log that fails changes nothing."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sealgate.adapters.decision_log import JsonLinesLog, line_of
from sealgate.admission.identifiers import ulid
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    LogRecord,
    RejectedCandidate,
    Shortfall,
    Source,
    VerifiedSignature,
)
from sealgate.oci.artifact import Kind
from sealgate.oci.digest import NO_CONTENT, Digest
from sealgate.oci.reference import Repository
from sealgate.policy import grounds_json
from sealgate.policy.decision import Decision, Excepted, Finding, Grounds, Outcome, RuleResult
from sealgate.policy.model import Operation
from sealgate.ports import Caller, DecisionRecord

NOW = datetime(2026, 11, 23, 12, 0, 0, 1999, tzinfo=UTC)
IMAGE, INDEX = Digest.of(b"an image"), Digest.of(b"an index")
SCHEMA = json.loads(files("sealgate").joinpath("schemas/decision.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
OTHER_KEY = Finding(reason=Reason.KEY_NOT_TRUSTED, text="signed with another key", source=f"{INDEX}[0]")
MISSING = Finding(reason=Reason.SIGNATURE_MISSING, text="no signature found")

EXCEPTED = Excepted(policy="p", digest=IMAGE, reason="incident 12", expires=datetime(2026, 12, 1, tzinfo=UTC))


def rule(name: str = "signed", **more: Any) -> RuleResult:
    return RuleResult(**({"policy": "p", "rule": name, "enforced": True, "required": True, "satisfied": True} | more))


ADMITTED = Decision(
    outcome=Outcome.ADMIT,
    digest=IMAGE,
    valid_until=NOW + timedelta(hours=1),
    results=(rule(signers=("key b", "key a"), findings=(OTHER_KEY,)), rule("again", signers=("key a",))),
)
DENIED = Decision(
    outcome=Outcome.DENY,
    digest=IMAGE,
    valid_until=NOW,
    finding=OTHER_KEY,
    policy="p",
    rule="signed",
    results=(
        rule(satisfied=False, finding=OTHER_KEY, findings=(OTHER_KEY,)),
        rule("second", satisfied=False, finding=MISSING),
    ),
)


def record(decision: Decision = ADMITTED, **more: Any) -> DecisionRecord:
    facts: dict[str, Any] = {
        "identifier": ulid(NOW, bytes(10)),
        "at": NOW,
        "caller": Caller(address="10.0.3.17", user_agent="containerd/v2.1.4"),
        "operation": Operation.PULL,
        "repository": Repository("team/app"),
        "reference": "team/app:1",
        "decision": decision,
        "policies": "ab" * 32,
        "event": None,
        "inspected": False,
        "cached": False,
        "took_ms": 1.25,
    }
    return DecisionRecord(**(facts | more))


def lines(*records: DecisionRecord) -> list[dict[str, Any]]:
    stream = io.BytesIO()
    log = JsonLinesLog(stream)
    for each in records:
        log.record(each)
    assert log.lost == 0
    return [json.loads(line) for line in stream.getvalue().decode("ascii").splitlines()]


def test_a_line_says_who_asked_for_what_and_what_came_of_it() -> None:
    assert lines(record(DENIED)) == [
        {
            "id": "01M844DZG1" + "0" * 16,
            "request": None,
            "time": "2026-11-23T12:00:00.001Z",
            "operation": "pull",
            "repository": "team/app",
            "reference": "team/app:1",
            "digest": str(IMAGE),
            "outcome": "deny",
            "reason": "key-not-trusted",
            "policy": "p",
            "rule": "signed",
            "text": "signed with another key",
            "who": {"address": "10.0.3.17", "user_agent": "containerd/v2.1.4", "name": None},
            "policies": "ab" * 32,
            "findings": [
                {
                    "policy": "p",
                    "rule": "signed",
                    "reason": "key-not-trusted",
                    "text": "signed with another key",
                    "source": f"{INDEX}[0]",
                },
                {
                    "policy": "p",
                    "rule": "second",
                    "reason": "signature-missing",
                    "text": "no signature found",
                    "source": None,
                },
            ],
            "signers": [],
            "warnings": [],
            "covered_by": None,
            "exceptions": [],
            "event": None,
            "grounds": None,
            "inspected": False,
            "cached": False,
            "took_ms": 1.25,
            "valid_until": "2026-11-23T12:00:00.001Z",
        }
    ]


def test_what_it_was_made_from_is_written_and_can_be_read_again() -> None:
    signature = VerifiedSignature(
        source=Source(INDEX, 0),
        signer=KeylessSigner("ann", "https://i", "default", {"build_trigger": "push"}),
        log=LogProof.PROMISE,
        entries=(LogRecord(log_id="ab", proof=LogProof.PROMISE, index=3, at=NOW),),
        signed_at=(NOW,),
    )
    rejected = RejectedCandidate(source=Source(INDEX, 1), reason=Reason.SCT_INVALID, detail="no")
    evidence = Evidence(
        subject=IMAGE,
        signatures=(signature, replace(signature, signer=KeySigner("cd"))),
        rejected=(rejected,),
        shortfalls=(Shortfall(reason=Reason.UPSTREAM_LIMITED, detail="later"),),
    )
    kinds = (Kind(frozenset({"docker", "oci"})),)
    for grounds in (
        Grounds(kinds=kinds, evidence=evidence, keys=("cd",), indexes=((INDEX, True),)),
        Grounds(kinds=kinds),
        Grounds(kinds=()),
    ):
        (line,) = lines(record(replace(ADMITTED, grounds=grounds)))
        VALIDATOR.validate(line)
        assert grounds_json.from_json(line["grounds"], IMAGE) == grounds


def test_exceptions_are_written_whole() -> None:
    assert lines(record(replace(ADMITTED, exceptions=(EXCEPTED,))))[0]["exceptions"] == [
        {
            "policy": "p",
            "digest": str(IMAGE),
            "reason": "incident 12",
            "expires": "2026-12-01T00:00:00.000Z",
            "approved_by": None,
        }
    ]


def test_signers_are_named_once_and_in_order() -> None:
    assert lines(record(ADMITTED))[0]["signers"] == ["key a", "key b"]


@pytest.mark.parametrize(
    "given_record",
    [
        record(ADMITTED),
        record(replace(ADMITTED, warnings=("would be denied by policy q, rule r: no signature found",))),
        record(replace(ADMITTED, covered_by=INDEX), cached=True, reference=f"team/app@{IMAGE}"),
        record(replace(ADMITTED, digest=Digest.of(b"an image", "sha512"))),
        record(replace(ADMITTED, exceptions=(EXCEPTED, replace(EXCEPTED, approved_by="ann")))),
        record(DENIED, operation=Operation.PUSH, caller=Caller()),
        record(replace(DENIED, digest=NO_CONTENT, policy="", rule="", results=()), reference="team/app"),
    ],
)
def test_lines_are_of_the_schema(given_record: DecisionRecord) -> None:
    VALIDATOR.validate(line_of(given_record))


@pytest.mark.parametrize("reason", Reason)
def test_lines_with_every_reason_are_of_the_schema(reason: Reason) -> None:
    outcome = Outcome.UNDETERMINED if reason in UNDETERMINED else Outcome.DENY
    finding = Finding(reason=reason, text="so it is")
    VALIDATOR.validate(line_of(record(replace(DENIED, outcome=outcome, finding=finding))))


class TestSchema:
    """The schema is closed, and told to people."""

    def test_it_is_a_schema_and_its_examples_are_of_it(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)
        for example in SCHEMA["examples"]:
            VALIDATOR.validate(example)

    def test_it_lists_every_reason(self) -> None:
        assert SCHEMA["$defs"]["reason"]["enum"] == [reason.value for reason in Reason]
        assert set(SCHEMA["$defs"]["undetermined"]["enum"]) == {reason.value for reason in UNDETERMINED}

    def test_every_field_has_a_title_a_description_and_examples_that_are_of_it(self) -> None:
        fields = {**SCHEMA["properties"], **SCHEMA["$defs"], **SCHEMA["properties"]["who"]["properties"]}
        for name, field in fields.items():
            assert field["title"], name
            assert field["description"].endswith("."), name
            for example in field["examples"]:
                Draft202012Validator({**field, "$defs": SCHEMA["$defs"]}).validate(example)

    @pytest.mark.parametrize(
        "change",
        [
            {"more": 1},
            {"outcome": "admit"},
            {"outcome": "undetermined"},
            {"reason": None},
            {"reason": "upstream-unavailable"},
            {"reason": "because"},
            {"digest": "sha256:" + "A" * 64},
            {"time": "2026-11-23 12:00:00"},
            {"covered_by": str(INDEX)},
            {"who": {"address": None, "user_agent": None, "name": None, "password": "x"}},
        ],
        ids=str,
    )
    def test_what_is_no_line_is_not_of_it(self, change: dict[str, Any]) -> None:
        assert not VALIDATOR.is_valid({**line_of(record(DENIED)), **change})

    @pytest.mark.parametrize("field", SCHEMA["properties"])
    def test_no_field_may_be_missing(self, field: str) -> None:
        line = line_of(record())
        del line[field]
        assert not VALIDATOR.is_valid(line)


NASTY = "\r\n{}\x1b[2J\x00\x7f\x85\u2028\u2029\u202e\ud800\U0001f600"


@given(st.text(max_size=40), st.text(max_size=40))
def test_b40_whatever_a_client_sends_one_decision_is_one_line(first: str, second: str) -> None:
    for agent, reference in ((first, second), (NASTY + first, NASTY)):
        finding = replace(OTHER_KEY, text=agent)
        stream = io.BytesIO()
        log = JsonLinesLog(stream)
        log.record(record(replace(DENIED, finding=finding), caller=Caller(user_agent=agent), reference=reference))
        [line] = stream.getvalue().splitlines(keepends=True)
        assert line.endswith(b"\n")
        assert all(0x20 <= byte < 0x7F for byte in line[:-1])
        read = json.loads(line)
        assert (read["who"]["user_agent"], read["reference"], read["text"]) == (agent or None, reference, agent)


class Pipe(io.RawIOBase):
    """Where lines go: each write as it came; `takes` says how many bytes of the next ones are taken."""

    def __init__(self, *takes: int | OSError | None) -> None:
        self.written: list[bytes] = []
        self.takes = list(takes)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        taken = self.takes.pop(0) if self.takes else len(data)
        if isinstance(taken, OSError):
            raise taken
        self.written.append(bytes(data[:taken]))
        return taken


def test_a_line_is_one_write_however_long_it_is() -> None:
    pipe = Pipe()
    log = JsonLinesLog(pipe)  # type: ignore[arg-type]
    long = replace(DENIED, results=(rule(satisfied=False, finding=MISSING, findings=(OTHER_KEY,) * 500),))
    log.record(record(long))
    log.record(record())
    assert [line.count(b"\n") for line in pipe.written] == [1, 1]
    assert len(pipe.written[0]) > 64 * 1024


def test_a_write_that_was_cut_short_is_gone_on_with() -> None:
    pipe = Pipe(10, 20)
    JsonLinesLog(pipe).record(record())  # type: ignore[arg-type]
    assert json.loads(b"".join(pipe.written)) == line_of(record())


def test_the_rest_of_a_torn_line_is_not_joined_by_the_next() -> None:
    pipe = Pipe(10, OSError("disk full"))
    log = JsonLinesLog(pipe)  # type: ignore[arg-type]
    log.record(record())
    log.record(record())
    log.record(record())
    torn, *whole = b"".join(pipe.written).splitlines()
    assert len(torn) == 10
    assert [json.loads(line) for line in whole] == [line_of(record())] * 2
    assert log.lost == 1


@pytest.mark.parametrize("failure", [OSError("disk full"), 0, None], ids=str)
def test_a_log_that_cannot_be_written_is_counted_and_told_once_for_each_time_it_fails(
    failure: OSError | int | None, caplog: pytest.LogCaptureFixture
) -> None:
    log = JsonLinesLog(pipe := Pipe(failure, failure, failure))  # type: ignore[arg-type]
    for _ in range(3):
        log.record(record())
    assert log.lost == 3
    assert len(caplog.records) == 1
    assert "the decision log cannot be written" in caplog.text
    log.record(record())
    pipe.takes = [failure]
    log.record(record())
    assert log.lost == 4
    assert len(caplog.records) == 2


def test_a_stream_that_was_closed_is_a_log_that_cannot_be_written() -> None:
    log = JsonLinesLog(io.BytesIO())
    log.close()
    log.record(record())
    assert log.lost == 1


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    for _ in range(2):
        log = JsonLinesLog.open(path)
        log.record(record())
        log.record(record(DENIED))
        log.close()
    assert [json.loads(line)["outcome"] for line in path.read_text().splitlines()] == ["admit", "deny"] * 2


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"decision log: .* cannot be opened: Is a directory"):
        JsonLinesLog.open(tmp_path)


def test_a_full_disk_keeps_nothing_back_for_later() -> None:
    log = JsonLinesLog.open(Path("/dev/full"))
    log.record(record())
    assert log.lost == 1
    log.close()
