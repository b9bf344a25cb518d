"""`WWW-Authenticate` (RFC 9110 section 11.6.1), and whether its realm may have the gate's credentials.

A realm is a URL of a registry's own choosing to which a password is sent (attacks B26: Distribution CVE-2026-33540,
containerd CVE-2020-15157, oras-go CVE-2026-48978). The rule is Distribution's own: the very host and port of the
registry, or the same registrable domain; beside these, what the settings name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from publicsuffixlist import PublicSuffixList

from sealgate.adapters.upstream.target import Origin, Target
from sealgate.errors import Malformed
from sealgate.limits import CHALLENGE_CHARACTERS, CHALLENGES

_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110 section 5.6.2
_SCHEME: Final = re.compile(rf"[ \t,]*({_WORD})(?:[ \t]+|(?=,)|\Z)", re.ASCII)
_PARAMETER: Final = re.compile(
    rf'[ \t,]*({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[\x20-\x7e])*)"|({_WORD}))[ \t]*(?=,|\Z)', re.ASCII
)
_ESCAPED: Final = re.compile(r"\\(.)")
_PRINTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,512}", re.ASCII)  # and nothing that would need escaping


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """How a registry wants to be asked.

    Args:
        realm: where tokens are; "" for Basic.
        service: what the token server calls the registry; "" when it was not said.
    """

    scheme: Literal["basic", "bearer"]
    realm: str = ""
    service: str = ""


def read_challenge(values: Sequence[str]) -> Challenge | None:
    """The one challenge that can be answered: Bearer, else Basic; None when there is neither.

    The scope of a challenge is not read: which repository and which right a request needs, the gate knows.

    Args:
        values: the `WWW-Authenticate` values of an answer.

    Raises:
        Malformed: they cannot be read, or there are two Bearer challenges: which one is meant must not be guessed.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for value in values:
        found += _read(value)
    if len(found) > CHALLENGES:
        raise Malformed("too many challenges")
    bearers = [parameters for scheme, parameters in found if scheme == "bearer"]
    if len(bearers) > 1:
        raise Malformed("two Bearer challenges")
    if bearers:
        service = bearers[0].get("service", "")
        if not _PRINTABLE.fullmatch(service):
            raise Malformed("a Bearer challenge whose service is not printable ASCII")
        return Challenge(scheme="bearer", realm=bearers[0].get("realm", ""), service=service)
    return Challenge(scheme="basic") if any(scheme == "basic" for scheme, _ in found) else None


def token_server(realm: str, home: Origin, hosts: frozenset[str]) -> Target:
    """Where tokens are asked for.

    Args:
        realm: of the challenge.
        home: the registry's origin.
        hosts: `host` or `host:port` of others that the settings believe.

    Raises:
        Malformed: not an absolute plain URL; HTTP after HTTPS; another site; a literal address or `localhost` that is
            not the registry's own.
    """
    if not realm.startswith(("http://", "https://")):
        raise Malformed("a realm that is no absolute URL")
    target = Target.parse(realm, home)
    origin = target.origin
    if home.scheme == "https" and origin.scheme == "http":
        raise Malformed("a realm with plain HTTP, of a registry with HTTPS")
    if (origin.host, origin.port) == (home.host, home.port) or hosts & {origin.host, origin.authority}:
        return target
    site = _site(origin.host)
    if site is None or site != _site(home.host):
        raise Malformed(f"a realm on another site ({origin.host}); token_hosts in the settings can name it")
    return target


def _site(host: str) -> str | None:
    """The registrable domain of a host; None when no public suffix is known for it, as of `localhost` and addresses.

    Below an unknown top-level domain (`local`, `internal`) nobody says where one owner's names end: in
    `cluster.local` every tenant of a cluster has some.
    """
    found = _suffixes().privatesuffix(host)
    return found if isinstance(found, str) else None


@lru_cache(1)
def _suffixes() -> PublicSuffixList:
    """The list as it came with the library: it is read when it is first needed, and never from the network."""
    return PublicSuffixList(accept_unknown=False)


def _read(value: str) -> list[tuple[str, dict[str, str]]]:
    if len(value) > CHALLENGE_CHARACTERS:
        raise Malformed("a challenge that is too long")
    found: list[tuple[str, dict[str, str]]] = []
    position, end = 0, len(value.rstrip(" \t,"))
    while position < end:
        if found and (parameter := _PARAMETER.match(value, position)) is not None:
            name, quoted, plain = parameter.groups()
            if name.lower() in found[-1][1]:
                raise Malformed(f"a challenge with two of {name.lower()}")
            found[-1][1][name.lower()] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            position = parameter.end()
        elif (scheme := _SCHEME.match(value, position)) is not None:
            found.append((scheme[1].lower(), {}))
            position = scheme.end()
        else:
            raise Malformed("a challenge that cannot be read")
    return found
