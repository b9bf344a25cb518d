"""Where a file checks something, and what the file looks like with that one check taken out or turned round.

A check is: a condition that leads to a `raise` or to a `return`, each operand of it, each `_check…()` that is called
for what it raises, what a function that answers yes or no answers, a filter of a comprehension, `any` and `all`, and
`validate=True`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass


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
    offsets = [0]
    for line in source.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    raw = source.encode()
    found: dict[str, Mutant] = {}
    for node, after, statement in _changes(tree):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        changed = (raw[:start] + after.encode() + raw[end:]).decode()
        lines = (statement.lineno, statement.end_lineno or statement.lineno)
        found.setdefault(changed, Mutant(node.lineno, lines, raw[start:end].decode(), after, changed))
    return sorted(found.values(), key=lambda mutant: (mutant.line, mutant.after))


_Change = tuple[ast.expr | ast.stmt, str, ast.expr | ast.stmt]


def _changes(tree: ast.Module) -> Iterator[_Change]:
    for node in ast.walk(tree):
        match node:
            case ast.If() if _leaves(node.body) or _leaves(node.orelse):
                yield from _of_condition(node.test)
            case ast.Expr(value=ast.Call() as call) if "check" in _called(call):
                yield node, "pass", node
            case ast.FunctionDef(returns=ast.Name(id="bool")):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _of_condition(inner.value)
            case ast.comprehension():
                for test in node.ifs:
                    yield from _of_condition(test)
            case ast.Call(func=ast.Name(id="any" | "all" as name) as func):
                yield func, "all" if name == "any" else "any", func
            case ast.keyword(arg="validate", value=ast.Constant(value=True) as value):
                yield value, "False", value
            case ast.IfExp():
                yield from _of_condition(node.test)


def _of_condition(test: ast.expr) -> Iterator[_Change]:
    """A condition held for true, for false, and turned round; and so each operand of an `and` or an `or`."""
    if isinstance(test, ast.Constant):
        yield test, str(not test.value), test
        return
    yield test, "True", test
    yield test, "False", test
    if isinstance(test, ast.BoolOp):
        neutral = "True" if isinstance(test.op, ast.And) else "False"
        for operand in test.values:
            yield operand, neutral, test
    if isinstance(test, ast.Compare) and len(test.ops) > 1:  # a <= b <= c: each half of it
        left, middle, right = test.left, test.comparators[0], test.comparators[-1]
        yield left, ast.unparse(middle), test
        yield right, ast.unparse(test.comparators[-2]), test
    if isinstance(test, ast.Compare) and isinstance(test.ops[-1], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        swapped = {ast.Lt: ast.LtE(), ast.LtE: ast.Lt(), ast.Gt: ast.GtE(), ast.GtE: ast.Gt()}
        other = ast.Compare(test.left, [*test.ops[:-1], swapped[type(test.ops[-1])]], test.comparators)
        yield test, f"({ast.unparse(other)})", test


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise | ast.Return | ast.Continue)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _short(text: str) -> str:
    return " ".join(text.split())
