"""Tokens from a registry's token server (distribution's token specification; OAuth 2.0 for identity tokens)."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from sealgate.adapters.upstream.answers import expect, read_whole
from sealgate.adapters.upstream.challenge import Challenge, token_server
from sealgate.adapters.upstream.credentials import Credential
from sealgate.adapters.upstream.scopes import Scope
from sealgate.adapters.upstream.sending import Sending
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.tls import TlsContexts
from sealgate.adapters.upstream.transport import Timeouts, Transport
from sealgate.errors import JsonMalformed, Malformed, TooLarge, UpstreamRefused, UpstreamUnavailable
from sealgate.limits import (
    HEADER_FIELD_BYTES,
    RETRY_AFTER_SECONDS,
    TOKEN_ANSWER_BYTES,
    TOKEN_LEAST_SECONDS,
    TOKEN_MOST_SECONDS,
    TOKEN_QUIET_SECONDS,
    TOKEN_SERVERS,
    TOKENS_IN_MEMORY,
)
from sealgate.oci import strict_json
from sealgate.ports import Clock

_CLIENT: Final = "sealgate"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 section 2.1
_LIMITED: Final = 429


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how many seconds from when it was asked for it is good."""

    value: str = field(repr=False)
    seconds: int


class TokenServers:
    """Asks the token servers of one registry, wherever its challenges may lead.

    Args:
        name: the registry's name, for messages.
        home: its origin.
        hosts: `host` or `host:port` of token servers on other sites that are believed.
        timeouts: how long they may take.
        tls: how the registry is verified; a server on another origin is shown nothing of what is for the registry.
        clock: how long a server wants to be left alone.
    """

    def __init__(
        self, name: str, home: Origin, hosts: frozenset[str], timeouts: Timeouts, tls: TlsContexts, clock: Clock
    ) -> None:
        self._name = name
        self._home = home
        self._hosts = hosts
        self._timeouts = timeouts
        self._tls = tls
        self._clock = clock
        self._transports: dict[Origin, Transport] = {}
        self._quiet_until: OrderedDict[tuple[Origin, str], float] = OrderedDict()

    def place(self, challenge: Challenge) -> Target:
        """Where tokens for this challenge are asked for.

        Raises:
            UpstreamUnavailable: nowhere that may be asked.
        """
        try:
            return token_server(challenge.realm, self._home, self._hosts)
        except Malformed as error:
            raise self._unavailable(f"sends for tokens to a place that is refused: {error}") from error

    async def fetch(self, challenge: Challenge, scopes: Sequence[Scope], credential: Credential | str | None) -> Token:
        """Ask for a token.

        Args:
            challenge: the registry's.
            scopes: what for.
            credential: with whose right: the gate's own; an `Authorization` header of somebody else's; nobody's.

        Raises:
            UpstreamRefused: the server says no (its 4xx, without a challenge), or wants to be left alone (429).
            UpstreamUnavailable: no token, and no such answer.
        """
        target = self.place(challenge)
        asker = target.origin, _fingerprint(credential)
        if (quiet := self._quiet_until.get(asker, 0) - self._clock.monotonic()) > 0:
            raise UpstreamRefused(_LIMITED, retry_after=int(quiet) + 1)
        transport = self._transport(target.origin)
        refresh = isinstance(credential, Credential) and credential.refresh
        asked = [*([("service", challenge.service)] if challenge.service else [])]
        asked += (
            [("scope", " ".join(map(str, scopes)))] if refresh and scopes else [("scope", str(one)) for one in scopes]
        )
        headers = {"Accept": "application/json"}
        if isinstance(credential, Credential) and refresh:
            form = [
                ("grant_type", "refresh_token"),
                ("client_id", _CLIENT),
                ("refresh_token", credential.secret),
                *asked,
            ]
            body = urlencode(form).encode()
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
            asking = transport.ask("POST", target, headers, Sending(_once(body), len(body)))
        else:
            if credential is not None:
                headers["Authorization"] = credential.basic if isinstance(credential, Credential) else credential
            joint = "&" if "?" in target.path else "?"
            path = f"{target.path}{joint}{urlencode(asked)}" if asked else target.path
            asking = transport.ask("GET", Target(target.origin, path), headers)
        async with asking as response:
            try:
                await expect(transport, response, 200)
            except UpstreamRefused as refused:
                if refused.status == _LIMITED:
                    wait = RETRY_AFTER_SECONDS if refused.retry_after is None else refused.retry_after
                    self._leave_alone(asker, wait)
                raise UpstreamRefused(refused.status, retry_after=refused.retry_after) from None
            try:
                return _token(await read_whole(transport, response, TOKEN_ANSWER_BYTES))
            except (TooLarge, JsonMalformed) as error:
                raise self._unavailable(f"has a token server whose answer cannot be read: {error}") from None

    def _leave_alone(self, asker: tuple[Origin, str], wait: float) -> None:
        """Not to ask for a while: this server, for this asker. What one was told binds no other."""
        self._quiet_until[asker] = self._clock.monotonic() + min(wait, TOKEN_QUIET_SECONDS)
        self._quiet_until.move_to_end(asker)
        while len(self._quiet_until) > TOKENS_IN_MEMORY:
            self._quiet_until.popitem(last=False)

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.close()

    def _transport(self, origin: Origin) -> Transport:
        if origin not in self._transports:
            if len(self._transports) >= TOKEN_SERVERS:
                raise self._unavailable("sends to more and more token servers")
            elsewhere = TlsContexts(origin=self._tls.elsewhere, elsewhere=self._tls.elsewhere)
            tls = self._tls if origin == self._home else elsewhere
            self._transports[origin] = Transport(self._name, origin, frozenset(), self._timeouts, None, tls)
        return self._transports[origin]

    def _unavailable(self, told: str) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"the upstream registry {self._name} {told}")


def _token(raw: bytes) -> Token:
    document = strict_json.loads(raw)
    if not isinstance(document, dict):
        raise JsonMalformed("not an object")
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or len(value) > HEADER_FIELD_BYTES - len("Bearer ") or not _TOKEN.fullmatch(value):
        raise JsonMalformed("no token that can stand in a header")
    seconds = document.get("expires_in")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        seconds = TOKEN_LEAST_SECONDS
    return Token(value, min(seconds, TOKEN_MOST_SECONDS))


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


def _fingerprint(credential: Credential | str | None) -> str:
    """Whose right it is, without the secret itself."""
    if credential is None:
        return ""
    told = credential if isinstance(credential, str) else f"{credential.username}\n{credential.secret}"
    return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()
