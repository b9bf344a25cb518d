"""Documents against the published schemas, with problems that people can act on.

The schemas in `schemas/` are the public contract, closed at every level. They are evaluated with an empty registry: no
`$ref` ever leaves the file (attacks 1C: jsonschema fetches remote ones by default).
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry

from sealgate.policy.problems import Path, Problem, did_you_mean
from sealgate.policy.strict_yaml import Document

_KINDS: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


@lru_cache
def schema(name: str) -> Mapping[str, Any]:
    """A schema of `schemas/`, by the name before `.schema.json`."""
    found: Mapping[str, Any] = json.loads((files("sealgate.schemas") / f"{name}.schema.json").read_bytes())
    return found


def check(document: Document, name: str) -> list[Problem]:
    """What of a document does not fit a schema; every place, in the document's order."""
    return check_against(document, schema(name))


def check_against(document: Document, against: Mapping[str, Any]) -> list[Problem]:
    """The same for any schema."""
    validator = Draft202012Validator(against, registry=Registry())
    return sorted(problem for error in validator.iter_errors(document.data) for problem in _problems(document, error))


def _problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    rule: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            around: Any = error.schema
            known = sorted(around.get("properties", ()))
            for key in sorted(set(value) - set(known)):
                yield document.problem((*path, key), f"unknown field {key}", did_you_mean(key, known))
        case "required":
            for key in sorted(set(rule) - set(value)):
                yield document.problem(path, f"the field {key} is missing")
        case "type":
            hint = "put it into quotes" if rule == "string" and isinstance(value, (int, bool)) else ""
            yield document.problem(path, f"must be {_KINDS.get(rule, rule)}", hint)
        case "enum":
            allowed = [str(choice) for choice in rule]
            hint = did_you_mean(str(value), allowed)
            yield document.problem(path, f"{_shown(value)} is not one of {', '.join(allowed)}", hint)
        case "const":
            yield document.problem(path, f"can only be {json.dumps(rule)}", "else leave it out")
        case "minItems" | "minLength" | "minProperties":
            yield document.problem(path, "must not be empty")
        case "uniqueItems":
            yield document.problem(path, "has an entry twice")
        case "minimum" | "maximum":
            least = error.validator == "minimum"
            yield document.problem(path, f"must be {rule} or {'more' if least else 'less'}")
        case _:
            yield document.problem(path, f"{_shown(value)} does not fit: {error.validator}")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:100]
