"""What is checked of conditions when a policy is loaded."""

import pytest

from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONDITION_CHARACTERS, CONDITION_DEPTH, CONDITION_LOOPS
from sealgate.policy.conditions import check_condition
from sealgate.policy.expression import read
from sealgate.policy.sources import Sources


def check(text: str) -> None:
    check_condition(text, compile_condition)


@pytest.mark.parametrize(
    "text",
    [
        'predicate.builder.id == "x"',
        "predicate.reproducible",
        "!predicate.reproducible",
        "has(predicate.metadata) && has(predicate.metadata.scanFinishedOn)",
        'now - timestamp(predicate.scanned) < duration("24h")',
        'predicate.packages.exists(p, p.name == "openssl")',
        "predicate.a.all(x, predicate.b.all(y, predicate.c.all(z, x == y && y == z)))",
        '"x" in predicate.names',
        'signer.identity.endsWith("@example.com") // people of ours',
        'artifact.digest in statement.subject.map(s, "sha256:" + s.digest.sha256)',
        'predicate["a b"][0] == r"\\d"',
        "predicate.n == 0x1F || predicate.n == 1.5e3 || predicate.n == 3u",
        "type(predicate.n) == int",
        "predicate.x ? true : false",
        "(predicate.x)",
        "[true][0]",
        '"""a "quoted" text""" == predicate.x',
        "predicate.now == now",
        "{'a': 1}.a == predicate.a",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("  // nothing", "is empty"),
        ("predicate.a ==", "is not CEL"),
        ("predicate.a = 1", "not CEL"),
        ("predicate.a == `b`", "not CEL"),
        ("(predicate.a", "lacks a )"),
        ("predicate.a)", "closes nothing"),
        ("(predicate.a]", "closes nothing"),
        ("predcate.a == 1", "predcate is no variable; did you mean predicate?"),
        ("subject.name == 1", "subject is no variable; there are artifact, now, predicate, signer, statement"),
        ("predicate.a.exists(p, q.name == 1)", "q is no variable"),
        ("predicate.a.exists(p, p) && p.name == 1", "p is no variable"),
        ("predicate.a.startswith('x')", "startswith is no function of conditions; did you mean startsWith?"),
        ("system('x')", "system is no function"),
        ("predicate.a.exists(now, now == 1)", "binds now"),
        ("predicate.a.exists(predicate, predicate.b)", "binds predicate"),
        ("size(predicate.packages)", "neither true nor false"),
        ("predicate.packages.size()", "neither true nor false"),
        ("predicate.packages.filter(p, p.a == 1)", "neither true nor false"),
        ("predicate.a + predicate.b", "neither true nor false"),
        ("'always'", "neither true nor false"),
        ("1", "neither true nor false"),
        ("now", "neither true nor false"),
        ("[predicate.a == 1]", "neither true nor false"),
        ("{'a': predicate.a == 1}", "neither true nor false"),
        ("timestamp(predicate.a)", "neither true nor false"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        check(text)
    assert told in str(refused.value)


def test_length_depth_and_loops_are_bounded() -> None:
    check("(" * CONDITION_DEPTH + "predicate.a" + ")" * CONDITION_DEPTH)
    check("predicate.a" + " " * (CONDITION_CHARACTERS - 11))
    loops = "predicate.a.all(x{}, {})"
    text = "true"
    for number in range(CONDITION_LOOPS):
        text = loops.format(number, text)
    check(text)
    for bad, told in (
        ("(" * (CONDITION_DEPTH + 1) + "predicate.a" + ")" * (CONDITION_DEPTH + 1), "deep"),
        ("predicate.a" + " " * CONDITION_CHARACTERS, "characters"),
        (loops.format("n", text), "in one another"),
    ):
        with pytest.raises(ConfigurationInvalid, match=told):
            check(bad)


def test_loops_beside_each_other_are_not_within_each_other() -> None:
    assert read("a.all(x, x) && b.all(x, x)").loops == 1
    assert read("a.all(x, x.exists(y, y))").loops == 2


def test_what_a_condition_reads_is_found() -> None:
    found = read(
        'predicate.builder.id.startsWith("x") && predicate["a b"][0].c == signer.identity && predicate.all(p, p.x)'
    )
    assert found.paths == (
        ("predicate", "builder", "id"),
        ("predicate", "a b", 0, "c"),
        ("signer", "identity"),
        ("predicate",),
    )
    assert found.bound == {"p"}


def test_what_stands_in_texts_and_comments_is_not_read() -> None:
    assert read('"predicate.a" == predicate.b // now').paths == (("predicate", "b"),)


def test_without_a_reader_of_conditions_none_is_taken() -> None:
    sources = Sources(ring={}, read_key=lambda raw: None, read_file=lambda file, name: b"")  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigurationInvalid):
        check_condition("true", sources.compile_condition)
