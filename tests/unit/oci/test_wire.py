"""The registry's error body: ours, and what is left of an upstream's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import RegistryProblem
from sealgate.limits import UPSTREAM_ERRORS
from sealgate.oci.wire import ErrorCode, error_body, printable, read_errors


def test_an_error_is_one_entry() -> None:
    assert json.loads(error_body(ErrorCode.DENIED, "no", {"reason": "signature-missing"})) == {
        "errors": [{"code": "DENIED", "message": "no", "detail": {"reason": "signature-missing"}}]
    }


def test_an_error_without_detail_has_none() -> None:
    assert error_body("DENIED", "déjà vu") == '{"errors":[{"code":"DENIED","message":"déjà vu"}]}'.encode()


def test_half_a_surrogate_pair_does_not_cost_the_answer() -> None:
    assert read_errors(error_body(ErrorCode.DENIED, "policy a\ud800b", {"policy": "a\ud800b"})) == (
        RegistryProblem("DENIED", "policy a?b"),
    )


def test_what_we_write_we_can_read() -> None:
    assert read_errors(error_body(ErrorCode.DENIED, "no", {"a": "b"})) == (RegistryProblem("DENIED", "no"),)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"errors": null}',
        b'{"errors": {}}',
        b'{"errors": []}',
        b'{"errors": ["no", 7, null]}',
        b'{"errors": [], "errors": [{"code": "DENIED"}]}',
        b"\xff",
    ],
)
def test_a_body_that_says_nothing_is_no_error(raw: bytes) -> None:
    assert read_errors(raw) == ()


def test_fields_of_another_type_are_empty() -> None:
    raw = b'{"errors": [{"code": 7, "message": ["no"]}, {}, {"code": "DENIED", "message": "no", "detail": 1}]}'
    assert read_errors(raw) == (RegistryProblem("", ""), RegistryProblem("", ""), RegistryProblem("DENIED", "no"))


def test_only_the_first_errors_are_passed_on() -> None:
    raw = json.dumps({"errors": [{"code": f"E{number}", "message": ""} for number in range(99)]}).encode()
    assert [problem.code for problem in read_errors(raw)] == [f"E{number}" for number in range(UPSTREAM_ERRORS)]


def test_b40_foreign_text_is_cleaned_and_cut() -> None:
    raw = json.dumps({"errors": [{"code": "A\r\nB", "message": "\x1b[2J" + "x" * 10_000 + "\u202e"}]}).encode()
    [problem] = read_errors(raw)
    assert problem.code == "A  B"
    assert problem.message == "[2J" + "x" * 496


@given(st.text(), st.integers(0, 50))
def test_b40_printable_text_moves_no_terminal_and_ends_no_line(text: str, most: int) -> None:
    clean = printable(text, most)
    assert clean.isprintable()
    assert len(clean) <= most
    assert clean == clean.strip()
    assert printable(clean, most) == clean
    clean.encode()  # half a surrogate pair is gone too
