"""Tests of one string: exact, glob, regular expression. Always of the whole string, byte for byte (attacks A22)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import re2

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import (
    GLOB_CHARACTERS,
    MATCHED_CHARACTERS,
    REGEXP_CHARACTERS,
    REGEXP_MEMORY_BYTES,
    REGEXPS_IN_MEMORY,
    REPOSITORY_CHARACTERS,
)
from sealgate.policy import glob
from sealgate.policy.repositories import CAPTURE

# The parts of a regular expression in which braces may stand: an escape, a class of characters, a capture. A class that
# is never closed takes the rest, so that nothing is looked at twice; RE2 refuses it.
_PART: Final = re.compile(
    r"\\[pPx]\{[^}]*\}"
    r"|\\."
    r"|(?P<set>\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*+(?:\]|\Z))"
    r"|\{(?P<capture>[a-z][a-z0-9_]*)\}",
    re.ASCII | re.DOTALL,
)
_SPECIAL: Final = frozenset(r"\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Exact:
    """Equal to this text."""

    text: str

    def matches(self, value: str) -> bool:
        """Whether the value is the text."""
        return value == self.text

    def fill(self, captures: Mapping[str, str]) -> "Exact":
        """With captures written in."""
        return Exact(_filled(self.text, captures))


@dataclass(frozen=True, slots=True)
class Glob:
    """Matched by this glob."""

    text: str

    def matches(self, value: str) -> bool:
        """Whether the whole value is matched."""
        return glob.matches(self.text, value)

    def fill(self, captures: Mapping[str, str]) -> "Glob":
        """With captures written in. A repository's name has no character that is special in a glob."""
        if any(glob.is_glob(value) for value in captures.values()):
            raise ValueError("a capture is a segment of a repository's name")
        return Glob(_filled(self.text, captures))


@dataclass(frozen=True, slots=True)
class Regexp:
    """Matched whole by this regular expression, by an engine that does not backtrack (RE2)."""

    text: str

    def matches(self, value: str) -> bool:
        """Whether the whole value is matched; never one of more than `MATCHED_CHARACTERS`."""
        if len(value) > MATCHED_CHARACTERS:
            return False
        try:
            return _compiled(self.text).fullmatch(value) is not None
        except UnicodeEncodeError:  # half a surrogate pair: no text of any certificate that a CA issues
            return False

    def fill(self, captures: Mapping[str, str]) -> "Regexp":
        """With captures written in as literal text, each as one unit."""

        def literal(found: re.Match[str]) -> str:
            value = captures.get(found["capture"] or "")
            return found[0] if value is None else f"(?:{_escaped(value)})"

        return Regexp(_PART.sub(literal, self.text))


def exact_or_glob(text: str) -> Exact | Glob:
    """A glob if it has `*` or `?`, else the text itself.

    Raises:
        ConfigurationInvalid: a glob past `GLOB_CHARACTERS`.
    """
    if not glob.is_glob(text):
        return Exact(text)
    if len(text) > GLOB_CHARACTERS:
        raise ConfigurationInvalid(f"a glob has at most {GLOB_CHARACTERS} characters")
    return Glob(text)


def exact(text: str) -> Exact:
    """The text itself.

    Raises:
        ConfigurationInvalid: it looks like a glob, which it would not be.
    """
    if "*" in text:
        raise ConfigurationInvalid("it is compared exactly, so * is not special; its _regexp field can match several")
    return Exact(text)


def regexp(text: str) -> Regexp:
    """Check a regular expression.

    Raises:
        ConfigurationInvalid: RE2 cannot read it; it is past `REGEXP_CHARACTERS`, or, with captures as long as they can
            be, past `REGEXP_MEMORY_BYTES`; a capture stands in a class of characters, where it would be a choice of
            its letters.
    """
    if len(text) > REGEXP_CHARACTERS:
        raise ConfigurationInvalid(f"a regular expression has at most {REGEXP_CHARACTERS} characters")
    for part in _PART.finditer(text):
        if part["set"] and CAPTURE.findall(part["set"]):
            raise ConfigurationInvalid(f"a capture within {part['set']} would match any one of its letters")
    made = Regexp(text)
    longest = dict.fromkeys(captures_in(made), "." * REPOSITORY_CHARACTERS)
    try:
        _compiled(made.fill(longest).text)
    except re2.error as error:
        told = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ConfigurationInvalid(f"not a regular expression (RE2 syntax): {told[:100]}") from error
    return made


def captures_in(matcher: Exact | Glob | Regexp) -> Iterator[str]:
    """The names of the captures that it uses."""
    if isinstance(matcher, Regexp):
        return (part["capture"] for part in _PART.finditer(matcher.text) if part["capture"])
    return iter(CAPTURE.findall(matcher.text))


@lru_cache(REGEXPS_IN_MEMORY)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.max_mem = REGEXP_MEMORY_BYTES
    options.log_errors = False
    return re2.compile(text, options)


def _filled(text: str, captures: Mapping[str, str]) -> str:
    return CAPTURE.sub(lambda found: captures.get(found[1], found[0]), text)


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)
