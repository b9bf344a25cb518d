"""`make docs`: the pages of docs/ that are made: of every policy field, from the schema, and of every reason code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sealgate.evidence.explanations import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "schemas" / "policy.schema.json"
_POLICY_HEAD = """\
# Policy reference

Every field that a policy can hold. `make docs` makes this page from [the schema](../schemas/policy.schema.json); what
the fields are for, and how they work together, is in [policies](policies.md). A field that is not here is refused.

For completion and checks in an editor, begin the file with
`# yaml-language-server: $schema=…/schemas/policy.schema.json`.
"""

_REASONS_HEAD = """\
# Reason codes

Every refusal names one reason. The codes are stable and the same in messages, in the `detail` of the error, in the
decision log, in `sealgate check --json` and in tests. `make docs` makes this page from the code.

Three kinds of answer, never mixed up:

- **403, not signed or signed wrongly**: the gate looked, and the answer is no. Clients do not try again.
- **503, could not be checked**: nobody knows. It is never cached and comes with `Retry-After`; the kubelet tries again.
- **4xx of the registry's own** (401, 404, 429, …) are passed on as they came and have no reason code.

Where several things are wrong, the message names the one that is least work to mend; `sealgate check REF` and the
decision log have all of them, with the manifest that carries each signature. A reason in a finding is about *one*
candidate: it refuses nothing as long as another signature satisfies the rule.

*Signing again helps* where the table says "sign". Until then the image rests in the registry under its digest, and the
tag has not moved; after it the same push succeeds at once.
"""
_COLUMNS = "| reason | status | what it means | what to do |\n|---|---|---|---|"

Schema = dict[str, Any]


def pages() -> dict[str, str]:
    """Each page, by its name."""
    schema = json.loads(SCHEMA.read_text())
    fields = "\n".join([_POLICY_HEAD, *_sections("A policy", schema, schema["$defs"])])
    return {"policy-reference.md": fields, "reasons.md": "\n".join([_REASONS_HEAD, *_reasons()])}


def _reasons() -> Iterator[str]:
    for heading, reasons in SECTIONS.items():
        rows = (f"| `{code}` | {told.status} | {told.meaning} | {told.remedy} |" for code, told in reasons.items())
        yield "\n".join([f"## {heading}", "", _COLUMNS, *rows, ""])


def _sections(heading: str, schema: Schema, defs: Schema) -> Iterator[str]:
    """One object's fields as a table, then the objects among them."""
    fields: dict[str, Schema] = schema["properties"]
    lines = [f"## {heading}", "", schema["description"], ""]
    if schema.get("required"):
        lines += [f"Must be there: {', '.join(f'`{name}`' for name in schema['required'])}.", ""]
    lines += ["| field | what it holds | left out | meaning | example |", "|---|---|---|---|---|"]
    below: list[tuple[str, Schema]] = []
    for name, field in fields.items():
        inner = _object(field, defs)
        if inner is not None:
            below.append((f"`{heading.strip('`')}.{name}`" if heading[0] == "`" else f"`{name}`", inner))
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        example = f"`{json.dumps(field['examples'][0], ensure_ascii=False)}`"
        cells = (f"`{name}`", _holds(field, inner), default, field["description"], example)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    yield "\n".join([*lines, ""])
    for inner_heading, inner in below:
        yield from _sections(inner_heading, inner, defs)


def _object(field: Schema, defs: Schema) -> Schema | None:
    """The object with fields of its own that a field holds, or a list of."""
    inner = field.get("items", field)
    if "$ref" in inner:
        inner = defs[inner["$ref"].rpartition("/")[2]]
    # An object in a list has no words of its own: its field has them.
    return {"description": field["description"], **inner} if "properties" in inner else None


def _holds(field: Schema, inner: Schema | None) -> str:
    if "enum" in field or "const" in field:
        return " · ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        return ", or ".join(_holds(each, None) for each in field["anyOf"])
    if field.get("type") == "array":
        items = field["items"]
        return "list, see below" if inner else f"list of {_holds(items, None)}" if "enum" in items else "list of texts"
    kind = {"string": "text", "boolean": "`true` · `false`", "integer": "number", "object": "a mapping"}[field["type"]]
    if inner:
        return f"{kind}, see below"
    bounds = [str(field[bound]) for bound in ("minimum", "maximum") if bound in field]
    return f"{kind}, {' to '.join(bounds)}" if bounds else kind


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / "docs" / name).write_text(text)
