"""Tests of one string: exact, glob, regular expression. Always of the whole string, byte for byte (attacks A22)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import REGEXP_CHARACTERS, REGEXP_MEMORY_BYTES
from sealgate.policy import glob
from sealgate.policy.glob import CAPTURE


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
        if any(set(value) & set("*?") for value in captures.values()):
            raise ValueError("a capture is a segment of a repository's name")
        return Glob(_filled(self.text, captures))


@dataclass(frozen=True, slots=True)
class Regexp:
    """Matched whole by this regular expression, by an engine that does not backtrack (RE2)."""

    text: str

    def matches(self, value: str) -> bool:
        """Whether the whole value is matched."""
        return _compiled(self.text).fullmatch(value) is not None

    def fill(self, captures: Mapping[str, str]) -> "Regexp":
        """With captures written in as literal text."""
        return Regexp(_filled(self.text, {name: str(re2.escape(value)) for name, value in captures.items()}))


def exact_or_glob(text: str) -> Exact | Glob:
    """A glob if it has `*` or `?`, else the text itself."""
    return Glob(text) if set(text) & set("*?") else Exact(text)


def regexp(text: str) -> Regexp:
    """Check a regular expression.

    Raises:
        ConfigurationInvalid: RE2 cannot read it, or it is past `REGEXP_CHARACTERS` or `REGEXP_MEMORY_BYTES`.
    """
    if len(text) > REGEXP_CHARACTERS:
        raise ConfigurationInvalid(f"a regular expression has at most {REGEXP_CHARACTERS} characters")
    try:
        _compiled(CAPTURE.sub("x", text))
    except re2.error as error:
        told = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ConfigurationInvalid(f"not a regular expression (RE2 syntax): {told}") from error
    return Regexp(text)


@lru_cache(1024)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.max_mem = REGEXP_MEMORY_BYTES
    options.log_errors = False
    return re2.compile(text, options)


def _filled(text: str, captures: Mapping[str, str]) -> str:
    return CAPTURE.sub(lambda found: captures.get(found[1], found[0]), text)
