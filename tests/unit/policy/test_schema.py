"""The published schemas: closed, described, true about what is enforced, and evaluated without the network."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sealgate.policy import schema, strict_yaml

NAMES = ["policy", "settings", "cases"]


def objects(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object in a schema."""
    if isinstance(part, dict):
        if "properties" in part or part.get("type") == "object":
            yield path, part
        for name, inner in part.items():
            if name != "examples":
                yield from objects(inner, f"{path}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from objects(inner, f"{path}/{number}")


def properties(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, part in objects(schema.schema(name)):
        for field, inner in part.get("properties", {}).items() if "properties" in part else ():
            yield f"{path}/{field}", inner


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema(name):
    Draft202012Validator.check_schema(schema.schema(name))
    assert schema.schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_closed_at_every_level(name):
    opened = [path for path, part in objects(schema.schema(name)) if "additionalProperties" not in part]
    # A predicate's schema is a schema of the user's own.
    assert opened == [path for path in opened if path.endswith("/predicate_schema")]
    assert all(part.get("additionalProperties") is not True for _, part in objects(schema.schema(name)))


@pytest.mark.parametrize(("path", "part"), [(n + p, part) for n in NAMES for p, part in properties(n)])
def test_every_field_is_described_and_its_examples_are_true(path, part):
    assert part["title"]
    assert len(part["description"]) > 5
    assert part["examples"]
    root = schema.schema(path.split("/", 1)[0])
    validator = Draft202012Validator({**part, "$defs": root.get("$defs", {})})
    for example in part["examples"]:
        validator.validate(example)


@pytest.mark.parametrize("name", NAMES)
def test_its_own_examples_fit(name):
    for example in schema.schema(name)["examples"]:
        document = strict_yaml.read("a.yaml", json.dumps(example).encode())
        schema.check(document, name)
        assert document.problems == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", ["uniqueItems", "pattern"])
def test_nothing_in_it_takes_longer_than_the_document_is_long(name, words):
    """`uniqueItems` compares each with each; patterns run in an engine that backtracks."""
    found = [path for path, part in properties(name) if words in part]
    assert found == ([p for p in found if p.endswith("/digest")] if words == "pattern" else [])


def told(against: dict[str, Any], text: str) -> list[str]:
    document = strict_yaml.read("a.yaml", text.encode())
    schema.check_against(document, against)
    return [str(problem) for problem in document.problems]


def test_a_keyword_without_words_of_its_own_is_told_with_the_description():
    against = {"properties": {"a": {"multipleOf": 2, "description": "An even number."}}}
    assert told(against, "a: 3") == ["a.yaml:1: a: 3 does not fit; An even number."]


def test_several_missing_fields_are_each_told_once():
    against = {"required": ["a", "b"]}
    assert told(against, "c: 1") == ["a.yaml:1: the field a is missing", "a.yaml:1: the field b is missing"]


def test_what_yaml_refused_is_not_told_again():
    assert told({"properties": {"a": {"type": "string"}}}, "a: *x\n") == [
        "a.yaml:1: a: the alias *x is not allowed; write it out, or put text that begins with * into quotes"
    ]


def test_either_of_two_types():
    against = {"properties": {"a": {"type": ["string", "object"]}}}
    assert told(against, "a: 1") == ["a.yaml:1: a: must be text or a mapping, and is 1; put it into quotes"]
