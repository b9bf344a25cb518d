"""What docs/conditions.md shows is taken."""

import re
from pathlib import Path

import pytest

from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.policy.conditions import FUNCTIONS, check_condition

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text()
ASKED = PAGE.partition("## What people ask")[2].partition("\n## ")[0]


@pytest.mark.parametrize("text", [found.replace("\\|", "|") for found in re.findall(r"`([^`]{12,})`", ASKED)])
def test_the_conditions_of_the_page_are_taken(text: str) -> None:
    check_condition(text, compile_condition)


def test_the_page_has_every_function() -> None:
    listed = PAGE.partition("## What there is")[2].partition("\n## ")[0]
    assert set(re.findall(r"\b[a-zA-Z_]+(?=\()", listed)) >= FUNCTIONS
