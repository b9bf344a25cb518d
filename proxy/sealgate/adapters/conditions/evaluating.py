"""One test of one predicate, within a worker: synchronous, and it may take as long as it likes (`pool` ends it)."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import cel
from referencing.exceptions import Unresolvable

from sealgate.evidence.reason import Reason
from sealgate.limits import (
    CONDITION_ENTRIES,
    CONDITION_PROGRAMS,
    CONDITION_TEXT_CHARACTERS,
    CONDITION_VALUE_CHARACTERS,
    CONDITION_VALUES,
)
from sealgate.oci.wire import printable
from sealgate.policy import expression
from sealgate.policy.predicate_schema import first_error
from sealgate.policy.problems import Path, written

_CONDITION_CHARACTERS: Final = 200  # of a condition, in a message: those of several share CONDITION_TEXT_CHARACTERS
_ABSENT: Final = object()


def evaluate(asked: Mapping[str, Any]) -> dict[str, object]:
    """Answer what `pool` asks.

    Returns:
        `reason` ("" when the test is passed), `text`, and `timed`: whether a condition mentions `now`.
    """
    statement = asked["statement"]
    predicate = statement.get("predicate")
    if asked["schema"]:
        try:
            told = first_error(_schema(asked["schema"]), predicate)
        except RecursionError:
            told = "the schema refers to itself without end"
        except Unresolvable:
            told = "the schema refers to something outside of itself"
        if told:
            return _answer(Reason.PREDICATE_REJECTED, f"it does not fit the schema: {told}", timed=False)
    programs = [(text, _program(text)) for text in asked["conditions"]]
    read = {name for _, program in programs for name in program.variables()}
    given = {
        "predicate": predicate,
        "statement": statement,
        "signer": asked["signer"],
        "artifact": asked["artifact"],
        "now": datetime.fromisoformat(asked["now"]),
    }
    # What is not read is not made into CEL's values: that takes longer than the evaluation.
    context = cel.Context({name: value for name, value in given.items() if name in read})
    failed: list[tuple[Reason, str]] = []
    for text, program in programs:
        shown = printable(" ".join(text.split()), _CONDITION_CHARACTERS)
        try:
            result = program.execute(context)
        except (MemoryError, KeyboardInterrupt, SystemExit):
            raise  # nobody knows
        except BaseException as error:  # noqa: BLE001  a panic of the library is no `Exception`
            failed.append((Reason.CONDITION_ERROR, f"condition {shown} cannot be answered: {_error(error)}"))
            continue
        if result is True:
            continue
        if result is False:
            failed.append((Reason.CONDITION_FALSE, f"condition {shown} is false{_values(text, given)}"))
        else:
            kind = f"{type(result).__name__} ({_shown(result)})"
            failed.append((Reason.CONDITION_ERROR, f"condition {shown} gives {kind}, neither true nor false"))
    timed = "now" in read
    if not failed:
        return _answer(None, "", timed=timed)
    return _answer(failed[0][0], "; ".join(told for _, told in failed), timed=timed)


def _answer(reason: Reason | None, text: str, *, timed: bool) -> dict[str, object]:
    return {"reason": reason or "", "text": printable(text, CONDITION_TEXT_CHARACTERS), "timed": timed}


@lru_cache(CONDITION_PROGRAMS)
def _program(text: str) -> cel.Program:
    return cel.compile(text)


@lru_cache(CONDITION_PROGRAMS)
def _schema(text: str) -> Any:
    return json.loads(text)


def _error(error: BaseException) -> str:
    """The library's words, without its advice, which is for its own users."""
    if isinstance(error, KeyError):
        return f"there is no {printable(str(error.args[0] if error.args else ''), 100)!r} (ask has(…) first)"
    told = str(error).partition(". Check ")[0].partition(" CEL does not coerce")[0].partition(" Convert explicitly")[0]
    return printable(told, 200) or type(error).__name__


def _values(condition: str, given: Mapping[str, Any]) -> str:
    """The values that a condition looked at, as far as it writes out where they are."""
    found = expression.read(condition)
    told = [f"{written(path)} is {_told(path, given)}" for path in found.paths[:CONDITION_VALUES]]
    if (loop := expression.loop(found)) is not None:
        told = [*_entry(loop, given), *told]
    return ": " + ", ".join(told) if told else ""


def _entry(loop: expression.Loop, given: Mapping[str, Any]) -> list[str]:
    """The first entry of a list for which the loop over it fails, among the first few."""
    entries = _at(loop.path, given)
    if not isinstance(entries, list):
        return []
    program = _program(loop.body)
    context = cel.Context({name: given[name] for name in program.variables() if name in given})
    for number, entry in enumerate(entries[:CONDITION_ENTRIES]):
        context.add_variable(loop.name, entry)
        try:
            if program.execute(context) is loop.fails:
                return [f"{written((*loop.path, number))} is {_shown(entry)}"]
        except Exception:  # noqa: BLE001  the whole was answered; this only tells more about it
            return []
    return []


def _told(path: Path, given: Mapping[str, Any]) -> str:
    value = _at(path, given)
    return "not there" if value is _ABSENT else _shown(value)


def _at(path: Path, given: Mapping[str, Any]) -> Any:
    value: Any = given
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value


def _shown(value: object) -> str:
    """A value as JSON, or what is left of it within the bound; lists and mappings with how many entries they have."""
    if isinstance(value, datetime):
        return value.isoformat()
    made = ""
    # The encoder's pieces, so that of a large value no more is written out than is shown.
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        made += piece[: CONDITION_VALUE_CHARACTERS + 1]
        if len(made) > CONDITION_VALUE_CHARACTERS:
            made = made[:CONDITION_VALUE_CHARACTERS] + "…"
            break
    return f"{len(value)} entries, {made}" if isinstance(value, (list, dict)) and len(value) > 1 else made
