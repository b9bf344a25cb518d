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

from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.strict_yaml import Document

_KINDS: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}
_UNKNOWN: Final = "unknown field"
_YAML_11_BOOLEANS: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})


@lru_cache
def schema(name: str) -> Mapping[str, Any]:
    """A schema of `schemas/`, by the name before `.schema.json`."""
    found: Mapping[str, Any] = json.loads((files("sealgate.schemas") / f"{name}.schema.json").read_bytes())
    return found


def check(document: Document, name: str) -> None:
    """Note in a document what of it does not fit a schema of `schemas/`."""
    check_against(document, schema(name))


def check_against(document: Document, against: Mapping[str, Any]) -> None:
    """The same for any schema."""
    if document.data is None and document.problems:
        return  # not even YAML
    refused = frozenset(document.refused)  # what stands in for something that was refused as YAML is no news
    errors = Draft202012Validator(against, registry=Registry()).iter_errors(document.data)
    told = (found for error in errors for found in _told(error, tuple(error.absolute_path), against))
    for path, text, hint in dict.fromkeys(told):  # jsonschema tells each missing field apart, `_told` all of them
        if path not in refused:
            document.refuse(path, text, hint, of=path[:-1] if text.startswith(_UNKNOWN) else None)


def _told(error: ValidationError, path: Path, root: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Where, what, and what to do about it."""
    value: Any = error.instance
    rule: Any = error.validator_value
    around: Any = error.schema
    match error.validator:
        case "additionalProperties":
            known = around.get("properties", {})
            for key in sorted(set(value) - set(known)):
                yield (*path, key), f"{_UNKNOWN} {key}", _elsewhere(key, root) or did_you_mean(key, known)
        case "required":
            for key in rule:
                if key not in value:
                    yield path, f"the field {key} is missing", _example(key, around)
        case "type":
            yield path, f"must be {_kinds(rule)}, and is {_kind(value)}", _type_hint(rule, value)
        case "enum":
            hint = did_you_mean(value, rule) if isinstance(value, str) else ""
            yield path, f"{_shown(value)} is not one of {', '.join(rule)}", hint
        case "const":
            yield path, f"can only be {json.dumps(rule)}, and is {_shown(value)}", "else leave it out"
        case "minItems" | "minLength" | "minProperties":
            yield path, "must not be empty", ""
        case "minimum":
            yield path, f"must be {rule} or more, and is {value}", ""
        case "maximum":
            yield path, f"must be {rule} or less, and is {value}", ""
        case "maxLength":
            yield path, f"has more than {rule} characters", ""
        case _:
            yield path, f"{_shown(value)} does not fit", str(around.get("description", ""))


def _type_hint(wanted: str | list[str], value: object) -> str:
    if "string" in wanted and isinstance(value, (bool, int)):
        return "put it into quotes"
    if wanted == "array" and isinstance(value, str):
        return f"write it as a list: [{_shown(value)}]"
    if wanted == "boolean" and isinstance(value, str) and value.lower() in _YAML_11_BOOLEANS:
        return "only true and false, in lower case and without quotes, are"
    if wanted == "integer" and isinstance(value, str):
        return "only plain decimal digits without quotes are"
    return ""


def _elsewhere(key: str, root: Mapping[str, Any]) -> str:
    """Where in a policy a field of this name has its place, for fields that stand at the wrong level."""
    for part in (root, *root.get("$defs", {}).values()):
        if key in part.get("properties", {}):
            return f"it is a field of a {part['title'].lower().removeprefix('sealgate ')}"
    return ""


def _example(key: str, around: Mapping[str, Any]) -> str:
    examples = around.get("properties", {}).get(key, {}).get("examples")
    return f"as in {key}: {json.dumps(examples[0], ensure_ascii=False)}" if examples else ""


def _kinds(rule: str | list[str]) -> str:
    return " or ".join(_KINDS[name] for name in ([rule] if isinstance(rule, str) else rule))


def _kind(value: object) -> str:
    match value:
        case None:
            return "empty"
        case str():
            return f"the text {_shown(value)}"
        case bool() | int():
            return _shown(value)
        case _:
            return _KINDS["object" if isinstance(value, dict) else "array"]


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:100]
