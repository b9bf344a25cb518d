"""Bearer JWTs of one OIDC issuer (OpenID Connect Core 1.0 section 2, RFC 7519, RFC 8725).

CI systems, people's single sign-on and Kubernetes' service accounts hand them out. What is believed of one is what the
issuer's key signed, for this gate as its audience, and only while it lasts.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from sealgate.adapters.auth.key_set import KeySet
from sealgate.limits import IDENTITY_CHARACTERS, IDENTITY_GROUPS, IDENTITY_TOKEN_BYTES, TOKEN_LEEWAY_SECONDS
from sealgate.policy.identity import Identity
from sealgate.ports import Clock

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_UNREADABLE: Final = (jwt.PyJWTError, RecursionError, ValueError, TypeError)  # JSON of brackets alone, and the like
_TYPES: Final = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})  # RFC 8725 section 3.11, RFC 9068 section 2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are believed, and what of them.

    Args:
        name: what the settings call it; identities begin with it and a colon.
        issuer: its `iss`, exactly.
        audiences: one of them must be among the token's `aud`.
        algorithms: those that signatures may have; none of them symmetric.
        username_claim: which claim says who it is.
        groups_claim: which claim lists groups; "" for none.
        claims: what others must say, exactly. Of a public issuer anybody can get a token.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    username_claim: str = "sub"
    groups_claim: str = ""
    claims: Mapping[str, str]


class OidcTokens:
    """Verifies tokens of one issuer.

    Args:
        issuer: whose.
        keys: its public keys.
        clock: whether a token is valid now.
    """

    def __init__(self, issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        self.issuer = issuer
        self._keys = keys
        self._clock = clock

    async def identify(self, token: str) -> Identity | None:
        """Who the token says its bearer is; None when it is not to be believed, for whatever reason.

        Raises:
            AuthenticationUnavailable: the issuer's keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(token)
        except _UNREADABLE:
            return None
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if algorithm not in self.issuer.algorithms or not isinstance(kid, str | None):
            return None
        if not isinstance(kind, str | None) or (kind and kind.lower()) not in _TYPES:
            return None
        key = await self._keys.key(kid)
        if key is None:
            return None
        try:  # the library holds each key to its own algorithm (RFC 8725 section 3.1), and refuses `crit`
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self.issuer.audiences,
                issuer=self.issuer.issuer,
                # The times are looked at below, by the gate's own clock.
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except _UNREADABLE:
            return None
        return self._identity(claims) if self._is_now(claims) and self._is_ours(claims) else None

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._keys.close()

    def _is_now(self, claims: Mapping[str, Any]) -> bool:
        """RFC 7519 sections 4.1.4 to 4.1.6; a time that is no number is never now."""
        now = self._clock.now().timestamp()
        begins = [claims[name] for name in ("nbf", "iat") if name in claims]
        if not all(_is_time(moment) for moment in (claims["exp"], *begins)):
            return False
        return now < claims["exp"] + TOKEN_LEEWAY_SECONDS and all(now + TOKEN_LEEWAY_SECONDS >= one for one in begins)

    def _is_ours(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims that the settings ask for are there. An address counts only when the issuer checked it."""
        if self.issuer.username_claim == "email" and claims.get("email_verified") is not True:
            return False
        return all(claims.get(name) == value for name, value in self.issuer.claims.items())

    def _identity(self, claims: Mapping[str, Any]) -> Identity | None:
        name = claims.get(self.issuer.username_claim)
        if not _is_name(name):
            return None
        listed = claims.get(self.issuer.groups_claim, ()) if self.issuer.groups_claim else ()
        groups = [listed] if isinstance(listed, str) else listed
        if not isinstance(groups, list | tuple) or len(groups) > IDENTITY_GROUPS:
            return None
        return Identity(
            name=f"{self.issuer.name}:{name}", groups=frozenset(group for group in groups if _is_name(group))
        )


def looks_like_token(text: str) -> bool:
    """Whether it has the form of a signed JWT: three parts in base64, within the bound."""
    return len(text) <= IDENTITY_TOKEN_BYTES and bool(_TOKEN.fullmatch(text))


def unverified_issuer(token: str) -> str:
    """Who the token says has issued it; only to choose who verifies it. "" when it does not say."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except _UNREADABLE:
        return ""
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else ""


def _is_time(moment: object) -> bool:
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        return False
    try:
        return math.isfinite(moment)
    except OverflowError:  # a number past all floats
        return False


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= IDENTITY_CHARACTERS and text.isprintable()
