"""Globs: against a table, against a naive reading of the design's sentence, and against time."""

import time
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealgate.limits import GLOB_CHARACTERS, MATCHED_CHARACTERS
from sealgate.policy.glob import is_glob, matches


def naive(glob: str, text: str) -> bool:
    """`*` is any run but `/`, `**` any run, `?` one character but `/`; the rest is itself."""

    @cache
    def reaches(g: int, t: int) -> bool:
        if g == len(glob):
            return t == len(text)
        if glob.startswith("**", g):
            return reaches(g + 2, t) or (t < len(text) and reaches(g, t + 1))
        if glob[g] == "*":
            return reaches(g + 1, t) or (t < len(text) and text[t] != "/" and reaches(g, t + 1))
        if t == len(text):
            return False
        return (text[t] != "/" if glob[g] == "?" else text[t] == glob[g]) and reaches(g + 1, t + 1)

    return reaches(0, 0)


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("a", "a", True),
        ("a", "A", False),
        ("a", "a\n", False),
        ("a", " a", False),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "a/b", False),
        ("a**", "a/b", True),
        ("*", "", True),
        ("*", "a/b", False),
        ("**", "", True),
        ("**", "a/b\nc", True),
        ("***", "a/b", True),
        ("****", "a/b", True),
        ("?", "", False),
        ("?", "a", True),
        ("?", "/", False),
        ("?", "ab", False),
        ("?", "é", True),
        ("a?c", "abc", True),
        ("*?", "", False),
        ("*?*", "a", True),
        ("a/**/b", "a/b", False),
        ("a/**/b", "a/x/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("**/b", "a/b", True),
        ("**/b", "b", False),
        ("*/b", "/b", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("{a,b}", "a", False),
        ("a.c", "abc", False),
        ("a+", "aa", False),
        (r"a\*", "a*", False),
        (r"a\*", r"a\x", True),
        ("^a$", "a", False),
        ("*@example.com", "builder@example.com", True),
        ("*@example.com", "builder@example.com.evil.org", False),
        ("*@example.com", "builder@exampleXcom", False),
        ("*@example.com", "https://evil/x@example.com", False),
        ("https://github.com/myorg/*", "https://github.com/myorg-evil/x", False),
        ("https://h/org/app/r.yml@refs/**", "https://h/org/app/r.yml@refs/tags/v1", True),
    ],
)  # fmt: skip
def test_what_a_glob_matches(glob, text, expected):
    assert matches(glob, text) is expected
    assert naive(glob, text) is expected


PATTERNS = st.text(alphabet="ab/*?.", max_size=12)
TEXTS = st.text(alphabet="ab/.\n*", max_size=12)


@given(PATTERNS, TEXTS)
@example("**a**", "a/a")
@example("*/**/*", "a/b/")
@example("?**?", "ab")
def test_it_is_the_naive_reading(glob, text):
    assert matches(glob, text) is naive(glob, text)


@given(st.text(max_size=20))
def test_a_text_without_anything_special_matches_itself_only(text):
    if not is_glob(text):
        assert matches(text, text)
        assert not matches(text, text + "a")
        assert not matches(text, text.swapcase()) or text.swapcase() == text


def test_case_and_form_are_never_folded():
    assert not matches("kelvin", "\u212aelvin")  # KELVIN SIGN (attacks B13)
    assert not matches("team/app", "ｔｅａｍ／ａｐｐ")
    assert not matches("é", "e\u0301")


@pytest.mark.parametrize(
    "glob",
    ["*a" * 500, "**a" * 333, "?*" * 500, "**/" * 333, "*" * 1000, "a*" * 499 + "b", "*?" * 500, "**b*a" * 200],
)
@pytest.mark.parametrize("unit", ["a", "a/", "b", "/"])
def test_b16_no_glob_takes_long(glob, unit):
    text = (unit * MATCHED_CHARACTERS)[:MATCHED_CHARACTERS]
    matches(glob, "")  # made once, at load
    begun = time.process_time()
    matches(glob, text)
    assert time.process_time() - begun < 0.1  # 4096 steps of a few microseconds; a backtracking matcher takes ages


def test_a_text_past_the_bound_matches_nothing():
    assert matches("**", "a" * MATCHED_CHARACTERS)
    assert not matches("**", "a" * (MATCHED_CHARACTERS + 1))
    assert GLOB_CHARACTERS < MATCHED_CHARACTERS
