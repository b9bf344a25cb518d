"""Trusted roots (sigstore_trustroot.proto): whose logs and certificate authorities are believed, and when.

A root is a local file, read once: nothing here refreshes, writes or asks anybody.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from cryptography import x509

from sealgate.adapters import files as configuration
from sealgate.adapters.keys import read_spki
from sealgate.errors import ConfigurationInvalid, JsonMalformed, KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

PUBLIC_GOOD: Final = "public-good"
# The copy that ships with sigstore-python; a test pins that it is there.
_PUBLIC_GOOD_FILE: Final = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a key may have been used; both ends are in it, and no end is for ever."""

    start: datetime
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment is in the window."""
        return self.start <= moment and (self.end is None or moment <= self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A transparency or CT log's key.

    Args:
        log_id: what entries, checkpoints and SCTs call the log.
    """

    log_id: bytes
    key: PublicKey
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority: its certificates, the issuing one first, and when they may have been used."""

    certificates: tuple[x509.Certificate, ...]
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRootFile:
    """A trusted root, read.

    Args:
        name: what to call it in messages.
        digest: SHA-256 of the file, in hexadecimal.
        document: the file, as JSON.
        logs: transparency logs, by their id.
        ct_logs: certificate transparency logs, by their id.
        authorities: certificate authorities.
    """

    name: str
    digest: str
    document: Mapping[str, Json] = field(repr=False)
    logs: Mapping[bytes, LogKey] = field(repr=False)
    ct_logs: Mapping[bytes, LogKey] = field(repr=False)
    authorities: tuple[Authority, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "TrustedRootFile":
        """The root in a file.

        Raises:
            ConfigurationInvalid: it cannot be read, or is no trusted root.
        """
        return cls.parse(configuration.read(path), str(path))

    @classmethod
    def public_good(cls) -> "TrustedRootFile":
        """The root of Sigstore's public good instance, as the sigstore package ships it.

        Raises:
            ConfigurationInvalid: the package does not hold it.
        """
        try:
            raw = files("sigstore").joinpath(*_PUBLIC_GOOD_FILE).read_bytes()
        except OSError as error:
            raise ConfigurationInvalid(f"trusted root {PUBLIC_GOOD}: the sigstore package has none: {error}") from error
        return cls.parse(raw, PUBLIC_GOOD)

    @classmethod
    def parse(cls, raw: bytes, name: str) -> "TrustedRootFile":
        """A root, given as the bytes of its file.

        Raises:
            ConfigurationInvalid: it is no trusted root; or vouches for no log or no authority; or leaves open from when
                one is trusted (attacks A20).
        """
        try:
            document = strict_json.members(
                strict_json.loads(raw),
                frozenset({"mediaType", "tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"}),
                "the trusted root",
            )
            root = cls(
                name=name,
                digest=hashlib.sha256(raw).hexdigest(),
                document=document,
                logs=_logs(document, "tlogs"),
                ct_logs=_logs(document, "ctlogs"),
                authorities=tuple(_authority(entry) for entry in _entries(document, "certificateAuthorities")),
            )
        except (JsonMalformed, ValueError) as bad:
            raise ConfigurationInvalid(f"trusted root {name}: {bad}") from bad
        if not root.logs or not root.authorities:
            raise ConfigurationInvalid(f"trusted root {name}: it names no log or no certificate authority")
        return root


def _logs(document: Mapping[str, Json], name: str) -> Mapping[bytes, LogKey]:
    found: dict[bytes, LogKey] = {}
    for entry in _entries(document, name):
        public = strict_json.members(entry.get("publicKey"), frozenset({"rawBytes", "validFor"}), f"{name}.publicKey")
        log_id = _bytes(strict_json.members(entry.get("logId"), frozenset({"keyId"}), f"{name}.logId"), "keyId")
        if log_id in found:
            raise JsonMalformed(f"{name} has the log {log_id.hex()} twice")
        window = _window(public)
        try:
            found[log_id] = LogKey(log_id=log_id, key=read_spki(_bytes(public, "rawBytes")), window=window)
        except KeyRejected:
            continue  # nobody's word, as that of a log which the root does not name; sigstore-python passes it over too
    return found


def _authority(entry: Mapping[str, Json]) -> Authority:
    chain = strict_json.members(entry.get("certChain"), frozenset({"certificates"}), "certChain")
    certificates = (x509.load_der_x509_certificate(_bytes(one, "rawBytes")) for one in _entries(chain, "certificates"))
    return Authority(certificates=tuple(certificates), window=_window(entry))


def _entries(document: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise JsonMalformed(f"{name} is not a list")
    known = frozenset({"publicKey", "logId", "certChain", "validFor", "rawBytes"})
    return [strict_json.members(entry, known, name) for entry in found]


def _bytes(entry: Mapping[str, Json], name: str) -> bytes:
    try:
        content = base64.b64decode(strict_json.text_of(entry, name, "the trusted root"), validate=True)
    except binascii.Error as bad:
        raise JsonMalformed(f"{name} is not base64") from bad
    if not content:
        raise JsonMalformed(f"{name} is missing")
    return content


def _window(entry: Mapping[str, Json]) -> Window:
    stated = strict_json.members(entry.get("validFor"), frozenset({"start", "end"}), "validFor")
    start, end = (strict_json.text_of(stated, name, "validFor") for name in ("start", "end"))
    return Window(start=_moment(start), end=_moment(end) if end else None)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise JsonMalformed(f"{text} is a time without a time zone")
    return moment
