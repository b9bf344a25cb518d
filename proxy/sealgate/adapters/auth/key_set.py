"""An issuer's public keys (JWKS, RFC 7517): from a file, from a URL, or from where its discovery document says."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from sealgate import __version__
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.watched import Watched
from sealgate.errors import AuthenticationUnavailable, ConfigurationInvalid, JsonMalformed, Malformed
from sealgate.limits import (
    ISSUER_SECONDS,
    KEY_SET_BYTES,
    KEY_SET_KEYS,
    KEY_SET_RETRY_SECONDS,
    KEY_SET_SECONDS,
    KEY_SET_STALE_SECONDS,
)
from sealgate.oci import strict_json
from sealgate.ports import Clock

_log: Final = logging.getLogger(__name__)
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})  # never "oct": who can verify with it could sign with it
_NOWHERE: Final = Origin("http", "nowhere.invalid", 80)
_WELL_KNOWN: Final = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0 section 4


class KeySet(Protocol):
    """The keys of one issuer."""

    async def key(self, identifier: str | None) -> jwt.PyJWK | None:
        """The key of this `kid`, or the only one when a token names none; None when there is no such key.

        Raises:
            AuthenticationUnavailable: the keys cannot be had.
        """

    async def close(self) -> None:
        """Close its connections."""


def read_key_set(file: str, raw: bytes) -> Mapping[str | None, jwt.PyJWK]:
    """The signing keys of a JWKS by `kid`. What is no such key is left out: issuers publish others beside them.

    Raises:
        ConfigurationInvalid: it is no JWKS, has none that can be used, has two of one `kid`, or too many.
    """
    try:
        document = strict_json.loads(raw)
    except JsonMalformed as error:
        raise ConfigurationInvalid(f"{file}: {error}") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEY_SET_KEYS:
        raise ConfigurationInvalid(f"{file}: not a JSON Web Key Set of at most {KEY_SET_KEYS} keys")
    found: dict[str | None, jwt.PyJWK] = {}
    for entry in listed:
        key = _key(entry)
        if key is not None and key.key_id in found:
            raise ConfigurationInvalid(f"{file}: two keys of one kid")
        if key is not None:
            found[key.key_id] = key
    if not found:
        raise ConfigurationInvalid(f"{file}: no key that signatures can be verified with")
    return found


class FileKeySet:
    """Keys from a file, read again when it changes.

    Raises:
        ConfigurationInvalid: it cannot be used.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = Watched(path, read_key_set, clock)

    async def key(self, identifier: str | None) -> jwt.PyJWK | None:
        """See `KeySet`."""
        if (keys := self._file.now()) is None:
            raise AuthenticationUnavailable("the keys of the issuer of your token cannot be read just now")
        return _named(keys, identifier)

    async def close(self) -> None:
        """Nothing to close."""


class RemoteKeySet:
    """Keys fetched from an issuer, and kept for a while.

    Args:
        issuer: its identifier, a URL; its discovery document is read when `url` is "".
        url: where its JWKS is.
        clock: when it was fetched.
        tls: who vouches for its server; the system's authorities when None.
    """

    def __init__(self, issuer: str, url: str, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._tls = tls
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def key(self, identifier: str | None) -> jwt.PyJWK | None:
        """See `KeySet`. A `kid` that is not known may be new, so it is asked for; but only now and then."""
        if self._age() > KEY_SET_SECONDS or _named(self._keys, identifier) is None:
            await self._refresh(identifier)
        if self._age() > KEY_SET_SECONDS + KEY_SET_STALE_SECONDS:
            raise AuthenticationUnavailable("the keys of the issuer of your token cannot be had just now")
        return _named(self._keys, identifier)

    async def close(self) -> None:
        """See `KeySet`."""
        if self._session is not None:
            await self._session.close()

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock.monotonic() - self._fetched

    async def _refresh(self, identifier: str | None) -> None:
        async with self._lock:
            if self._age() <= KEY_SET_SECONDS and _named(self._keys, identifier) is not None:
                return  # another request fetched them meanwhile
            now = self._clock.monotonic()
            if self._tried is not None and now - self._tried < KEY_SET_RETRY_SECONDS:
                return
            self._tried = now
            try:
                async with asyncio.timeout(ISSUER_SECONDS):
                    url = self._url or await self._discovered()
                    self._keys = read_key_set(url, await self._read(url))
            except (TimeoutError, aiohttp.ClientError, ConfigurationInvalid, Malformed) as error:
                _log.warning("the keys of %s cannot be had: %s", self._issuer, str(error) or "no answer in time")
                return
            self._fetched = self._clock.monotonic()

    async def _discovered(self) -> str:
        """Where the discovery document says that the keys are (OpenID Connect Discovery 1.0 section 4.3)."""
        document = strict_json.loads(await self._read(self._issuer.removesuffix("/") + _WELL_KNOWN))
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise Malformed("its discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or (self._issuer.startswith("https://") and not url.startswith("https://")):
            raise Malformed("its discovery document names no https:// place of its keys")
        return url

    async def _read(self, url: str) -> bytes:
        target = _target(url)
        if self._session is None:
            self._session = _session(self._tls)
        async with self._session.get(target.url, allow_redirects=False) as response:
            if response.status != 200:
                raise Malformed(f"{target.origin} answered {response.status}")
            raw = b""
            async for chunk in response.content.iter_any():
                raw += chunk
                if len(raw) > KEY_SET_BYTES:
                    raise Malformed(f"{target.origin} answered more than {KEY_SET_BYTES} bytes")
            return raw


def _target(url: str) -> Target:
    found = Target.parse(url, _NOWHERE)
    if found.origin == _NOWHERE:
        raise Malformed("not an absolute URL")
    return found


def _session(tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=True if tls is None else tls, limit=2),
        headers={"User-Agent": f"sealgate/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _named(keys: Mapping[str | None, jwt.PyJWK], identifier: str | None) -> jwt.PyJWK | None:
    if identifier is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(identifier)


def _key(entry: object) -> jwt.PyJWK | None:
    """One entry as a key that verifies signatures; None when it is none: of another use, symmetric, unknown."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in _KINDS:
        return None
    identifier = entry.get("kid")
    if not isinstance(identifier, str | None):
        return None
    try:
        return jwt.PyJWK(entry)
    # A member that is no text, an algorithm that needs no key, a curve that nobody has.
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError, NotImplementedError, UnsupportedAlgorithm):
        return None
