"""`ports.Authenticator`: every way together in which the settings let clients show who they are."""

import base64
import binascii
from collections.abc import Sequence
from typing import Literal

from sealgate.adapters.auth.certificates import Certificates
from sealgate.adapters.auth.htpasswd import Htpasswd
from sealgate.adapters.auth.oidc import OidcTokens, looks_like_token, unverified_issuer
from sealgate.adapters.auth.sealed import SealedCredentials
from sealgate.policy.identity import NOBODY, Identity
from sealgate.ports import IssuedToken, Presented


class CombinedAuthenticator:
    """Who a client is, by whatever it shows. What it shows must be right: nothing else makes up for what is wrong.

    `docker login` and its like know user name and password only, so a token may stand as the password, under any name.

    Args:
        htpasswd: users with passwords.
        issuers: whose tokens are believed.
        certificates: how client certificates are read; they count for requests without other credentials.
        sealed: makes tokens, where clients have to be asked for one: where one who shows nothing may come in, clients
            would otherwise never be asked, and never show anything.
    """

    def __init__(
        self,
        *,
        htpasswd: Htpasswd | None = None,
        issuers: Sequence[OidcTokens] = (),
        certificates: Certificates | None = None,
        sealed: SealedCredentials | None = None,
    ) -> None:
        self._htpasswd = htpasswd
        self._issuers = {one.issuer.issuer: one for one in issuers}
        self._certificates = certificates
        self._sealed = sealed

    @property
    def admits_nobody(self) -> bool:
        """See `ports.Authenticator`."""
        return self._sealed is not None

    @property
    def challenge(self) -> Literal["basic", "bearer"] | None:
        """See `ports.Authenticator`."""
        if not self._reads_authorization:
            return None
        return "basic" if self._sealed is None else "bearer"

    async def identify(self, presented: Presented) -> Identity | None:
        """See `ports.Authenticator`."""
        authorization = presented.authorization
        if authorization is not None and self._reads_authorization:
            opened = self._opened(authorization) if authorization else None
            if opened is None:
                return None
            if opened:
                return await self._by_authorization(opened)
        if presented.certificate and self._certificates is not None:
            return self._certificates.identify(presented.certificate)
        return NOBODY

    async def issue(self, presented: Presented) -> IssuedToken | None:
        """See `ports.Authenticator`. A token that is sealed again would live for ever, so none is."""
        if self._sealed is None or (presented.authorization or "").lower().startswith("bearer "):
            return None
        if await self.identify(presented) is None:
            return None
        return self._sealed.seal(presented.authorization)

    async def close(self) -> None:
        """Close what the ways stand on."""
        if self._htpasswd is not None:
            self._htpasswd.close()
        for issuer in self._issuers.values():
            await issuer.close()

    @property
    def _reads_authorization(self) -> bool:
        return self._htpasswd is not None or bool(self._issuers)

    def _opened(self, authorization: str) -> str | None:
        """What is in a token of the gate's own ("" for nothing), or the header as it came; None for a bad token."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or self._sealed is None or looks_like_token(value):
            return authorization
        return self._sealed.open(value)

    async def _by_authorization(self, authorization: str) -> Identity | None:
        scheme, _, value = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                name, password = _user_of(value)
                if self._issuers and looks_like_token(password):
                    return await self._by_token(password)
                return None if self._htpasswd is None else await self._htpasswd.identify(name, password)
            case "bearer":
                return await self._by_token(value)
            case _:
                return None

    async def _by_token(self, token: str) -> Identity | None:
        issuer = self._issuers.get(unverified_issuer(token)) if looks_like_token(token) else None
        return None if issuer is None else await issuer.identify(token)


def _user_of(encoded: str) -> tuple[str, str]:
    """User name and password of Basic credentials (RFC 7617 section 2); empty when they are none."""
    try:
        name, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password
