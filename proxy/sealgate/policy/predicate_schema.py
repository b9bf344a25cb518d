"""JSON Schemas over predicates: draft 2020-12, nothing from outside the schema, no pattern that backtracks."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import re2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import JSON_DEPTH, REGEXP_CHARACTERS, REGEXP_MEMORY_BYTES, REGEXPS_IN_MEMORY, SCHEMA_CHARACTERS

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFUSED: Final = {  # what each would need is not worth its rules
    "$dynamicRef": "use $ref to a pointer into the schema",
    "$recursiveRef": "use $ref to a pointer into the schema",
    "$anchor": "use $ref to a pointer into the schema",
    "$dynamicAnchor": "use $ref to a pointer into the schema",
}
_MISSING: Final = object()


def check_schema(document: object) -> str:
    """Check a JSON Schema of a policy.

    Returns:
        It, as canonical JSON: what `evidence.predicate.PredicateTest` holds.

    Raises:
        ConfigurationInvalid: it is no schema of draft 2020-12; refers to something outside of itself (attacks 1C:
            such references are fetched by some), or to nothing; has a pattern that RE2 does not take; is too large.
    """
    try:
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as bad:
        raise ConfigurationInvalid("is not JSON") from bad
    if len(canonical) > SCHEMA_CHARACTERS:
        raise ConfigurationInvalid(f"has more than {SCHEMA_CHARACTERS} characters")
    if not isinstance(document, (dict, bool)):
        raise ConfigurationInvalid("is neither a mapping nor true or false")
    _check_parts(document)
    try:
        Draft202012Validator.check_schema(document, format_checker=FormatChecker(formats=()))
    except SchemaError as bad:
        where = "/".join(str(part) for part in bad.absolute_path)
        raise ConfigurationInvalid(f"is no JSON Schema: {where or 'it'}: {bad.message[:200]}") from bad
    return canonical


def first_error(schema: Mapping[str, Any] | bool, value: object) -> str:
    """What of a value does not fit a checked schema, first of all; "" when it fits.

    Raises:
        RecursionError: the schema refers to itself without end.
    """
    error = next(_Validator(schema, registry=Registry()).iter_errors(value), None)
    if error is None:
        return ""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"predicate{where}: {error.message}"


def _check_parts(document: object) -> None:
    """That nothing refers outside, and patterns are RE2's. A property that has a keyword's name is no text."""
    names: set[str] = set()
    for part, level in _parts(document, 1):
        if level > JSON_DEPTH:
            raise ConfigurationInvalid(f"is more than {JSON_DEPTH} levels deep")
        names.update(part)
        for keyword, told in _REFUSED.items():
            if isinstance(part.get(keyword), str):
                raise ConfigurationInvalid(f"{keyword} is not taken; {told}")
        if isinstance(draft := part.get("$schema"), str) and draft.rstrip("#") != _DRAFT:
            raise ConfigurationInvalid(f"$schema is {draft[:100]}, and only {_DRAFT} is taken")
        if isinstance(part.get("$id"), str) and part is not document:
            raise ConfigurationInvalid("$id is taken at the top only: elsewhere it changes what $ref means")
        if isinstance(reference := part.get("$ref"), str):
            _check_reference(document, reference)
        if isinstance(pattern := part.get("pattern"), str):
            _check_pattern(pattern)
        if isinstance(patterns := part.get("patternProperties"), dict):
            for pattern in patterns:
                _check_pattern(pattern)
    if {"unevaluatedProperties", "patternProperties"} <= names:  # jsonschema tries those patterns with `re`
        raise ConfigurationInvalid("unevaluatedProperties beside patternProperties is not taken")


def _parts(value: object, level: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Every mapping in it, with its depth."""
    if isinstance(value, dict):
        yield value, level
    if level <= JSON_DEPTH and isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts(inner, level + 1)


def _check_reference(document: object, reference: str) -> None:
    if reference != "#" and not reference.startswith("#/"):
        told = f"$ref {reference[:100]} is not a pointer into the schema itself (#/…); nothing is ever fetched"
        raise ConfigurationInvalid(told)
    found: object = document
    for step in reference.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name, _MISSING)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = _MISSING
    if not isinstance(found, (dict, bool)):
        raise ConfigurationInvalid(f"$ref {reference[:100]} leads to no schema")


def _check_pattern(pattern: str) -> None:
    if len(pattern) > REGEXP_CHARACTERS:
        raise ConfigurationInvalid(f"has a pattern of more than {REGEXP_CHARACTERS} characters")
    try:
        _compiled(pattern)
    except re2.error as bad:
        raise ConfigurationInvalid(f"the pattern {pattern[:100]!r} is not one of RE2's syntax") from bad


@lru_cache(REGEXPS_IN_MEMORY)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = REGEXP_MEMORY_BYTES
    options.log_errors = False
    return re2.compile(pattern, options)


def _matches(pattern: str, text: str) -> bool:
    """Anywhere in the text, as the specification of JSON Schema wants it (validation, section 6.3.3)."""
    return _compiled(pattern).search(text) is not None


def _pattern(_: Any, pattern: str, value: object, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _matches(pattern, value):
        yield ValidationError(f"{value[:100]!r} does not match {pattern[:100]!r}")


def _pattern_properties(validator: Any, patterns: Any, value: object, _: Any) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, schema in patterns.items():
            for name in value:
                if _matches(pattern, name):
                    yield from validator.descend(value[name], schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, value: object, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name in value:
        if name in schema.get("properties", {}) or any(_matches(pattern, name) for pattern in patterns):
            continue
        if wanted is False:
            yield ValidationError(f"has {name[:100]!r}, which the schema does not know")
        else:
            yield from validator.descend(value[name], wanted, path=name)


# jsonschema tries patterns with `re`, which backtracks: these are all the keywords in which it does.
_Validator: Final[Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
