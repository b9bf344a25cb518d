# ruff: noqa: E501 (tables are read best in whole lines)
"""Configuration that misleads: attacks A21, A22, A23, B15, B16, and the YAML and jsonschema rows of 1C."""

import copy
import http.server
import json
import threading
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.keys import PublicKey
from sealgate.limits import POLICY_BYTES, POLICY_DEPTH
from sealgate.policy import schema, strict_yaml
from sealgate.policy.load import Loaded, RingKey, Sources, load
from sealgate.policy.model import Operation, Unmatched

KEY = PublicKey(fingerprint="f", spki=b"", algorithm="ed25519")


def loaded(raw: bytes) -> Loaded:
    def read_file(policy: str, name: str) -> bytes:
        raise ConfigurationInvalid(f"{name}: there is no such file")

    return load([("a.yaml", raw)], Sources(ring={"k": RingKey(key=KEY)}, read_key=lambda pem: KEY, read_file=read_file))


GOOD = """\
name: p
mode: enforce
repositories: [prod/*]
rules:
  - name: r
    key_requirements:
      - type: keyless
        certificate_identity: builder@example.com
        certificate_oidc_issuer: https://accounts.google.com
"""
RULES = GOOD[GOOD.index("rules:") :]


def refused(text: str | bytes) -> str:
    made = loaded(text if isinstance(text, bytes) else text.encode())
    assert made.errors
    assert made.policies == ()
    with pytest.raises(ConfigurationInvalid):
        made.policy_set(Unmatched.ADMIT)
    return "\n".join(str(problem) for problem in made.errors)


def test_the_good_one_loads():
    assert loaded(GOOD.encode()).errors == ()


# --- YAML (1C) ---


def test_1c_yaml_the_last_of_two_equal_keys_does_not_win():
    assert yaml.safe_load("mode: enforce\nmode: warn") == {"mode": "warn"}  # noqa: TID251 - the trap
    assert "mode stands here a second time" in refused(GOOD + "mode: warn\n")


def test_1c_yaml_aliases_are_not_expanded():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    begun = time.process_time()
    assert "the alias *a is not allowed" in refused(bomb)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("value", ["no", "off", "No", "OFF", "n", "yes", "on", "True", "FALSE"])
def test_1c_yaml_only_true_and_false_are_booleans(value):
    assert "required: must be true or false" in refused(GOOD + f"    required: {value}\n")


@pytest.mark.parametrize("value", ["010", "0x1", "0o1", "1_0", "1.0", "1e0", "+1", "1:00", "2026-01-01", "true"])
def test_1c_yaml_only_plain_decimals_are_numbers(value):
    assert "threshold: must be a whole number" in refused(GOOD + f"    threshold: {value}\n")


@pytest.mark.parametrize("value", ["1.10", "12:30:45", "2026-01-01", "0755", "1e3", "no", "on"])
def test_1c_yaml_text_stays_the_text_it_is(value):
    made = loaded(GOOD.replace("name: p", f"name: {value}").encode())
    assert [policy.name for policy in made.policies] == [value]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "a:\n " * 1])
def test_1c_yaml_depth_never_reaches_the_stack(opening):
    begun = time.process_time()
    refused(opening * 3000)
    refused("x: " + "[" * (POLICY_DEPTH + 1))
    assert time.process_time() - begun < 2


def test_1c_yaml_size_is_bounded():
    assert f"more than {POLICY_BYTES} bytes" in refused(GOOD + "#" * POLICY_BYTES)


def test_1c_yaml_there_is_one_document():
    assert "more than one document" in refused(GOOD + "---\n" + GOOD.replace("enforce", "disabled"))
    assert "more than one document" in refused("---\n" + GOOD + "---\n")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [x]", "!!python/name:os.system", "!x y", "!!str p"])
def test_1c_yaml_there_are_no_tags(tag):
    assert "is not allowed" in refused(GOOD.replace("name: p", f"name: {tag}"))


def test_1c_yaml_nothing_is_merged_in():
    assert "merge keys are not allowed" in refused(GOOD + "<<: {mode: disabled}\n")


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "[a]", "{a: b}", "? x\n", '"a": 1, 2'])
def test_1c_yaml_keys_are_text(key):
    refused("{" + key + ": a}")


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u2029", "\r", "\u202e", "\u2066", "\ufeff"])
def test_1c_yaml_a_person_and_the_reader_see_the_same_lines(character):
    """A comment that ends where no editor shows its end, or that is shown in another order."""
    assert "is not allowed" in refused(GOOD + f"# see{character}mode: disabled\n")


