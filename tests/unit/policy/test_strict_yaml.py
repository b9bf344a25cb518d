# ruff: noqa: E501 (a table of what people read is read best in whole lines)
"""YAML with one meaning: what is read, what is refused, and where a person is told that it is."""

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sealgate.limits import POLICY_BYTES, POLICY_DEPTH, POLICY_VALUES, PROBLEMS
from sealgate.policy.strict_yaml import read


def told(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [str(problem) for problem in read("a.yaml", raw).problems]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: true", {"a": True}),
        ("a: false", {"a": False}),
        ("a: True", {"a": "True"}),
        ("a: yes", {"a": "yes"}),
        ("a: no", {"a": "no"}),
        ("a: on", {"a": "on"}),
        ("a: off", {"a": "off"}),
        ("a: null", {"a": None}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 0", {"a": 0}),
        ("a: 12", {"a": 12}),
        ("a: -3", {"a": -3}),
        ("a: +3", {"a": "+3"}),
        ("a: 010", {"a": "010"}),
        ("a: 0o10", {"a": "0o10"}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 1.10", {"a": "1.10"}),
        ("a: 1e3", {"a": "1e3"}),
        ("a: .inf", {"a": ".inf"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 1234567890123456", {"a": "1234567890123456"}),
        ("a: ١٢", {"a": "١٢"}),
        ("a: '12'", {"a": "12"}),
        ('a: "true"', {"a": "true"}),
        ("on: x", {"on": "x"}),
        ("'1': x", {"1": "x"}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: [b, {c: d}]", {"a": ["b", {"c": "d"}]}),
        ("---\na: b\n...\n", {"a": "b"}),
        ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("- a", ["a"]),
        ("text", "text"),
    ],
)
def test_what_is_read(text, data):
    document = read("a.yaml", text.encode())
    assert document.problems == []
    assert document.data == data
    assert repr(document.data) == repr(data)  # True is not 1


REFUSED = [
    ("a: b\na: c\n", "a.yaml:2: a: a stands here a second time; the first is in line 1"),
    ("a:\n  b: 1\n  'b': 2\n", "a.yaml:3: a.b: b stands here a second time; the first is in line 2"),
    ("a: {b: 1, b: 2}", "a.yaml:1: a.b: b stands here a second time; the first is in line 1"),
    ("a: &x b", "a.yaml:1: a: the anchor &x is not allowed; write it out where it is needed"),
    ("a: [b, *x]", "a.yaml:1: a[1]: the alias *x is not allowed; write it out, or put text that begins with * into quotes"),
    ("a:\n- *x\n", "a.yaml:2: a[0]: the alias *x is not allowed; write it out, or put text that begins with * into quotes"),
    ("*x : a", "a.yaml:1: the alias *x is not allowed; write it out, or put text that begins with * into quotes"),
    ("&x a: b", "a.yaml:1: a key has no anchor and no tag"),
    ("!!str a: b", "a.yaml:1: a key has no anchor and no tag"),
    ("a: !!int 1", "a.yaml:1: a: the tag tag:yaml.org,2002:int is not allowed"),
    ("a: ! b", "a.yaml:1: a: the tag ! is not allowed"),
    ("a: !x [b]", "a.yaml:1: a: the tag !x is not allowed"),
    ("!!python/object:os.system {}", "a.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not allowed"),
    ("a: b\n---\nc: d\n", "a.yaml:2: the file has more than one document; make it a file of its own"),
    ("a: b\n--- {}\n---\nc\n", "a.yaml:2: the file has more than one document; make it a file of its own"),
    ("1: a", "a.yaml:1: the key 1 is not text"),
    ("a:\n  true: b", "a.yaml:2: a: the key true is not text"),
    ("null: a", "a.yaml:1: the key null is not text"),
    ("?\n: a\n", "a.yaml:1: the key without a name is not text"),
    ("? [a]\n: b", "a.yaml:1: a key is plain text"),
    ("? {a: b}\n: c", "a.yaml:1: a key is plain text"),
    ("'<<': a", "a.yaml:1: merge keys are not allowed; write it out"),
    ("a:\n  <<: {b: c}", "a.yaml:2: a: merge keys are not allowed; write it out"),
    ("", "a.yaml: the file is empty"),
    ("# nothing\n", "a.yaml: the file is empty"),
    (b"a: \xff\n", "a.yaml:1: the file is not UTF-8"),
    (b"a: b\nc: \xc3(\n", "a.yaml:2: the file is not UTF-8"),
    ("a: b".encode("utf-16"), "a.yaml:1: the file is not UTF-8"),
    ("\ufeffa: b", "a.yaml:1: the character U+FEFF is not allowed; remove it: it hides what the file says"),
    ("a: b # \u2028mode: warn", "a.yaml:1: the character U+2028 is not allowed; remove it: it hides what the file says"),
    ("a: b # \u0085mode: warn", "a.yaml:1: the character U+0085 is not allowed; remove it: it hides what the file says"),
    ("a: b # \rmode: warn", "a.yaml:1: the character U+000D is not allowed; remove it: it hides what the file says"),
    ("a: b\nc: \u202ed", "a.yaml:2: the character U+202E is not allowed; remove it: it hides what the file says"),
    ("a: \x00", "a.yaml:1: the character U+0000 is not allowed"),
    ("a: b\nc: \x1b[31m", "a.yaml:2: the character U+001B is not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), REFUSED, ids=[repr(text)[:30] for text, _ in REFUSED])
def test_what_is_refused(text, problem):
    assert told(text) == [problem]


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("a: b: c", "a.yaml:1: ", "put text that has a colon and a space in it into quotes"),
        ("x: y\na: *@example.com", "a.yaml:2: ", "put text that begins with * into quotes"),
        ("a:\n- **\n", "a.yaml:2: ", "put text that begins with * into quotes"),
        ("a:\n\t- b\n", "a.yaml:2: ", "indent with spaces, not with tabs"),
        ("a: @b", "a.yaml:1: ", "put text that begins with such a character into quotes"),
        ("a: [ghcr.io/{repo}]", "a.yaml:1: ", "put text that has brackets or braces in it into quotes"),
        ('a: "b', "a.yaml:1: ", "close the quotes"),
        ("a: [b", "a.yaml:1: ", "put text that has brackets or braces in it into quotes"),
        ("a:\n  - b\n c: d\n", "a.yaml:3: ", "look at the indentation"),
    ],
)
def test_what_is_not_yaml_is_told_with_what_people_mean(text, where, hint):
    (problem,) = told(text)
    assert problem.startswith(where + "not YAML: ")
    assert problem.endswith("; " + hint)


def test_every_problem_is_told_at_once():
    assert told("a: &x 1\na: 2\n3: 4\nb: *x\n<<: {}\n") == [
        "a.yaml:1: a: the anchor &x is not allowed; write it out where it is needed",
        "a.yaml:2: a: a stands here a second time; the first is in line 1",
        "a.yaml:3: the key 3 is not text",
        "a.yaml:4: b: the alias *x is not allowed; write it out, or put text that begins with * into quotes",
        "a.yaml:5: merge keys are not allowed; write it out",
    ]


def test_places_have_a_line_and_a_column():
    document = read("a.yaml", b"name: x\nrules:\n  - name: r\n    types: [a, b]\n")
    assert document.marks[("name",)] == (1, 1)
    assert document.marks["rules", 0] == (3, 5)
    assert document.marks["rules", 0, "types"] == (4, 5)
    assert document.marks["rules", 0, "types", 1] == (4, 16)
    below = document.problem(("rules", 0, "types", 1, "not", "there"), "text")
    assert (below.line, below.column, below.path) == (4, 16, "rules[0].types[1].not.there")


def test_what_is_refused_makes_all_above_it_unfit_and_nothing_beside_it():
    document = read("a.yaml", b"a:\n  b: &x 1\n  c: 2\nd: 3\n")
    assert not document.fits(())
    assert not document.fits(("a",))
    assert not document.fits(("a", "b"))
    assert document.fits(("a", "c"))
    assert document.fitting(()) == {"d": 3}
    assert document.fitting(("a",)) == {"c": 2}
    assert not document.all_fit(("a",))


@pytest.mark.parametrize(("levels", "refused"), [(POLICY_DEPTH, False), (POLICY_DEPTH + 1, True)])
def test_depth_is_bounded(levels, refused):
    # a list in a list: the innermost level is the text
    problems = told("[" * (levels - 1) + "a" + "]" * (levels - 1))
    assert problems == (["a.yaml:1: nested more than 32 levels deep"] if refused else [])


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "? " * 100_000])
def test_what_nests_without_end_is_not_followed(text):
    (problem,) = told(text)
    assert "levels deep" in problem or "not YAML" in problem


def test_size_is_bounded():
    text = b"a: b\n#"
    assert told(text + b"x" * (POLICY_BYTES - len(text))) == []
    assert told(text + b"x" * (POLICY_BYTES - len(text) + 1)) == ["a.yaml: the file has more than 1048576 bytes"]


def test_the_number_of_values_is_bounded():
    fits = "[" + "a," * (POLICY_VALUES - 1) + "]"
    assert told(fits) == []
    assert told(fits.replace("[", "[a,")) == ["a.yaml:1: the file has more than 20000 values"]


def test_the_number_of_problems_is_bounded():
    document = read("a.yaml", b"a: b\n" * 1000)
    assert len(document.problems) == PROBLEMS
    assert not document.fits(("a",))


def test_what_is_told_fits_on_a_line_of_a_terminal():
    (problem,) = read("a.yaml", b'"a\\e[31m\\n": 1\n"a\\e[31m\\n": 2\n').problems
    assert problem.text.isprintable()
    assert problem.path.isprintable()


@given(st.text(max_size=60) | st.text(alphabet="ab:-[]{}!&*?|>#'\"\n ,<1~", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text):
    document = read("a.yaml", text.encode(errors="replace"))
    for problem in document.problems:
        assert problem.text
        assert 0 <= problem.line <= text.count("\n") + 2


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw):
    document = read("a.yaml", raw)
    assert document.problems or document.data is not None or raw.strip(b" \n~") in (b"", b"null") or b"#" in raw


PLAIN = st.recursive(
    st.booleans() | st.none() | st.integers(-(10**14), 10**14) | st.text(alphabet=string.printable[:95], max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(PLAIN.filter(lambda made: made != ""))
def test_what_another_writer_wrote_means_the_same_here(made):
    """With every text in quotes, there is nothing that two readers can differ on."""
    text = yaml.safe_dump(made, default_style='"', default_flow_style=False)
    text = text.replace('!!bool "', '"').replace('!!null "', '"').replace('!!int "', '"')
    document = read("a.yaml", text.encode())
    assert document.problems == []
    assert _as_text(document.data) == _as_text(made)


def _as_text(value):
    match value:
        case dict():
            return {key: _as_text(inner) for key, inner in value.items()}
        case list():
            return [_as_text(inner) for inner in value]
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case _:
            return str(value)
