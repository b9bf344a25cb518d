"""JSON Schemas over predicates: what is taken at load, and what fits."""

import json
import socket
from contextlib import closing

import pytest
from referencing.exceptions import Unresolvable

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import JSON_DEPTH, SCHEMA_CHARACTERS
from sealgate.policy.predicate_schema import check_schema, first_error

SCAN = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/scan",
    "type": "object",
    "required": ["scanner"],
    "properties": {
        "scanner": {"$ref": "#/$defs/name"},
        "pattern": {"type": "string"},
        "results": {"type": "array", "items": {"$ref": "#/$defs/result"}, "maxItems": 2},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "additionalProperties": False,
    "$defs": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "result": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def test_the_canonical_text_is_the_same_however_it_was_written() -> None:
    turned = json.loads(json.dumps(SCAN), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert check_schema(SCAN) == check_schema(turned)
    assert json.loads(check_schema(SCAN)) == SCAN
    assert check_schema(True) == "true"


@pytest.mark.parametrize(
    ("predicate", "told"),
    [
        ({"scanner": "trivy", "x-n": 1, "pattern": "["}, ""),
        ({}, "'scanner' is a required property"),
        ({"scanner": "Trivy"}, "predicate.scanner: 'Trivy' does not match"),
        ({"scanner": "trivy", "more": 1}, "has 'more', which the schema does not know"),
        ({"scanner": "trivy", "x-n": "1"}, "predicate.x-n: '1' is not of type 'integer'"),
        ({"scanner": "trivy", "results": [{"a": "b"}, {"a": 1}]}, "predicate.results[1].a: 1 is not of type"),
        ({"scanner": "trivy", "results": [{}, {}, {}]}, "is too long"),
        ([], "is not of type 'object'"),
        (None, "is not of type 'object'"),
    ],
)
def test_what_does_not_fit_is_told(predicate: object, told: str) -> None:
    found = first_error(json.loads(check_schema(SCAN)), predicate)
    assert told in found
    assert bool(found) == bool(told)


def test_1c_a_reference_that_was_never_checked_is_not_fetched_either() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(Unresolvable):
            first_error({"$ref": url}, {})
        with pytest.raises(BlockingIOError):
            server.accept()


def _nested(levels: int) -> object:
    made: object = True
    for _ in range(levels):
        made = {"items": made}
    return made


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ([], "neither a mapping"),
        ("https://example.com/schema.json", "neither a mapping"),
        ({"a": float("nan")}, "is not JSON"),
        ({"type": "text"}, "is no JSON Schema: type"),
        ({"required": "a"}, "is no JSON Schema: required"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only https://json-schema.org/draft/2020-12"),
        ({"$ref": "#/$defs/none"}, "leads to no schema"),
        ({"$ref": "#/type", "type": "object"}, "leads to no schema"),
        ({"$anchor": "a"}, "$anchor is not taken"),
        ({"$dynamicRef": "#a"}, "$dynamicRef is not taken"),
        ({"properties": {"a": {"$id": "https://example.com/"}}}, "$id is taken at the top only"),
        ({"pattern": "(?=a)"}, "not one of RE2's syntax"),
        ({"patternProperties": {"(a)\\1": True}}, "not one of RE2's syntax"),
        ({"pattern": "a" * 1001}, "more than 1000 characters"),
        ({"unevaluatedProperties": False, "allOf": [{"patternProperties": {"a": True}}]}, "beside patternProperties"),
        ({"description": "a" * SCHEMA_CHARACTERS}, "more than"),
        (_nested(JSON_DEPTH + 1), "levels deep"),
    ],
)
def test_what_is_wrong_with_a_schema_is_told(schema: object, told: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        check_schema(schema)
    assert told in str(refused.value)


def test_pointers_with_escapes_lead_where_they_say() -> None:
    check_schema({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "string"}}})
    check_schema({"$ref": "#/anyOf/0", "anyOf": [True]})


def test_a_property_that_has_a_keywords_name_is_no_keyword() -> None:
    check_schema({"properties": {"$ref": {"type": "string"}, "pattern": {"pattern": "a"}, "$id": True}})
