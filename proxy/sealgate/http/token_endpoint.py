"""`/token`: the gate's own token endpoint (distribution's token specification, "Requesting a Token").

It gives tokens for the gate where clients must be asked for one, and stands between clients and the token servers of
upstreams where the settings say `challenges: relay`.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from sealgate.http import answer
from sealgate.http.inbound import authorization_of, certificate_of
from sealgate.http.problem import RequestRejected
from sealgate.limits import TOKEN_SCOPES
from sealgate.oci.wire import ErrorCode
from sealgate.ports import Authenticator, IssuedToken, Presented, TokenRelay

PATH: Final = "/token"

_QUERY: Final = re.compile(r"[A-Za-z0-9._~!$'()*+,:@/?=&%-]*", re.ASCII)
_FIELDS: Final = 16  # clients send four: account, client_id, service, scope


class TokenEndpoint:
    """Answers requests for tokens.

    Args:
        service: what the gate calls itself in its challenges.
        authenticator: who gives tokens for the gate; None when nobody does.
        relays: who gives tokens of upstreams, by the upstream's name.
    """

    def __init__(
        self, service: str, authenticator: Authenticator | None = None, relays: Mapping[str, TokenRelay] | None = None
    ) -> None:
        self._service = service
        self._authenticator = authenticator
        self._relays = dict(relays or {})

    async def get(self, request: web.BaseRequest) -> web.StreamResponse:
        """GET. The OAuth form, POST, is 405: clients then ask with GET."""
        if request.method != "GET":
            raise RequestRejected(405, ErrorCode.UNSUPPORTED, "tokens are asked for with GET", ("Allow", "GET"))
        service, scopes = _asked(request.raw_path.partition("?")[2])
        presented = Presented(authorization=authorization_of(request), certificate=certificate_of(request))
        if service in self._relays:
            scheme = (presented.authorization or "basic ").partition(" ")[0]
            if scheme.lower() != "basic":
                raise RequestRejected(401, ErrorCode.UNAUTHORIZED, "tokens are given for a user name and password")
            issued: IssuedToken | None = await self._relays[service].token(scopes, presented)
        elif service in ("", self._service) and self._authenticator is not None:
            issued = await self._authenticator.issue(presented)
        else:
            raise RequestRejected(400, ErrorCode.UNSUPPORTED, "no tokens are given for this service")
        if issued is None:
            raise RequestRejected(
                401,
                ErrorCode.UNAUTHORIZED,
                "these credentials are not good here",
                ("WWW-Authenticate", 'Basic realm="sealgate"'),
            )
        told = {"token": issued.token, "access_token": issued.token, "expires_in": issued.seconds}
        return answer.ok(200, (("Content-Type", "application/json"),), json.dumps(told).encode())


def _asked(query: str) -> tuple[str, list[str]]:
    """The service, and the scopes: several, or one with spaces between them; both are in use."""
    try:
        fields = parse_qsl(query, max_num_fields=_FIELDS, strict_parsing=bool(query), encoding="ascii", errors="strict")
    except ValueError as error:
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, "this query cannot be read") from error
    services = [value for name, value in fields if name == "service"]
    scopes = [scope for name, value in fields if name == "scope" for scope in value.split(" ") if scope]
    if not _QUERY.fullmatch(query) or len(services) > 1 or len(scopes) > TOKEN_SCOPES:
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, "one service, and a few scopes")
    return (services[0] if services else ""), scopes
