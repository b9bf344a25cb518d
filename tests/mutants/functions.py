"""Gives the functions of a module that is in use other code: whoever imported them has them, so all of them change."""

import gc
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType, FunctionType


def functions_of(path: str) -> dict[str, list[FunctionType]]:
    """The functions that a file defines, by their qualified names."""
    found = defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == path:
            found[one.__code__.co_qualname].append(one)
    return found


def replace(functions: dict[str, list[FunctionType]], source: str, path: str) -> bool:
    """Give functions the code that a source has for them; whether any has other code than before."""
    codes = defaultdict(list)
    for code in _codes(compile(source, path, "exec")):
        codes[code.co_qualname].append(code)
    changed = False
    for name, made in functions.items():
        # Where several go by one name, as lambdas do, they are told apart by their order.
        lines = sorted({one.__code__.co_firstlineno for one in made})
        for one in made:
            code = codes[name][lines.index(one.__code__.co_firstlineno)]
            changed |= one.__code__ != code
            one.__code__ = code
    return changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)
