"""With what one registry is asked when the gate asks for itself: its challenge, once seen, and tokens for it.

Credentials travel only after a challenge, and only where it may lead (`challenge.token_server`). A token is kept by all
that it depends on (attacks B27), for no longer than its server said.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sealgate.adapters.upstream.challenge import Challenge, read_challenge
from sealgate.adapters.upstream.credentials import Credential, CredentialSource
from sealgate.adapters.upstream.scopes import Scope
from sealgate.adapters.upstream.tokens import Token, TokenServers
from sealgate.admission.single_flight import SingleFlight
from sealgate.errors import Malformed, UpstreamUnavailable
from sealgate.limits import TOKEN_MARGIN_SECONDS, TOKENS_IN_MEMORY
from sealgate.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenKey:
    """All that a token depends on."""

    upstream: str
    credential: Credential | None
    scopes: tuple[Scope, ...]
    challenge: Challenge


class Authorization:
    """Makes `Authorization` headers for one registry.

    Args:
        upstream: the registry's name in the settings.
        source: the gate's credentials for it.
        servers: its token servers.
        clock: how old a token is.
    """

    def __init__(self, upstream: str, source: CredentialSource, servers: TokenServers, clock: Clock) -> None:
        self.servers = servers
        self.challenge: Challenge | None = None
        self.asked = False
        """Whether the registry was asked what it wants; without a challenge it then wants nothing."""
        self._upstream = upstream
        self._source = source
        self._clock = clock
        self._tokens: OrderedDict[_TokenKey, tuple[Token, float]] = OrderedDict()
        self._flights: SingleFlight[Token] = SingleFlight()

    def learn(self, values: Sequence[str]) -> Challenge | None:
        """Take note of a challenge; None when it is none that can be answered.

        Args:
            values: the `WWW-Authenticate` values of a 401.

        Raises:
            UpstreamUnavailable: they cannot be read.
        """
        try:
            self.challenge = read_challenge(values)
        except Malformed as error:
            told = f"the upstream registry {self._upstream} asks for credentials in a way that is refused: {error}"
            raise UpstreamUnavailable(told) from error
        return self.challenge

    async def header(self, scopes: tuple[Scope, ...]) -> str | None:
        """What to ask with; None is to ask without: the registry has not said how yet, or nobody is to be somebody.

        Raises:
            UpstreamRefused, UpstreamUnavailable: no token is to be had.
        """
        if self.challenge is None:
            return None
        credential = await self._source.current()
        if self.challenge.scheme == "basic":
            if credential is not None and credential.refresh:
                raise UpstreamUnavailable(f"the upstream registry {self._upstream} takes no identity token")
            return None if credential is None else credential.basic
        key = _TokenKey(upstream=self._upstream, credential=credential, scopes=scopes, challenge=self.challenge)
        return f"Bearer {(await self._token(key)).value}"

    def forget(self, header: str | None) -> None:
        """What was asked with is not good any more: neither it nor what it was made from is used from memory.

        Args:
            header: what it was; None: nothing, and there is nothing to forget.
        """
        if header is None:
            return
        self._source.forget()
        for key, (token, _) in list(self._tokens.items()):
            if f"Bearer {token.value}" == header:
                del self._tokens[key]

    async def _token(self, key: _TokenKey) -> Token:
        found = self._tokens.get(key)
        if found is not None and self._clock.monotonic() < found[1]:
            self._tokens.move_to_end(key)
            return found[0]
        token, _ = await self._flights.run(key, lambda: self._fetched(key))
        return token

    async def _fetched(self, key: _TokenKey) -> Token:
        asked = self._clock.monotonic()
        token = await self.servers.fetch(key.challenge, key.scopes, key.credential)
        self._tokens[key] = (token, asked + token.seconds - TOKEN_MARGIN_SECONDS)
        self._tokens.move_to_end(key)
        while len(self._tokens) > TOKENS_IN_MEMORY:
            self._tokens.popitem(last=False)
        return token
