"""The reason codes, and what explains them."""

import re

import pytest

from sealgate.evidence.explanations import EXPLANATIONS, SECTIONS, Explanation
from sealgate.evidence.reason import CURABLE, UNDETERMINED, Reason


def test_every_reason_is_explained_once() -> None:
    told = [reason for section in SECTIONS.values() for reason in section]
    assert sorted(told) == sorted(Reason)


@pytest.mark.parametrize(("reason", "told"), EXPLANATIONS.items())
def test_it_is_told_what_each_means_and_what_to_do(reason: Reason, told: Explanation) -> None:
    assert ("503" in told.status) == (reason in UNDETERMINED)
    for text in (told.meaning, told.remedy):
        assert text.endswith(".")
        assert "|" not in text  # it stands in a table


@pytest.mark.parametrize("reason", Reason)
def test_codes_are_kebab_case_and_named_after(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value, re.ASCII)
    assert reason.name == reason.value.upper().replace("-", "_")


def test_a_doubt_is_not_cured_by_a_signature() -> None:
    assert not UNDETERMINED & CURABLE