def test_1c_yaml_is_utf_8_and_nothing_else():
    for raw in (b"\xff\xfe" + GOOD.encode("utf-16-le"), GOOD.encode("utf-16"), GOOD.encode() + b"#\xff"):
        assert "not UTF-8" in refused(raw)


# --- jsonschema (1C) ---


def test_1c_jsonschema_never_fetches_a_reference(recwarn):
    asked: list[str] = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/schema.json"
        for reference in ({"$ref": url}, {"$dynamicRef": url}, {"properties": {"a": {"$ref": f"{url}#/x"}}}):
            document = strict_yaml.read("a.yaml", b"a: 1")
            with pytest.raises(Exception, match=r"schema\.json"):  # a schema of ours never has one
                schema.check_against(document, reference)
        server.shutdown()
    assert asked == []


def test_1c_jsonschema_our_schemas_refer_to_themselves_only():
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [value for key, value in part.items() if key in ("$ref", "$dynamicRef")]
            return own + [ref for value in part.values() for ref in references(value)]
        return [ref for value in part for ref in references(value)] if isinstance(part, list) else []

    for name in ("policy", "settings"):
        assert all(reference.startswith("#/$defs/") for reference in references(schema.schema(name)))


# --- A21: no field is silently ignored ---


def every_mapping(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(inner for each in value.values() for inner in every_mapping(each))]
    return [inner for each in value for inner in every_mapping(each)] if isinstance(value, list) else []


