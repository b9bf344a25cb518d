"""A CEL expression as its tokens: enough to say what it reads and calls, and how deep it goes.

Whether it is CEL at all is the library's to say, which does not tell where a name is bound, nor what is read of a
variable. Nothing that decides rests on what is here: it makes errors at load, and the words of refusals.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.problems import Path

VARIABLES: Final = frozenset({"predicate", "statement", "signer", "artifact", "now"})
"""What conditions are over (design section 3)."""

MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
"""Those that bind a name to each element (CEL specification, "Macros")."""

OPENING: Final = {"(": ")", "[": "]", "{": "}"}
"""Brackets, with what closes each."""

CLOSING: Final = frozenset(OPENING.values())
"""What closes them."""

# Each alternative is linear: no part of it can match what the one after it begins with.
_TOKEN: Final = re.compile(
    r"""(?P<space>[\ \t\r\n\f]++|//[^\n]*+)
    |(?P<text>(?:[bB]?[rR]|[rR][bB])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*+"|'[^'\n]*+')
        |[bB]?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'))
    |(?P<number>(?:0x[0-9a-fA-F]++|[0-9]++(?:\.[0-9]++)?+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+[uU]?+)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*+)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[.,:?()\[\]{}+\-*/%!<>])
    |(?P<other>.)""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind (`text`, `number`, `name` or `mark`) and how it is written."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a condition reads.

    Args:
        tokens: all of it but space and comments.
        free: names that nothing in it binds, in order: variables, or mistakes.
        bound: names that its macros bind.
        calls: functions and macros that it calls.
        paths: what it reads of the variables, as far as that is written out.
        depth: brackets in brackets.
        loops: macros in macros.
    """

    tokens: tuple[Token, ...]
    free: tuple[str, ...]
    bound: frozenset[str]
    calls: tuple[str, ...]
    paths: tuple[Path, ...]
    depth: int
    loops: int


def read(text: str) -> Expression:
    """Read an expression.

    Raises:
        ConfigurationInvalid: it has a character that CEL has not, or brackets that do not fit together.
    """
    tokens = tuple(_tokens(text))
    free: list[str] = []
    calls: list[str] = []
    paths: list[Path] = []
    bound: set[str] = set()
    open_brackets: list[tuple[str, str]] = []  # what closes each, and the name that is bound within
    depth = loops = 0
    for at, token in enumerate(tokens):
        before, after = _mark(tokens, at - 1), _mark(tokens, at + 1)
        if token.kind == "mark" and token.text in OPENING:
            name = _binds(tokens, at)
            bound.update(name)
            open_brackets.append((OPENING[token.text], name[0] if name else ""))
            depth = max(depth, len(open_brackets))
            loops = max(loops, sum(1 for _, one in open_brackets if one))
        elif token.kind == "mark" and token.text in CLOSING:
            if not open_brackets or open_brackets.pop()[0] != token.text:
                raise ConfigurationInvalid(f"has a {token.text} that closes nothing")
        elif token.kind == "name" and after == "(":
            calls.append(token.text)
        elif token.kind == "name" and before != ".":
            if token.text in (name for _, name in open_brackets) or token.text in ("true", "false", "null", "in"):
                continue
            free.append(token.text)
            if token.text in VARIABLES:
                paths.append(_path(tokens, at))
    if open_brackets:
        raise ConfigurationInvalid(f"lacks a {open_brackets[-1][0]}")
    return Expression(
        tokens=tokens,
        free=tuple(dict.fromkeys(free)),
        bound=frozenset(bound),
        calls=tuple(dict.fromkeys(calls)),
        paths=tuple(dict.fromkeys(paths)),
        depth=depth,
        loops=loops,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An expression that is `list.all(name, body)` or `!list.exists(name, body)`, and nothing else.

    Args:
        path: where the list is.
        name: what each entry is called in `body`.
        body: an expression.
        fails: what `body` is for an entry that makes the whole false.
    """

    path: Path
    name: str
    body: str
    fails: bool


def loop(found: Expression) -> Loop | None:
    """The loop that an expression is, if it is one."""
    tokens = found.tokens
    negated = _mark(tokens, 0) == "!"
    if len(tokens) <= negated or tokens[negated].text not in VARIABLES:
        return None
    path = _path(tokens, int(negated))
    at = next((n for n in range(len(tokens) - 1) if _mark(tokens, n) == "(" and _binds(tokens, n)), 0)
    if not at or tokens[at - 1].text != ("exists" if negated else "all") or _closes(tokens, at) != len(tokens) - 1:
        return None
    if read("".join(token.text for token in tokens[int(negated) : at - 2])).paths != (path,):
        return None
    body = " ".join(token.text for token in tokens[at + 3 : -1])
    return Loop(path=path, name=tokens[at + 1].text, body=body, fails=negated)


def _closes(tokens: Sequence[Token], at: int) -> int:
    """Where the bracket at `at` is closed."""
    level = 0
    for here in range(at, len(tokens)):
        mark = _mark(tokens, here)
        level += (mark in OPENING) - (mark in CLOSING)
        if level == 0:
            return here
    return len(tokens)


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        if kind == "other":
            raise ConfigurationInvalid(f"{found[0]!a} at character {found.start() + 1} is not CEL")
        if kind != "space":
            yield Token(kind, found[0])


def _mark(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) and tokens[at].kind == "mark" else ""


def _binds(tokens: Sequence[Token], at: int) -> tuple[str, ...]:
    """The name that a macro binds within the bracket that opens at `at`."""
    called = tokens[at - 1].text if at >= 2 and _mark(tokens, at - 2) == "." else ""
    if called in MACROS and at + 1 < len(tokens) and tokens[at + 1].kind == "name" and _mark(tokens, at + 2) == ",":
        return (tokens[at + 1].text,)
    return ()


def _path(tokens: Sequence[Token], at: int) -> Path:
    """What is read of the variable at `at`: `predicate.builder.id`, `predicate["packages"][0]`."""
    made: list[str | int] = [tokens[at].text]
    at += 1
    while at + 1 < len(tokens):
        inner = tokens[at + 1]
        if _mark(tokens, at) == "." and inner.kind == "name" and _mark(tokens, at + 2) != "(":
            made.append(inner.text)
            at += 2
        elif _mark(tokens, at) == "[" and _mark(tokens, at + 2) == "]" and inner.kind in ("text", "number"):
            if inner.kind == "number" and inner.text.isdecimal():
                made.append(int(inner.text))
            elif inner.kind == "text" and inner.text[0] in "\"'" and "\\" not in inner.text and inner.text[:3] != '"""':
                made.append(inner.text[1:-1])
            else:
                break
            at += 3
        else:
            break
    return tuple(made)
