"""The reason codes, and the page that explains them."""

import re
from pathlib import Path

import pytest

from sealgate.evidence.reason import CURABLE, UNDETERMINED, Reason

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)


def test_the_page_explains_every_reason_once() -> None:
    assert sorted(code for code, *_ in ROWS) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize(("code", "status", "meaning", "remedy"), ROWS, ids=lambda text: text[:40])
def test_the_page_says_what_each_means_and_what_to_do(code: str, status: str, meaning: str, remedy: str) -> None:
    assert ("503" in status) == (Reason(code) in UNDETERMINED)
    assert meaning.endswith(".")
    assert remedy.endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_codes_are_kebab_case_and_named_after(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value, re.ASCII)
    assert reason.name == reason.value.upper().replace("-", "_")


def test_a_doubt_is_not_cured_by_a_signature() -> None:
    assert not UNDETERMINED & CURABLE
