"""Trusted roots (sigstore_trustroot.proto): whose logs and certificate authorities are believed, and when.

A root is a local file, read once: nothing here refreshes, writes or asks anybody. What sigstore-python does with a root
is its business; the windows in which each key is valid are read here, for it does not look at most of them.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sigstore.errors import Error as SigstoreError
from sigstore.models import TrustedRoot
from sigstore_models.trustroot.v1 import TrustedRoot as SigstoreTrustedRoot

from sealgate.adapters import files as configuration
from sealgate.adapters.keys import describe
from sealgate.errors import ConfigurationInvalid, JsonMalformed, KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

# The copy of the public good instance's root that the sigstore package ships; a test pins that it is there.
_PUBLIC_GOOD: Final = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a key or certificate may have been used; no end is for ever, no start is never (attacks A20)."""

    start: datetime
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment is in the window; both ends are."""
        return self.start <= moment and (self.end is None or moment <= self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A transparency or CT log's key.

    Args:
        log_id: what entries and SCTs call the log (bytes).
        origin: its host, which checkpoints are signed for; "" when the root does not say.
    """

    log_id: bytes
    key: PublicKey
    window: Window
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority: its chain's certificates, and when it may have issued."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    window: Window


@dataclass(frozen=True)
class TrustedRootFile:
    """A trusted root, read.

    Args:
        raw: the file.
    """

    raw: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "TrustedRootFile":
        """The root in a file.

        Raises:
            ConfigurationInvalid: it cannot be read, or is no trusted root.
        """
        root = cls(configuration.read(path))
        try:
            root.check()
        except ConfigurationInvalid as bad:
            raise ConfigurationInvalid(f"trusted root {path}: {bad}") from bad
        return root

    @classmethod
    def public_good(cls) -> "TrustedRootFile":
        """The root of Sigstore's public good instance, as the sigstore package ships it."""
        root = cls(files("sigstore").joinpath(*_PUBLIC_GOOD).read_bytes())
        root.check()
        return root

    def check(self) -> None:
        """Read all of it now, so that what is wrong with it is told at start.

        Raises:
            ConfigurationInvalid: it is no trusted root, or vouches for no log or no authority.
        """
        self.sigstore()
        if not self.logs or not self.authorities:
            raise ConfigurationInvalid("it names no transparency log or no certificate authority that can be used")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def logs(self) -> Mapping[bytes, LogKey]:
        """Transparency logs, by their id."""
        return self._keys("tlogs")

    @cached_property
    def ct_logs(self) -> Mapping[bytes, LogKey]:
        """Certificate transparency logs, by their id."""
        return self._keys("ctlogs")

    @cached_property
    def authorities(self) -> tuple[Authority, ...]:
        """Certificate authorities."""
        made: list[Authority] = []
        try:
            for entry in _entries(self._document, "certificateAuthorities"):
                chain = strict_json.members(entry.get("certChain"), frozenset(), "certChain")
                certificates = tuple(
                    x509.load_der_x509_certificate(_decoded(one, "rawBytes")) for one in _entries(chain, "certificates")
                )
                made.append(Authority(certificates=certificates, window=_window(entry)))
        except (JsonMalformed, ValueError) as bad:
            raise ConfigurationInvalid(f"certificateAuthorities: {bad}") from bad
        return tuple(made)

    def sigstore(self) -> TrustedRoot:
        """The same as sigstore-python has it.

        Raises:
            ConfigurationInvalid: sigstore-python does not accept it.
        """
        try:
            return TrustedRoot(SigstoreTrustedRoot.from_json(self.raw))
        except (SigstoreError, ValueError) as bad:
            raise ConfigurationInvalid(f"sigstore-python does not accept it: {bad}") from bad

    @cached_property
    def _document(self) -> dict[str, Json]:
        try:
            return strict_json.members(strict_json.loads(self.raw), frozenset({"tlogs", "ctlogs"}), "the trusted root")
        except JsonMalformed as bad:
            raise ConfigurationInvalid(f"it is not a trusted_root.json: {bad}") from bad

    def _keys(self, name: str) -> Mapping[bytes, LogKey]:
        found: dict[bytes, LogKey] = {}
        try:
            for entry in _entries(self._document, name):
                public = strict_json.members(entry.get("publicKey"), frozenset(), "publicKey")
                log_id = strict_json.members(entry.get("logId"), frozenset(), "logId")
                try:
                    key = describe(serialization.load_der_public_key(_decoded(public, "rawBytes")))
                except KeyRejected:
                    continue  # a log that signs with a key we do not accept vouches for nothing
                identifier = _decoded(log_id, "keyId")
                found[identifier] = LogKey(
                    log_id=identifier,
                    key=key,
                    window=_window(public),
                    origin=urlsplit(strict_json.text_of(entry, "baseUrl", name)).netloc,
                )
        except (JsonMalformed, ValueError) as bad:
            raise ConfigurationInvalid(f"{name}: {bad}") from bad
        return found


def _entries(document: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise JsonMalformed(f"{name} is not a list")
    return [strict_json.members(entry, frozenset(), name) for entry in found]


def _decoded(entry: Mapping[str, Json], name: str) -> bytes:
    try:
        content = base64.b64decode(strict_json.text_of(entry, name, "the trusted root"), validate=True)
    except binascii.Error as bad:
        raise JsonMalformed(f"{name} is not base64") from bad
    if not content:
        raise JsonMalformed(f"{name} is missing")
    return content


def _window(entry: Mapping[str, Json]) -> Window:
    """`validFor`; a window without a start, or that cannot be read, is an error and never "always" (attacks A20)."""
    stated = strict_json.members(entry.get("validFor"), frozenset({"start", "end"}), "validFor")
    end = strict_json.text_of(stated, "end", "validFor")
    return Window(start=_moment(strict_json.text_of(stated, "start", "validFor")), end=_moment(end) if end else None)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
