"""Gives the functions of a module that is in use other code: whoever imported them has them, so all of them change."""

import gc
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType

_Cached = type(lru_cache(lambda: None))


class Functions:
    """The functions that a file defines, but for those within others."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found = defaultdict(list)
        self._caches = []
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename == path and not one.__code__.co_freevars:
                self._found[one.__code__.co_qualname].append(one)
            elif isinstance(one, _Cached) and _file_of(one.__wrapped__) == path:
                self._caches.append(one)

    def replace(self, source: str) -> bool:
        """Give them the code that a source has for them; whether any has other code than before.

        What they have made is forgotten: caches, and with them functions within functions.
        """
        codes = defaultdict(list)
        for code in _codes(compile(source, self._path, "exec")):
            codes[code.co_qualname].append(code)
        changed = False
        for name, made in self._found.items():
            # Where several go by one name, as lambdas do, they are told apart by their order.
            lines = sorted({one.__code__.co_firstlineno for one in made})
            for one in made:
                code = codes[name][lines.index(one.__code__.co_firstlineno)]
                changed |= one.__code__ != code
                one.__code__ = code
        self.forget()
        return changed

    def forget(self) -> None:
        """Forget what they remember of earlier calls."""
        for cache in self._caches:
            cache.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


def _file_of(wrapped: object) -> str:
    """Where a function is from; "" for one that is not Python's, which libraries cache too."""
    return wrapped.__code__.co_filename if isinstance(wrapped, FunctionType) else ""
