"""The registry's door: none, HTTP Basic, or Bearer tokens from a realm on the registry itself."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from aiohttp import web

from sealgate.oci.wire import ErrorCode, error_body

Scheme: TypeAlias = Literal["basic", "bearer"]


@dataclass(slots=True)
class Door:
    """Who may come in.

    Args:
        scheme: how they prove it.
        users: passwords by user name; empty lets everybody in.
        tokens: those given out and still good.
    """

    scheme: Scheme = "basic"
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: set[str] = field(default_factory=set, repr=False)

    def opens_to(self, authorization: str) -> bool:
        """Whether these credentials let their bearer in."""
        if not self.users:
            return True
        if self.scheme == "basic":
            return self._is_user(authorization)
        kind, _, token = authorization.partition(" ")
        return kind.lower() == "bearer" and token in self.tokens

    def challenge(self, origin: str) -> web.Response:
        """The 401 for those it does not open to."""
        told = f'Bearer realm="{origin}/token",service="memory"' if self.scheme == "bearer" else 'Basic realm="memory"'
        return refused(told)

    def give_token(self, authorization: str) -> web.Response:
        """The token endpoint (distribution's "Token Authentication Specification")."""
        if self.scheme != "bearer" or not self._is_user(authorization):
            return web.Response(status=401, body=error_body(ErrorCode.UNAUTHORIZED, "incorrect user name or password"))
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        return web.Response(body=json.dumps({"token": token}).encode(), content_type="application/json")

    def _is_user(self, authorization: str) -> bool:
        return authorization in {
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() for user, password in self.users.items()
        }


def refused(challenge: str) -> web.Response:
    """The 401 with this challenge."""
    return web.Response(
        status=401,
        body=error_body(ErrorCode.UNAUTHORIZED, "authentication required"),
        content_type="application/json",
        headers={"WWW-Authenticate": challenge},
    )
