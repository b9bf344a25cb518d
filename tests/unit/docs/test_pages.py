"""The pages that are made say what they are made of."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = runpy.run_path(str(ROOT / "tests" / "docs" / "pages.py"))["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_stale(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name], "stale: run `make docs`"
