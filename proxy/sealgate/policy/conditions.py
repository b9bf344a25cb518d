"""What is checked of a rule's `condition` and `predicate_schema` when a policy is loaded.

CEL always ends, and can still take hours and gigabytes: the library has no cost limit. What can be bounded by looking
is bounded here; the rest is the deadline's (`adapters/conditions`).
"""

from collections.abc import Callable
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONDITION_CHARACTERS, CONDITION_DEPTH, CONDITION_LOOPS
from sealgate.policy.expression import CLOSING, MACROS, OPENING, VARIABLES, Expression, Token, read
from sealgate.policy.predicate_schema import check_schema as check_schema
from sealgate.policy.problems import did_you_mean

FUNCTIONS: Final = frozenset(
    {
        "has", "size", "contains", "startsWith", "endsWith", "matches", "timestamp", "duration", "int", "uint",
        "double", "string", "bytes", "type", "dyn", "getFullYear", "getMonth", "getDate", "getDayOfMonth",
        "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    }
)  # fmt: skip
"""What a condition can call beside macros; `docs/conditions.md` has the list with what each does."""

_TYPES: Final = frozenset({"int", "uint", "double", "string", "bytes", "bool", "list", "map", "null_type"})
_NOT_BOOLEAN: Final = FUNCTIONS - {"has", "contains", "startsWith", "endsWith", "matches", "dyn"} | {"map", "filter"}
_COMPARING: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "?", "in"})
_ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "%"})


def check_condition(text: str, compile_condition: Callable[[str], None]) -> None:
    """Check one condition.

    Args:
        text: a CEL expression.
        compile_condition: `Sources.compile_condition`.

    Raises:
        ConfigurationInvalid: it is not CEL, reads a variable or calls a function that there is not, is too long or too
            deep, or can be neither true nor false.
    """
    if len(text) > CONDITION_CHARACTERS:
        raise ConfigurationInvalid(f"has more than {CONDITION_CHARACTERS} characters; write several conditions")
    found = read(text)
    if not found.tokens:
        raise ConfigurationInvalid("is empty")
    if found.depth > CONDITION_DEPTH:
        raise ConfigurationInvalid(f"has brackets more than {CONDITION_DEPTH} deep")
    if found.loops > CONDITION_LOOPS:
        raise ConfigurationInvalid(f"has more than {CONDITION_LOOPS} of all, exists, map and filter in one another")
    compile_condition(text)
    _check_names(found)
    if _is_no_boolean(found):
        raise ConfigurationInvalid("is neither true nor false, whatever it is about; compare it with something")


def _check_names(found: Expression) -> None:
    if hidden := sorted(found.bound & (VARIABLES | _TYPES)):
        raise ConfigurationInvalid(f"binds {hidden[0]}, which has a meaning already; choose another name")
    for name in found.free:
        if name not in VARIABLES | _TYPES:
            hint = did_you_mean(name, VARIABLES | found.bound) or f"there are {', '.join(sorted(VARIABLES))}"
            raise ConfigurationInvalid(f"{name} is no variable; {hint}")
    for name in found.calls:
        if name not in FUNCTIONS | MACROS:
            hint = did_you_mean(name, FUNCTIONS | MACROS) or "the page about conditions lists them"
            raise ConfigurationInvalid(f"{name} is no function of conditions; {hint}")


def _is_no_boolean(found: Expression) -> bool:
    """Whether it cannot be true or false, as far as what stands outside of all brackets tells."""
    outside = _outside(found)
    written = {token.text for token in outside if token.kind != "text"}
    if written & _COMPARING:
        return False
    if written & _ARITHMETIC:
        return True
    last = outside[-1]
    if last.text == ")":
        return len(outside) > 2 and outside[-3].text in _NOT_BOOLEAN  # a name and its brackets
    return (
        last.kind in ("text", "number") or last.text in ("null", "now", "}") or (last.text == "]" and len(outside) == 2)
    )


def _outside(found: Expression) -> list[Token]:
    """What stands outside of all brackets, and the outermost brackets."""
    level, outside = 0, []
    for token in found.tokens:
        mark = token.text if token.kind == "mark" else ""
        level -= mark in CLOSING
        if level == 0:
            outside.append(token)
        level += mark in OPENING
    return outside
