"""A token server as Docker's (distribution's token specification), and a registry's door that believes its tokens."""

import base64
import json
import re
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl

from aiohttp import web

from sealgate.oci.wire import ErrorCode, error_body
from sealgate.testing.registry.answers import body_of
from sealgate.testing.registry.script import Line, LoggedRequest, Reply, perform

ALL: Final = "*"
"""As a repository: every one of them."""

_SHUTDOWN_SECONDS: Final = 0.05
_SCOPE: Final = re.compile(r"repository:([a-z0-9._/-]+):([a-z,*]+)", re.ASCII)
_PATH: Final = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/.*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Given:
    """A token that was given out: to whom, and for what, as `(repository, action)`."""

    user: str
    rights: frozenset[tuple[str, str]] = field(repr=False)


class TokenServer:
    """A token server on a free port of 127.0.0.1.

    Args:
        users: passwords by user name; identity tokens count as passwords of the user that they belong to.
        rights: by user name ("" is nobody), actions by repository, `ALL` being every one; whoever is not named may do
            everything, and nobody nothing.
        service: what it calls the registry.
        seconds: how long its tokens last, by its own word.
        tls: what it listens with; None for plain HTTP.

    Attributes:
        requests: every request that arrived, in order.
        given: every token that is still good.
        queries: the query or form of each request.
    """

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        rights: Mapping[str, Mapping[str, str]] | None = None,
        service: str = "memory",
        seconds: int | None = 300,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[LoggedRequest] = []
        self.queries: list[list[tuple[str, str]]] = []
        self.given: dict[str, Given] = {}
        self.service = service
        self._users = dict(users or {})
        self._rights = {"": {}, **(rights or {})}
        self._seconds = seconds
        self._tls = tls
        self._script: list[Line] = []
        self._runner: web.ServerRunner | None = None
        self._port = 0

    @property
    def host(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def realm(self) -> str:
        """Its URL."""
        return f"{'https' if self._tls else 'http'}://{self.host}/token"

    def script(self, matcher: str, reply: Reply, *, after: int = 0, times: int | None = None) -> None:
        """Dictate answers, as `MemoryRegistry.script`."""
        self._script.append(Line(re.compile(matcher, re.ASCII), reply, after, times))

    def revoke(self) -> None:
        """Let no token be good any more."""
        self.given.clear()

    def challenge(self, request: LoggedRequest) -> str:
        """What a registry that believes this server says to a request without a good token."""
        repository, action = _needed(request)
        scope = f',scope="repository:{repository}:{action}"' if repository else ""
        return f'Bearer realm="{self.realm}",service="{self.service}"{scope}'

    def opens_to(self, request: LoggedRequest) -> bool:
        """Whether the token of a request lets it in."""
        kind, _, token = request.header("Authorization").partition(" ")
        given = self.given.get(token) if kind.lower() == "bearer" else None
        repository, action = _needed(request)
        return given is not None and (not repository or (repository, action) in given.rights)

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        logged = LoggedRequest(
            request.method,
            request.raw_path,
            tuple((name.lower(), value) for name, value in request.headers.items()),
        )
        self.requests.append(logged)
        for line in self._script:
            if (dictated := line.answer(logged)) is not None:
                await perform(dictated, request)
                return web.Response()
        form = (await body_of(request)).decode() if request.method == "POST" else request.raw_path.partition("?")[2]
        query = parse_qsl(form)
        self.queries.append(query)
        user = self._user(logged.header("Authorization"), dict(query).get("refresh_token", ""))
        if user is None:
            return web.Response(status=401, body=error_body(ErrorCode.UNAUTHORIZED, "incorrect user name or password"))
        scopes = [scope for name, value in query if name == "scope" for scope in value.split()]
        token = secrets.token_urlsafe(24)
        self.given[token] = Given(user, frozenset(self._granted(user, scopes)))
        told: dict[str, object] = {"token": token}
        if self._seconds is not None:
            told["expires_in"] = self._seconds
        return web.Response(body=json.dumps(told).encode(), content_type="application/json")

    def _user(self, authorization: str, refresh: str) -> str | None:
        """Whose credentials these are; "" for none, None for wrong ones."""
        if refresh:
            return next((user for user, secret in self._users.items() if secret == refresh), None)
        if not authorization:
            return ""
        for user, secret in self._users.items():
            if authorization == "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode():
                return user
        return None

    def _granted(self, user: str, scopes: list[str]) -> list[tuple[str, str]]:
        rights = self._rights.get(user, {ALL: "pull,push,delete"})
        found: list[tuple[str, str]] = []
        for scope in scopes:
            if (asked := _SCOPE.fullmatch(scope)) is not None:
                granted = (rights.get(asked[1]) or rights.get(ALL, "")).split(",")
                found += [(asked[1], action) for action in asked[2].split(",") if action in granted]
        return found


def _needed(request: LoggedRequest) -> tuple[str, str]:
    """Which right in which repository a request needs; "" for none."""
    found = _PATH.fullmatch(request.path)
    action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(request.method, "push")
    if found and "/blobs/uploads/" in request.path:
        action = "push"
    return (found[1].removesuffix("/blobs/uploads"), action) if found else ("", "")
