"""Docker's `config.json`: `auths`, `credHelpers`, `credsStore`, and the programs that the latter two name.

The rest of such a file (headers, proxies, plugins) says nothing here. What is wrong with it is told without a word of
what is in it.
"""

import asyncio
import base64
import binascii
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sealgate.errors import ConfigurationInvalid, JsonMalformed, UpstreamUnavailable
from sealgate.limits import CREDENTIAL_HELPER_BYTES, CREDENTIAL_HELPER_SECONDS, HEADER_FIELD_BYTES
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_HUB_KEY: Final = "https://index.docker.io/v1/"  # what `docker login` without a host writes
_NO_NAME: Final = "<token>"  # the user name by which a helper says that its secret is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A user name and password, or an identity token (`refresh`)."""

    username: str = field(repr=False)
    secret: str = field(repr=False)
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class CredentialHelper:
    """A `docker-credential-<name>` program, and what it calls the registry."""

    name: str
    server: str

    @property
    def program(self) -> str:
        """What it is called."""
        return f"docker-credential-{self.name}"

    def must_exist(self) -> None:
        """Find it.

        Raises:
            ConfigurationInvalid: it is not on the path.
        """
        if shutil.which(self.program) is None:
            raise ConfigurationInvalid(f"{self.program} is not installed")

    async def ask(self) -> Entry | None:
        """Run it; None when it has nothing for this registry.

        Raises:
            UpstreamUnavailable: it cannot be run, does not end in time, or says what cannot be read.
        """
        program = shutil.which(self.program)
        if program is None:
            raise UpstreamUnavailable(f"{self.program} is not installed")
        try:
            # A session of its own, so that what it started ends with it.
            process = await asyncio.create_subprocess_exec(
                program,
                "get",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=CREDENTIAL_HELPER_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise UpstreamUnavailable(f"{self.program} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(CREDENTIAL_HELPER_SECONDS):
                raw = await self._converse(process)
                code = await process.wait()
        except TimeoutError as error:
            raise UpstreamUnavailable(f"{self.program} did not answer in time") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0:
            if b"credentials not found" in raw:  # the one thing that helpers say in words
                return None
            raise UpstreamUnavailable(f"{self.program} ended with {code}")
        return self._read(raw)

    async def _converse(self, process: asyncio.subprocess.Process) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise UpstreamUnavailable(f"{self.program} cannot be talked to")
        with contextlib.suppress(ConnectionError):  # one that does not read what it is asked will say what is wrong
            process.stdin.write(self.server.encode() + b"\n")
            await process.stdin.drain()
        process.stdin.close()
        raw = b""
        while chunk := await process.stdout.read(CREDENTIAL_HELPER_BYTES):
            raw += chunk
            if len(raw) > CREDENTIAL_HELPER_BYTES:
                raise UpstreamUnavailable(f"{self.program} says more than {CREDENTIAL_HELPER_BYTES} bytes")
        return raw

    def _read(self, raw: bytes) -> Entry:
        try:
            said = strict_json.loads(raw)
        except JsonMalformed:
            said = None
        name, secret = (said.get("Username"), said.get("Secret")) if isinstance(said, dict) else (None, None)
        if not _is_text(name) or not _is_text(secret):
            raise UpstreamUnavailable(f"{self.program} says what cannot be read")
        return Entry(username=str(name), secret=str(secret), refresh=name == _NO_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerConfig:
    """What a configuration says of credentials, by `host[:port]`."""

    auths: Mapping[str, Entry]
    helpers: Mapping[str, str]
    store: str

    def of(self, host: str) -> CredentialHelper | Entry | None:
        """Where the credentials for a registry are; None when there are none.

        Args:
            host: its `host[:port]`.
        """
        names = (host, *sorted(_HUB)) if host in _HUB else (host,)
        for name in names:
            if name in self.helpers:
                return CredentialHelper(self.helpers[name], name)
        for name in names:
            if name in self.auths:
                return self.auths[name]
        return CredentialHelper(self.store, _HUB_KEY if host in _HUB else host) if self.store else None


def read_docker_config(file: str, raw: bytes) -> DockerConfig:
    """Read a `config.json`.

    Raises:
        ConfigurationInvalid: it is not of that form; the message holds nothing of it.
    """
    try:
        document = strict_json.loads(raw)
    except JsonMalformed as error:
        raise ConfigurationInvalid(f"{file}: no JSON that can be read") from error
    if not isinstance(document, dict):
        raise ConfigurationInvalid(f"{file}: not a Docker config.json")
    auths, helpers, store = (document.get(name) for name in ("auths", "credHelpers", "credsStore"))
    if not isinstance(auths, dict | None) or not isinstance(helpers, dict | None) or not isinstance(store, str | None):
        raise ConfigurationInvalid(f"{file}: not a Docker config.json")
    programs = {_host(key): value for key, value in (helpers or {}).items() if isinstance(value, str)}
    if not all(_HELPER.fullmatch(name) for name in (*programs.values(), *([store] if store else []))):
        raise ConfigurationInvalid(f"{file}: a credential helper is named by the end of docker-credential-NAME")
    found = {_host(key): _entry(file, key, value) for key, value in (auths or {}).items()}
    return DockerConfig(
        auths={host: entry for host, entry in found.items() if host and entry is not None},
        helpers={host: name for host, name in programs.items() if host},
        store=store or "",
    )


def _host(key: str) -> str:
    """The registry that a key means, `host[:port]`; "" when it means a part of one, which only podman writes."""
    rest = key.removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    host, _, path = rest.partition("/")
    return host if path in ("", "v1", "v2") else ""


def _entry(file: str, key: str, value: Json) -> Entry | None:
    """One of `auths`; None for an empty one, which stands for what the store has."""
    if not isinstance(value, dict):
        raise ConfigurationInvalid(f"{file}: an entry of auths is not an object")
    if _is_text(token := value.get("identitytoken")):
        return Entry(username="", secret=str(token), refresh=True)
    name, secret = value.get("username"), value.get("password")
    if _is_text(packed := value.get("auth")):
        try:
            name, _, secret = base64.b64decode(str(packed), validate=True).decode().rstrip("\0").partition(":")
        except (binascii.Error, ValueError) as error:
            raise ConfigurationInvalid(f"{file}: the auth of {_host(key)} is not base64") from error
    return Entry(username=str(name), secret=str(secret)) if _is_text(name) and _is_text(secret) else None


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and 0 < len(value) <= HEADER_FIELD_BYTES and value.isprintable()
