"""Trusted roots (sigstore_trustroot.proto): whose logs and authorities are believed, and when.

A root is a local file, read once: nothing here refreshes, writes or asks anybody. It is read as protojson writes it:
what is at its default is left out, and a `null` is as good as that.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from sealgate.adapters import files as configuration
from sealgate.adapters.keys import read_spki
from sealgate.adapters.signatures import certificate
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import ConfigurationInvalid, JsonMalformed, KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

PUBLIC_GOOD: Final = "public-good"
# The copy that ships with sigstore-python; a test pins that it is there.
_PUBLIC_GOOD_FILE: Final = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")
_MEDIA_TYPES: Final = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    }
)
_FIELDS: Final = frozenset({"mediaType", "tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"})
_ECDSA: Final = "ecdsa-"
_SHA256_BYTES: Final = 32


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
        log_id: what entries and SCTs call the log: SHA-256 of its key (CT, Rekor v1; RFC 6962 section 3.2), or of its
            name and its key (Rekor v2; C2SP signed-note.md), which ECDSA keys leave at the former.
        checkpoint_id: what its checkpoints call it, whole or its first four bytes; b"": the same.
        base_url: where it can be asked; "" when the root does not say.
    """

    log_id: bytes
    key: PublicKey
    window: Window
    checkpoint_id: bytes = b""
    base_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate or timestamp authority: its certificates, and when they may have been used.

    Args:
        certificates: each is issued by the next, and the last is the trust anchor. The first one issues certificates;
            that of a timestamp authority signs timestamps.
    """

    certificates: tuple[x509.Certificate, ...]
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRootFile:
    """A trusted root, read.

    Args:
        name: what to call it in messages.
        digest: SHA-256 of the file, in hexadecimal.
        logs: transparency logs, by their id.
        ct_logs: certificate transparency logs, by their id.
        authorities: certificate authorities.
        timestamp_authorities: timestamp authorities.
    """

    name: str
    digest: str
    logs: Mapping[bytes, LogKey] = field(repr=False)
    ct_logs: Mapping[bytes, LogKey] = field(repr=False)
    authorities: tuple[Authority, ...] = field(repr=False)
    timestamp_authorities: tuple[Authority, ...] = field(repr=False)

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

        Keys of a kind that is not accepted are passed over, as are logs that the root does not name: nobody's word.

        Raises:
            ConfigurationInvalid: it is no trusted root; or names nobody; or names a log or an authority twice, or a log
                by an id that is not its key's; or leaves open from when one is trusted (attacks A20).
        """
        try:
            document = _document(raw)
            root = cls(
                name=name,
                digest=hashlib.sha256(raw).hexdigest(),
                logs=_logs(document, "tlogs"),
                ct_logs=_logs(document, "ctlogs"),
                authorities=_authorities(document, "certificateAuthorities"),
                timestamp_authorities=_authorities(document, "timestampAuthorities"),
            )
        except (JsonMalformed, ValueError) as bad:
            raise ConfigurationInvalid(f"trusted root {name}: {bad}") from bad
        if not (root.logs or root.authorities or root.timestamp_authorities):
            raise ConfigurationInvalid(f"trusted root {name}: it names no log and no authority")
        return root


def _document(raw: bytes) -> dict[str, Json]:
    document = strict_json.members(strict_json.loads(raw), _FIELDS, "the trusted root")
    if strict_json.text_of(document, "mediaType", "the trusted root") not in _MEDIA_TYPES:
        raise JsonMalformed("its mediaType is not that of a trusted root v0.1 or v0.2")
    return document


def _logs(document: Mapping[str, Json], name: str) -> Mapping[bytes, LogKey]:
    found: dict[bytes, LogKey] = {}
    entries = _entries(document, name)
    for entry in entries:
        public = _object(entry, "publicKey", "rawBytes", "validFor")
        log_id = _bytes(_object(entry, "logId", "keyId"), "keyId")
        window, base_url = _window(public), _base_url(entry)
        other = entry.get("checkpointKeyId") is not None
        checkpoint_id = _bytes(_object(entry, "checkpointKeyId", "keyId"), "keyId") if other else b""
        try:
            key = read_spki(_bytes(public, "rawBytes"))
        except KeyRejected:
            continue
        # An id that a name is a part of cannot be checked here: the root need not hold the name, checkpoints do.
        named = name == "tlogs" and not key.algorithm.startswith(_ECDSA)
        if len(log_id) != _SHA256_BYTES or not (named or log_id.hex() == key.fingerprint):
            raise JsonMalformed(f"{name} has a log whose id {log_id.hex()} is not that of its key")
        # One key under two ids would be one log that counts as two (attacks A6).
        if log_id in found or any(key == log.key for log in found.values()):
            raise JsonMalformed(f"{name} has the log {log_id.hex()} twice")
        found[log_id] = LogKey(log_id=log_id, key=key, window=window, checkpoint_id=checkpoint_id, base_url=base_url)
    if entries and not found:
        raise JsonMalformed(f"{name} has no key of a kind that is accepted")
    return found


def _base_url(entry: Mapping[str, Json]) -> str:
    text = strict_json.text_of(entry, "baseUrl", "the trusted root")
    address = urlsplit(text)
    if text and (address.scheme not in ("http", "https") or not address.hostname or address.port == 0):
        raise JsonMalformed(f"{text} is not the address of a log")
    return text


def _authorities(document: Mapping[str, Json], name: str) -> tuple[Authority, ...]:
    found: dict[x509.Certificate, Authority] = {}
    for entry in _entries(document, name):
        chain = _object(entry, "certChain", "certificates")
        certificates = tuple(_certificates(_entries(chain, "certificates")))
        if not certificates:
            raise JsonMalformed(f"{name} has an authority without a certificate")
        if certificates[0] in found:
            raise JsonMalformed(f"{name} has the authority {certificates[0].subject.rfc4514_string()} twice")
        found[certificates[0]] = Authority(certificates=certificates, window=_window(entry))
    return tuple(found.values())


def _certificates(entries: Iterable[Mapping[str, Json]]) -> Iterable[x509.Certificate]:
    for entry in entries:
        try:
            yield certificate.load(_bytes(entry, "rawBytes"))
        except Rejected as bad:
            raise JsonMalformed("a certificate cannot be read") from bad


def _object(entry: Mapping[str, Json], name: str, *known: str) -> dict[str, Json]:
    return strict_json.members(entry.get(name), frozenset(known), name)


def _entries(document: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    found = document.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise JsonMalformed(f"{name} is not a list")
    known = frozenset({"baseUrl", "publicKey", "logId", "checkpointKeyId", "certChain", "validFor", "rawBytes"})
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
    stated = _object(entry, "validFor", "start", "end")
    end = stated.get("end")
    window = Window(
        start=_moment(strict_json.text_of(stated, "start", "validFor")),
        end=None if end is None else _moment(strict_json.text_of(stated, "end", "validFor")),
    )
    if window.end is not None and window.end < window.start:
        raise JsonMalformed("validFor ends before it starts")
    return window


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise JsonMalformed(f"{text} is a time without a time zone")
    return moment
