"""What to build from the settings for who may come in, and with whose right upstreams are asked."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from sealgate.adapters import files
from sealgate.adapters.auth.authenticator import CombinedAuthenticator
from sealgate.adapters.auth.certificates import Certificates, Field
from sealgate.adapters.auth.htpasswd import Htpasswd
from sealgate.adapters.auth.key_set import FileKeySet, KeySet, RemoteKeySet
from sealgate.adapters.auth.oidc import Issuer, OidcTokens
from sealgate.adapters.auth.sealed import SealedCredentials
from sealgate.adapters.upstream.authorization import Authorization
from sealgate.adapters.upstream.authorized import AuthorizedUpstream
from sealgate.adapters.upstream.credentials import Anonymous, CredentialSource, DockerConfigFile, PasswordFile
from sealgate.adapters.upstream.target import Origin
from sealgate.adapters.upstream.tls import TlsContexts
from sealgate.adapters.upstream.tokens import TokenServers
from sealgate.adapters.upstream.transport import Timeouts
from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.http.authenticate import Door
from sealgate.http.token_endpoint import PATH, TokenEndpoint
from sealgate.oci.reference import Repository
from sealgate.policy.access import AccessRules
from sealgate.ports import Clock, Registry, TokenRelay
from sealgate.settings import Settings, UpstreamSettings
from sealgate.settings.model import AuthSettings, IssuerSettings

_TLS_PORT: Final = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Who may come in, and where tokens are given."""

    door: Door
    tokens: TokenEndpoint | None


def token_endpoint(settings: Settings) -> str:
    """The URL of the gate's own token endpoint."""
    return settings.called + PATH


def authorized(
    upstream: UpstreamSettings, inner: Registry, tls: TlsContexts, clock: Clock, settings: Settings
) -> AuthorizedUpstream:
    """An upstream that is asked as its settings say.

    Args:
        upstream: its settings.
        inner: it, asked with what it is given.
        tls: how it is verified.
        clock: how old tokens are.
        settings: all of them.

    Raises:
        ConfigurationInvalid: the gate's own credentials for it cannot be used.
    """
    said, origin = upstream.credentials, Origin.parse(upstream.url)
    timeouts = Timeouts(
        connect=upstream.timeouts.connect, first_byte=upstream.timeouts.first_byte, idle=upstream.timeouts.idle
    )
    servers = TokenServers(upstream.name, origin, frozenset(said.token_hosts), timeouts, tls, clock)
    try:
        source = _source(upstream, origin, clock)
    except ConfigurationInvalid as invalid:
        raise ConfigurationInvalid(*(f"upstream {upstream.name}: {told}" for told in invalid.problems)) from invalid
    return AuthorizedUpstream(
        inner,
        Authorization(upstream.name, source, servers, clock),
        pass_through=said.pass_through,
        token_endpoint=token_endpoint(settings) if said.relay_challenges else "",
    )


def rights(settings: Settings) -> AccessRules | None:
    """Who may do what; None where that is the upstreams' to say alone, and nobody deletes."""
    lent = frozenset(upstream.name for upstream in settings.upstreams if upstream.credentials.lent)
    if settings.access is None and not lent:
        return None
    names = settings.names

    def lends(repository: Repository) -> bool:
        try:
            return names.at(repository)[0] in lent
        except ReferenceMalformed:
            return True

    return AccessRules(settings.access, lends)


@asynccontextmanager
async def entrance(
    settings: Settings, secret: bytes, clock: Clock, relays: Mapping[str, TokenRelay]
) -> AsyncIterator[Entrance]:
    """The door and the token endpoint.

    Args:
        settings: all of them.
        secret: of the state.
        clock: the time.
        relays: every upstream, by its name.

    Raises:
        ConfigurationInvalid: a file that says who clients are cannot be used.
    """
    async with AsyncExitStack() as stack:
        authenticator: CombinedAuthenticator | None = None
        if settings.auth is not None and settings.auth.knows_clients:
            authenticator = _authenticator(settings.auth, secret, clock)
            stack.push_async_callback(authenticator.close)
        service = urlsplit(settings.called).netloc
        relayed = {one.name for one in settings.upstreams if one.credentials.relay_challenges}
        gives = authenticator is not None and authenticator.challenge == "bearer"
        tokens = TokenEndpoint(
            service, authenticator if gives else None, {name: relays[name] for name in relayed & relays.keys()}
        )
        door = Door(
            rights=rights(settings),
            authenticator=authenticator,
            pass_through=frozenset(one.name for one in settings.upstreams if one.credentials.pass_through),
            token_endpoint=token_endpoint(settings),
            service=service,
        )
        yield Entrance(door=door, tokens=tokens if gives or relayed else None)


def _source(upstream: UpstreamSettings, origin: Origin, clock: Clock) -> CredentialSource:
    said = upstream.credentials
    if said.docker_config is not None:
        host = origin.host if origin.port == _TLS_PORT and origin.scheme == "https" else origin.authority
        return DockerConfigFile(said.docker_config, host, clock)
    if said.password_file is not None:
        return PasswordFile(said.username, said.password_file, clock)
    return Anonymous()


def _authenticator(auth: AuthSettings, secret: bytes, clock: Clock) -> CombinedAuthenticator:
    return CombinedAuthenticator(
        htpasswd=None if auth.htpasswd is None else Htpasswd(auth.htpasswd, clock),
        issuers=[OidcTokens(_issuer(one), _keys(one, clock), clock) for one in auth.issuers],
        certificates=Certificates(cast("Field", auth.certificate_field), clock) if auth.certificate_field else None,
        sealed=SealedCredentials(secret, clock) if auth.anonymous else None,
    )


def _issuer(said: IssuerSettings) -> Issuer:
    return Issuer(
        name=said.name,
        issuer=said.issuer,
        audiences=said.audiences,
        algorithms=said.algorithms,
        username_claim=said.username_claim,
        groups_claim=said.groups_claim,
        claims=said.claims,
    )


def _keys(said: IssuerSettings, clock: Clock) -> KeySet:
    if said.jwks_file is not None:
        return FileKeySet(said.jwks_file, clock)
    tls: ssl.SSLContext | None = None
    if said.ca is not None:
        try:
            tls = ssl.create_default_context(cadata=files.read(said.ca).decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationInvalid(f"{said.ca}: no certificates of authorities: {error}") from error
    return RemoteKeySet(said.issuer, said.jwks_url, clock, tls)
