"""`sealgate policy validate`: what a person, and what a program, reads; and the exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sealgate.cli.policy import app

PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
GOOD = "name: p\nrepositories: ['a/**']\nrules: [{name: r, key_requirements: [{type: key, public_key: release.pub}]}]\n"
BAD = GOOD + "mode: of\nextra: 1\n"
WARNED = GOOD.replace("a/**", "a/*")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release.pub").write_text(PEM)
    return tmp_path


def validate(*arguments: str, **texts: str) -> Result:
    for name, text in texts.items():
        Path(f"{name}.yaml").write_text(text)
    return CliRunner().invoke(app, ["validate", *arguments])


def test_good_policies_are_shown_in_a_table():
    result = validate(".", good=GOOD, other=GOOD.replace("name: p", "name: q").replace("a/**", "b"))
    assert result.exit_code == 0
    assert "0 errors, 0 warnings: 2 policies" in result.stdout
    for told in ("p", "enforce", "pull, push", "a/**", "r"):
        assert told in result.stdout


def test_every_problem_is_shown_with_its_line_and_a_caret():
    result = validate(".", bad=BAD, worse="name: [")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        'error: bad.yaml:4: mode: "of" is not one of enforce, warn, disabled',
        "     4 | mode: of",
        "       | ^",
        "error: bad.yaml:5: unknown field extra",
        "     5 | extra: 1",
        "       | ^",
        "error: worse.yaml:1: not YAML: while parsing a flow node, expected the node content, but found "
        "'<stream end>'; put text that has brackets or braces in it into quotes",
        "     1 | name: [",
        "       |        ^",
        "",
        "3 errors, 0 warnings: the set is refused whole",
    ]


def test_warnings_alone_are_no_failure_unless_strict():
    assert validate("a.yaml", a=WARNED).exit_code == 0
    result = validate("a.yaml", "--strict")
    assert result.exit_code == 2
    assert "warning: a.yaml:2: repositories[0]: a/* does not cover a/a/b" in result.stdout
    assert "0 errors, 1 warning: 1 policy" in result.stdout


def test_a_long_line_is_shown_where_it_matters():
    result = validate(
        "a.yaml", a="{name: p, description: '" + "x" * 5000 + "', repositories: [A], allow_unsigned: true}"
    )
    shown, caret = result.stdout.splitlines()[1:3]
    assert len(shown) < 120
    assert shown[caret.index("^")] == "A"


def test_what_a_terminal_would_obey_is_not_printed(folder):
    (folder / "a.yaml").write_bytes(b"name: \x1b[31m\n")
    result = validate("a.yaml")
    assert result.exit_code == 2
    assert "\x1b" not in result.stdout


def test_disabled_policies_are_named():
    result = validate(".", a=GOOD, b=GOOD.replace("name: p", "name: q") + "mode: disabled\n")
    assert "q is disabled: what only it covers is uncovered" in result.stdout
    assert result.exit_code == 0


def test_the_key_ring_comes_from_the_settings():
    ringed = "name: p\nrepositories: [a]\nrules: [{name: r, trusted_keys: [release]}]\n"
    result = validate("a.yaml", a=ringed)
    assert result.exit_code == 2
    assert "there is no key release in the key ring; the key ring is keys: in the settings" in result.stdout
    Path("s.settings").write_text("keys: {release: release.pub}\n")
    assert validate("a.yaml", "--settings", "s.settings").exit_code == 0


def test_broken_settings_and_missing_files_are_told():
    Path("s.settings").write_text("keyz: {}\n")
    result = validate("a.yaml", "--settings", "s.settings", a=GOOD)
    assert result.exit_code == 2
    assert "s.settings:1: unknown field keyz; did you mean keys?" in result.stderr
    result = validate("absent.yaml")
    assert result.exit_code == 2
    assert "absent.yaml: there is no such file" in result.stderr


def test_json_for_programs():
    result = validate("a.yaml", "--json", a=BAD)
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["policies"] == []
    assert told["problems"][1] == {
        "file": "a.yaml",
        "line": 5,
        "column": 1,
        "path": "",
        "text": "unknown field extra",
        "hint": "",
        "error": True,
        "source": "extra: 1",
    }
    told = json.loads(validate("a.yaml", "--json", a=GOOD).stdout)
    assert told == {"problems": [], "policies": ["p"], "disabled": []}
