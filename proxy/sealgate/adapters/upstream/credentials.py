"""The gate's own credentials for an upstream: a name with a password file, or what a Docker configuration holds."""

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sealgate.adapters.upstream.docker_config import CredentialHelper, DockerConfig, Entry, read_docker_config
from sealgate.adapters.watched import Watched
from sealgate.errors import ConfigurationInvalid, UpstreamUnavailable
from sealgate.limits import CREDENTIAL_SECONDS, HEADER_FIELD_BYTES, HELPER_SECONDS
from sealgate.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A user name with a password, or an identity token: the whole of what tokens are kept by (attacks B27).

    Args:
        refresh: whether the secret is an identity token, which only a token server takes (OAuth 2.0 refresh token).
    """

    username: str = field(repr=False)
    secret: str = field(repr=False)
    refresh: bool = False

    @property
    def basic(self) -> str:
        """As an `Authorization` header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()


class CredentialSource(Protocol):
    """Where credentials come from."""

    async def current(self) -> Credential | None:
        """What to use now; None is to ask as nobody.

        Raises:
            UpstreamUnavailable: there should be some, and they cannot be had.
        """

    def forget(self) -> None:
        """What was given last is not good: do not give it again from memory."""


class Anonymous:
    """No credentials."""

    async def current(self) -> None:
        """See `CredentialSource`."""

    def forget(self) -> None:
        """See `CredentialSource`."""


class PasswordFile:
    """A name, and a file with its password; a newline at its end is no part of it.

    Raises:
        ConfigurationInvalid: the file cannot be used.
    """

    def __init__(self, username: str, path: Path, clock: Clock) -> None:
        self._username = username
        self._password = Watched(path, _password, clock)

    async def current(self) -> Credential:
        """See `CredentialSource`."""
        if (password := self._password.now()) is None:
            raise UpstreamUnavailable("the gate's own credentials cannot be read")
        return Credential(username=self._username, secret=password)

    def forget(self) -> None:
        """See `CredentialSource`: the file is looked at all the time."""


class DockerConfigFile:
    """What a Docker `config.json` has for one registry, in Docker's own order: its helper, the store, the file itself.

    Args:
        path: the file.
        host: `host[:port]` of the registry.
        clock: how long ago a helper was asked.

    Raises:
        ConfigurationInvalid: the file cannot be used, has nothing for this registry, or names a helper that is not
            installed.
    """

    def __init__(self, path: Path, host: str, clock: Clock) -> None:
        self._config: Watched[DockerConfig] = Watched(path, read_docker_config, clock)
        self._host = host
        self._clock = clock
        self._told: tuple[CredentialHelper, Entry, float] | None = None
        self._asking = asyncio.Lock()
        found = self._found()
        if found is None:
            raise ConfigurationInvalid(f"{path}: has no credentials for {host}")
        if isinstance(found, CredentialHelper):
            found.must_exist()

    async def current(self) -> Credential:
        """See `CredentialSource`."""
        found = self._found()
        entry = await self._asked(found) if isinstance(found, CredentialHelper) else found
        if entry is None:
            raise UpstreamUnavailable("the gate has no credentials of its own for this registry")
        return Credential(username=entry.username, secret=entry.secret, refresh=entry.refresh)

    def forget(self) -> None:
        """See `CredentialSource`. A helper is a process: what it said a moment ago, it would say again."""
        if self._told is not None and self._clock.monotonic() >= self._told[2] - CREDENTIAL_SECONDS + HELPER_SECONDS:
            self._told = None

    def _found(self) -> CredentialHelper | Entry | None:
        config = self._config.now()
        return None if config is None else config.of(self._host)

    async def _asked(self, helper: CredentialHelper) -> Entry | None:
        """What the helper says, at most `limits.CREDENTIAL_SECONDS` ago: it may ask a cloud in its turn."""
        async with self._asking:  # one process at a time
            now = self._clock.monotonic()
            if self._told is None or self._told[0] != helper or now >= self._told[2]:
                entry = await helper.ask()
                if entry is None:
                    return None
                self._told = (helper, entry, now + CREDENTIAL_SECONDS)
            return self._told[1]


def _password(file: str, raw: bytes) -> str:
    try:
        password = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ConfigurationInvalid(f"{file}: not UTF-8") from error
    if not password or len(password) > HEADER_FIELD_BYTES // 2 or not password.isprintable():
        raise ConfigurationInvalid(f"{file}: not one line with a password")
    return password
