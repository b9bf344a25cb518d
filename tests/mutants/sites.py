"""Where a file checks something, and what the file looks like with that one check taken out or turned round.

A check is: a condition of an `if`, `while`, `case` or comprehension, each operand of it, and whatever else is compared
or negated; what a function that answers yes or no answers; each `check…()` that is called for what it raises; a `raise`
that stands under no `if`; `any`, `all`, `min` and `max`; and `validate=True`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OPPOSITES: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}
_BOUNDARIES: Final = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file with one check changed.

    Args:
        line: of the check.
        statement: the lines, first and last, of the statement it is in: tests that never run one of them do not see it.
        before: the check.
        after: what stands in its place.
        source: the whole file.
    """

    line: int
    statement: tuple[int, int]
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What to call it in a table: it does not change when lines move."""
        return f"{_short(self.before)} => {_short(self.after)}"


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a file that can be parsed, in the order of its lines, each text once."""
    tree = ast.parse(source)
    statements = {id(part): statement for statement in ast.walk(tree) for part in _parts(statement)}
    offsets = [0]
    for line in source.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    raw = source.encode()
    found: dict[str, Mutant] = {}
    for node, after in _changes(tree):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        changed = (raw[:start] + after.encode() + raw[end:]).decode()
        whole = statements.get(id(node), node)
        lines = (whole.lineno, whole.end_lineno or whole.lineno)
        found.setdefault(changed, Mutant(node.lineno, lines, raw[start:end].decode(), after, changed))
    return sorted(found.values(), key=lambda mutant: (mutant.line, mutant.after))


_Change = tuple[ast.expr | ast.stmt, str]


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """All that is in a statement which holds no other."""
    if isinstance(node, ast.stmt) and not hasattr(node, "body") and not isinstance(node, ast.Match):
        yield from ast.walk(node)


def _changes(tree: ast.Module) -> Iterator[_Change]:
    under_if = {id(one) for node in ast.walk(tree) if isinstance(node, ast.If) for one in (*node.body, *node.orelse)}
    seen: set[int] = set()  # what a condition around it has changed already
    for node in ast.walk(tree):
        for condition in _conditions(node):
            if id(condition) not in seen:
                yield from _of_condition(condition, seen)
        match node:
            case ast.Expr(value=ast.Call() as call) if "check" in _called(call):
                yield node, "pass"
            case ast.Raise() if id(node) not in under_if:
                yield node, "pass"
            case ast.Call(func=ast.Name(id=name) as func) if name in _OPPOSITES:
                yield func, _OPPOSITES[name]
            case ast.keyword(arg="validate", value=ast.Constant(value=True) as value):
                yield value, "False"


def _conditions(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.If() | ast.While() | ast.IfExp():
            yield node.test
        case ast.match_case(guard=ast.expr() as guard):
            yield guard
        case ast.comprehension():
            yield from node.ifs
        case ast.FunctionDef(returns=ast.Name(id="bool")):
            yield from (one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None)
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            yield node
        case ast.BoolOp() if any(isinstance(one, ast.Compare | ast.BoolOp | ast.UnaryOp) for one in node.values):
            yield node


def _of_condition(test: ast.expr, seen: set[int]) -> Iterator[_Change]:
    """A condition held for true and for false, and each part of it."""
    if isinstance(test, ast.Constant):
        yield test, str(not test.value)
        return
    yield test, "True"
    yield test, "False"
    yield from _within(test, seen)


def _within(test: ast.expr, seen: set[int]) -> Iterator[_Change]:
    seen.add(id(test))
    match test:
        case ast.BoolOp():
            for operand in test.values:
                yield operand, "True" if isinstance(test.op, ast.And) else "False"
                yield from _within(operand, seen)
        case ast.UnaryOp(op=ast.Not()):
            yield from _within(test.operand, seen)
        case ast.Compare():
            *_, before_last, last = (test.left, *test.comparators)
            if len(test.ops) > 1:  # a <= b <= c: each half of it
                yield test.left, ast.unparse(test.comparators[0])
                yield last, ast.unparse(before_last)
            if (boundary := _BOUNDARIES.get(type(test.ops[-1]))) is not None:
                other = ast.Compare(test.left, [*test.ops[:-1], boundary()], test.comparators)
                yield test, f"({ast.unparse(other)})"


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _short(text: str) -> str:
    return " ".join(text.split())