FULL = {
    "name": "p",
    "repositories": ["a/**"],
    "rules": [
        {
            "name": "r",
            "rekor": {"proof": "promise"},
            "key_requirements": [
                {"type": "keyless", "certificate_identity": "a@b.example", "certificate_oidc_issuer": "https://i.example"},
                {"type": "key", "public_key": "-----"},
            ],
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize("at", range(len(every_mapping(FULL))))
def test_a21_an_unknown_field_is_refused_at_every_level(at):
    assert loaded(json.dumps(FULL).encode()).errors == ()
    changed = copy.deepcopy(FULL)
    every_mapping(changed)[at]["subjectRegExp"] = "x"
    assert "unknown field subjectRegExp" in refused(json.dumps(changed))


def fields_of(part: dict[str, Any]) -> set[str]:
    return set(part["properties"])


def _with(base: dict[str, Any], path: tuple[Any, ...], field: str, value: Any) -> bytes:
    changed = copy.deepcopy(base)
    place: Any = changed
    for part in path:
        place = place[part]
    place[field] = value
    return json.dumps(changed).encode()


LEVELS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (schema.schema("policy"), ()),
    (schema.schema("policy")["$defs"]["rule"], ("rules", 0)),
    (schema.schema("policy")["$defs"]["requirement"], ("rules", 0, "key_requirements", 0)),
]
EVERY_FIELD = [
    (path, field, example)
    for part, path in LEVELS
    for field, about in part["properties"].items()
    for example in about["examples"]
    if example != about.get("default") and json.loads(_with(FULL, path, field, example)) != FULL
]  # to write down what holds anyway changes nothing


@pytest.mark.parametrize(("path", "field", "example"), EVERY_FIELD, ids=[str(field) for _, field, _ in EVERY_FIELD])
def test_a21_every_field_of_the_schema_is_enforced_or_refused(path, field, example):
    """Set to an example of its own it changes what is enforced, or the file is refused."""
    made = loaded(_with(FULL, path, field, example))
    base = loaded(json.dumps(FULL).encode()).policy_set(Unmatched.DENY)
    assert made.errors or made.policy_set(Unmatched.DENY).digest != base.digest


# --- A22, A23: identities and issuers ---


@pytest.mark.parametrize("name", ["certificate_identity", "certificate_oidc_issuer"])
@pytest.mark.parametrize("value", ["''", "' '", '"\\t"', "~", "", "[]", "false"])
def test_a23_nothing_is_not_an_identity_and_not_an_issuer(name, value):
    line = next(line for line in GOOD.splitlines() if name in line)
    assert f"{name}: must " in refused(GOOD.replace(line, f"        {name}: {value}"))
    assert f"the field {name} is missing" in refused(GOOD.replace(line + "\n", ""))


@pytest.mark.parametrize(
    "evil",
    [
        "builder@example.com.evil.org",
        "builder@example.com\n",
        "xbuilder@example.com",
        "Builder@example.com",
        "builder@EXAMPLE.com",
        "builder@example\u3002com",
        "builder@example.com ",
    ],
)
def test_a22_an_exact_identity_is_exact(evil):
    (policy,) = loaded(GOOD.encode()).policies
    (wanted,) = policy.rules[0].alternatives
    assert wanted.identity.matches("builder@example.com")
    assert not wanted.identity.matches(evil)
    assert wanted.issuer.matches("https://accounts.google.com")
    assert not wanted.issuer.matches("https://accounts.google.com" + evil)
    assert not wanted.issuer.matches("")


# --- B15: globs over repositories; no match is a denial ---

COVERAGE = {
    "prod/*": (["prod/app", "prod/a.b-c_d"], ["prod", "prod/evil/app", "xprod/app", "prod-evil/app", "prodx/app", "a/prod/app"]),
    "prod/**": (["prod/app", "prod/evil/app"], ["prod", "prod-evil/app", "x/prod/app"]),
    "team*": (["team", "team-evil"], ["team/app", "xteam"]),
    "*/app": (["a/app"], ["app", "a/b/app", "a/app/b"]),
    "**/app": (["a/app", "a/b/app"], ["app", "a/app2", "a/xapp"]),
    "a?c": (["abc"], ["ac", "a/c", "abbc"]),
    "registry.io/team/*": (["registry.io/team/app"], ["xregistry.io/team/app", "registryxio/team/app", "registry.io/team"]),
    "a.b/c": (["a.b/c"], ["axb/c"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [(p, n, True) for p, (yes, _) in COVERAGE.items() for n in yes]
    + [(p, n, False) for p, (_, no) in COVERAGE.items() for n in no],
)
def test_b15_a_star_stays_within_its_segment(pattern, name, covered):
    made = loaded(f"name: p\nrepositories: ['{pattern}']\n{RULES}".encode()).policy_set(Unmatched.DENY)
    assert bool(made.resolve(name, Operation.PULL).policies) is covered
    assert made.may_take(name) is covered


def test_b15_what_is_excluded_is_not_covered():
    made = loaded(f"name: p\nrepositories: ['a/**']\nexclude_repositories: ['a/x/*']\n{RULES}".encode())
    resolved = made.policy_set(Unmatched.DENY)
    assert not resolved.resolve("a/x/y", Operation.PULL).policies
    assert resolved.resolve("a/x/y/z", Operation.PULL).policies


# --- B16: time ---

UNITS = ["*", "**/", "?", "a*", "{a}", "[", "(", "\\", "a", "/", ".", "(a+)+", "[[:", "{", "é", "*?"]
FIELDS = ["certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "public_key"]


@pytest.mark.parametrize("unit", UNITS)
def test_b16_no_text_of_a_policy_takes_long_to_load(unit):
    text = json.dumps((unit * 20_000)[:20_000], ensure_ascii=False)
    begun = time.process_time()
    for field in FIELDS:
        loaded(GOOD.replace("        certificate_identity: builder@example.com", f"        {field}: {text}").encode())
    loaded(GOOD.replace("prod/*", text).encode())
    loaded((GOOD + f"operations: [push]\ntags: [{text}]\nexclude_repositories: [{text}]\n").encode())
    loaded((GOOD + f"{text}: 1\n").encode())
    assert time.process_time() - begun < 3


def test_b16_many_small_things_take_no_time_either():
    begun = time.process_time()
    loaded(f"name: p\nrepositories: [{','.join(['a', '1'] * 5000)}]\n{RULES}".encode())
    loaded((GOOD + "".join(f"f{number}: x\n" for number in range(5000))).encode())
    loaded(b"name: p\nrepositories: [a]\nrules:\n" + b"- {name: r, trusted_keys: [q]}\n" * 2000)
    assert time.process_time() - begun < 15


# --- whatever it is, it is read or refused ---

NAMES = sorted(
    fields_of(schema.schema("policy"))
    | fields_of(schema.schema("policy")["$defs"]["rule"])
    | fields_of(schema.schema("policy")["$defs"]["requirement"])
)
ATOMS = st.sampled_from(
    [
        "",
        "a",
        "a/*",
        "{x}",
        "a/{x}",
        "keyless",
        "key",
        "cosign",
        "gpg",
        "docker",
        "helm",
        "k",
        "push",
        "(",
        "-----",
        "\x00",
    ]
)
VALUES = st.recursive(
    ATOMS | st.booleans() | st.none() | st.integers(-2, 200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(VALUES)
def test_any_document_loads_or_is_refused_with_words(data):
    made = loaded(json.dumps(data).encode())
    assert bool(made.errors) or made.policies or made.disabled
    assert all(problem.text and problem.text.isprintable() for problem in made.problems)


@given(st.sampled_from(NAMES), VALUES, st.sampled_from([(), ("rules", 0), ("rules", 0, "key_requirements", 0)]))
def test_any_field_with_any_value_loads_or_is_refused_with_words(field, value, path):
    made = loaded(_with(FULL, path, field, value))
    assert bool(made.errors) != bool(made.policies or made.disabled)
