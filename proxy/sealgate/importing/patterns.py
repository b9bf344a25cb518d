"""Patterns of others as ours: theirs match whole references, with tag or digest; ours match repositories.

What cannot be said exactly is widened, never narrowed: a policy that covers more asks more. A pattern that lets things
through, or takes them out of a policy, must be exact.
"""

import re
from dataclasses import dataclass
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.glob import is_glob
from sealgate.policy.repositories import repository_glob

_RUN: Final = re.compile(r"\*+", re.ASCII)
_HUB: Final = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


@dataclass(frozen=True, slots=True)
class Translated:
    """Ours, and whether they match exactly what theirs does (of repositories)."""

    patterns: tuple[str, ...]
    exact: bool


def translate(pattern: str, *, crossing: bool) -> Translated:
    """A pattern over whole references.

    Args:
        pattern: theirs; `*` is a run of characters.
        crossing: whether their `*` crosses `/`.

    Raises:
        ConfigurationInvalid: ours cannot say it, as a host with a port.
    """
    text = _RUN.sub("**", pattern) if crossing else pattern
    exact = True
    if "?" in text and crossing:  # one character, a slash too
        text, exact = text.replace("?", "**"), False
    elif not crossing and "?" in text:
        raise ConfigurationInvalid("? has no meaning in it")
    folder, slash, last = text.rpartition("/")
    cut = re.split("[:@]", last, maxsplit=1)
    if len(cut) > 1:
        last, tag = cut
        exact &= tag in {"*", "**"}
    elif not slash and not crossing and text != "**":
        raise ConfigurationInvalid("it names no registry")
    elif "*" not in last:  # a reference has a tag or digest, which it leaves no room for
        exact = False
    else:
        before, _, behind = last.partition("*")
        if behind.strip("*"):  # such a star may reach into the tag
            last, exact = f"{before}**" if last.startswith(f"{before}**") else f"{before}*", False
    made = f"{folder}{slash}{last}"
    host, _, name = made.partition("/")
    if host in _HUB:
        host = "docker.io"
    if not is_glob(host) and not re.fullmatch(r".*[.:].*|localhost", host, re.ASCII):
        host, name = "docker.io", made
    found = [f"{host}/{name}" if name else host]
    if host == "docker.io" and name and "/" not in name and name != "**":
        found = [f"docker.io/library/{name}"] + ([found[0]] if "**" in name else [])
    for each in found:
        repository_glob(each)
    return Translated(tuple(found), exact)
