"""Exact, glob, regular expression: always the whole string; captures are literal text."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import GLOB_CHARACTERS, MATCHED_CHARACTERS, REGEXP_CHARACTERS
from sealgate.policy.matchers import Exact, Glob, Regexp, captures_in, exact, exact_or_glob, regexp

SEGMENTS = st.text(alphabet="ab0._-", min_size=1, max_size=8)


def test_a_star_or_question_mark_makes_a_glob():
    assert exact_or_glob("a@example.com") == Exact("a@example.com")
    assert exact_or_glob("*@example.com") == Glob("*@example.com")
    assert exact_or_glob("https://a/?") == Glob("https://a/?")
    assert exact_or_glob("a{b}[c]") == Exact("a{b}[c]")


def test_an_exact_text_with_a_star_is_refused():
    assert exact("https://accounts.google.com") == Exact("https://accounts.google.com")
    with pytest.raises(ConfigurationInvalid, match="compared exactly"):
        exact("https://*.google.com")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a|ab", "ab", True),
        ("a", "xa", False),
        ("a", "ax", False),
        ("a$", "a\n", False),
        ("(?m)^a$", "a\n", False),
        ("a.c", "a\nc", False),
        (r"a@example\.com", "a@example.com", True),
        (r"a@example\.com", "a@example.com\n", False),
        (r"a@example\.com", "a@example.com.evil", False),
        ("K", "\u212a", False),
        (r"\d", "\u0663", False),
        ("é", "é", True),
        ("a", "\ud800", False),
        ("[a-z]{3}", "abc", True),
    ],
)
def test_a_regexp_matches_the_whole_or_nothing(text, value, expected):
    assert regexp(text).matches(value) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(a", "missing )"),
        ("a**", "bad repetition operator"),
        (r"(a)\1", "invalid escape"),
        ("(?=a)", "invalid perl operator"),
        ("[z-a]", "invalid character class range"),
        ("[a", "missing ]"),
        ("((a{100}){100}){100}", "invalid repetition"),
        ("((a{30}){30}){30}", ""),
        ("(x{900}){1,1}" * 70, ""),
        ("a" * (REGEXP_CHARACTERS + 1), "at most 1000 characters"),
        ("({repo}{repo}{repo}){300}", ""),
        ("[{repo}]", "[{repo}] would match any one of its letters"),
        ("a[^x{repo}]b", "would match any one of its letters"),
    ],
)
def test_what_is_no_regexp(text, told, capfd):
    with pytest.raises(ConfigurationInvalid) as refused:
        regexp(text)
    assert told in str(refused.value)
    assert capfd.readouterr() == ("", "")  # RE2 is told not to write on stderr


def test_a_regexp_with_captures_as_long_as_they_can_be_can_still_be_compiled():
    """What loads never fails at a request."""
    pattern = regexp(r"(https://a/{repo}/{repo}){2}")
    assert not pattern.fill({"repo": "a" * 255}).matches("x")


@pytest.mark.parametrize(
    ("matcher", "captures", "filled"),
    [
        (Exact("a/{r}/{r}"), {"r": "x"}, Exact("a/x/x")),
        (Exact("{a}{b}"), {"a": "{b}", "b": "y"}, Exact("{b}y")),  # not filled twice
        (Glob("*/{r}"), {"r": "x.y"}, Glob("*/x.y")),
        (Regexp(r"a/{r}"), {"r": "x.y-z"}, Regexp(r"a/(?:x\.y-z)")),
        (Regexp(r"a{2}/{r}"), {"r": "x"}, Regexp(r"a{2}/(?:x)")),
        (Regexp(r"\x{ff}\p{greek}{r}"), {"ff": "n", "greek": "n", "r": "x"}, Regexp(r"\x{ff}\p{greek}(?:x)")),
        (Regexp(r"\{r}"), {"r": "x"}, Regexp(r"\{r}")),
        (Exact("a"), {"r": "x"}, Exact("a")),
    ],
)
def test_captures_are_filled_in(matcher, captures, filled):
    assert matcher.fill(captures) == filled
    assert filled.text == matcher.fill(captures).text


def test_a_capture_is_one_unit_of_a_regexp():
    filled = regexp("{repo}+").fill({"repo": "ab"})
    assert filled.matches("abab")
    assert not filled.matches("abb")


@given(SEGMENTS, SEGMENTS)
def test_what_was_captured_matches_itself_only(value, other):
    for matcher in (Exact("a/{r}"), Glob("?/{r}"), regexp("[a]/{r}")):
        filled = matcher.fill({"r": value})
        assert filled.matches(f"a/{value}")
        assert filled.matches(f"a/{other}") is (value == other)


@given(st.text(min_size=1, max_size=10).filter(lambda text: text.isprintable()))
def test_whatever_a_capture_is_a_regexp_takes_it_for_text(value):
    assert Regexp("<{r}>").fill({"r": value}).matches(f"<{value}>")


def test_a_glob_is_never_widened_by_a_capture():
    with pytest.raises(ValueError, match="segment"):
        Glob("a/{r}*").fill({"r": "*", "s": "x"})


def test_the_captures_that_a_matcher_uses():
    assert list(captures_in(Exact("{a}/{b}"))) == ["a", "b"]
    assert list(captures_in(Glob("*{a}"))) == ["a"]
    assert list(captures_in(Exact("[{a}]"))) == ["a"]
    assert list(captures_in(Regexp(r"\x{ff}{a}[0-9]{2}\{b}"))) == ["a"]


def test_what_a_matcher_is_made_of_is_in_its_repr():
    """The digest of a policy set is made of it."""
    assert [repr(made) for made in (Exact("a"), Glob("*"), regexp("a"))] == [
        "Exact(text='a')",
        "Glob(text='*')",
        "Regexp(text='a')",
    ]


LOOKALIKES = [
    "https://github.com/org",
    "https://github.com/org-evil/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app-evil/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main\n",
    "\nhttps://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    " https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main ",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main\x00",
    "https://githubXcom/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com.evil.example/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://evil.example/?https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://evil.example/https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/rXyml@refs/heads/main",
    "https://github.com/ORG/app/.github/workflows/r.yml@refs/heads/main",
    "HTTPS://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "http://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/x/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org//.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/mainly",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main?x",
    "https://user@github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://g\u0456thub.com/org/app/.github/workflows/r.yml@refs/heads/main",
]
IDENTITY = "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main"


@pytest.mark.parametrize("evil", LOOKALIKES)
@pytest.mark.parametrize(
    "matcher",
    [
        exact_or_glob(IDENTITY),
        exact_or_glob("https://github.com/org/???/.github/workflows/r.yml@refs/*/main"),
        regexp(r"https://github\.com/org/[a-z]{3}/\.github/workflows/r\.yml@refs/[a-z]+/main"),
        regexp(r"^https://github\.com/org/[a-z]{3}/\.github/workflows/r\.yml@refs/[a-z]+/main$"),
    ],
    ids=["exact", "glob", "regexp", "anchored"],
)
def test_a22_no_look_alike_of_an_identity_matches(matcher, evil):
    assert matcher.matches(IDENTITY)
    assert not matcher.matches(evil)


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+b",
        "(a|aa)+b",
        "(.*)*b",
        "^(?:[a-z0-9]+(?:[._-]?[a-z0-9]+)*/?)+$",
        ".*.*.*.*b",
        "(.*a){300}b",
        "((a?){30}){30}b",
        "(.*.*){500}b",
    ],
)
def test_b16_no_regexp_of_a_policy_backtracks(text):
    """Python's own engine takes more than ages for each; this one looks at each character once."""
    matcher = regexp(text)
    begun = time.process_time()
    assert not matcher.matches("a" * (MATCHED_CHARACTERS - 1) + "!")
    assert time.process_time() - begun < 0.25


@pytest.mark.parametrize("unit", ["[", "[:a", "[[:a:]", r"[\a", r"\x{", "[[:aaaa", "{a", "{a}", "\\"])
def test_b16_finding_captures_in_a_regexp_takes_no_time(unit):
    text = (unit * REGEXP_CHARACTERS)[:REGEXP_CHARACTERS]
    begun = time.process_time()
    list(captures_in(Regexp(text)))
    assert time.process_time() - begun < 0.05


def test_a_value_past_the_bound_matches_nothing():
    assert regexp("a*").matches("a" * MATCHED_CHARACTERS)
    assert not regexp("a*").matches("a" * (MATCHED_CHARACTERS + 1))


def test_patterns_are_as_long_as_their_bound_and_no_longer():
    assert exact_or_glob("*" * GLOB_CHARACTERS) == Glob("*" * GLOB_CHARACTERS)
    assert regexp("a" * REGEXP_CHARACTERS).matches("a" * REGEXP_CHARACTERS)
    with pytest.raises(ConfigurationInvalid, match="a glob has at most 1000"):
        exact_or_glob("*" * (GLOB_CHARACTERS + 1))


def test_the_standard_engine_is_not_used():
    assert not isinstance(re.compile("a"), type(regexp("a")))
