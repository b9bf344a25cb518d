"""A whole Sigstore in memory: its parts, and the signatures they make together."""

import copy
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import dsse
from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.keys import HashName, SigningKey
from sealgate.testing.sigstore.log_entries import EntryKind
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.signing import (
    CertifiedKey,
    Signer,
    SimpleSignature,
    bundle,
    message_signature,
    simple_signature,
    simple_signing_payload,
)
from sealgate.testing.sigstore.timestamps import TimestampAuthority
from sealgate.testing.sigstore.transparency_log import TransparencyLog
from sealgate.testing.sigstore.trusted_root import trusted_root

Log: TypeAlias = TransparencyLog | RekorV2Log

_Part = TypeVar("_Part")

_TRUSTED_BEFORE: Final = timedelta(days=365)
_TRUSTED_AFTER: Final = timedelta(days=3650)


class PrivateSigstore:
    """Certificate authorities, CT logs, transparency logs and timestamp authorities, with keys of their own.

    Two instances know nothing of each other: what one signs, the other's trusted root does not vouch for.

    The parts are public attributes, at first one of each kind: `authorities`, the first of which issues; `ct_logs`,
    each of which adds an SCT to a leaf; `logs`, each of which takes every entry; `timestamp_authorities`, each of which
    stamps. `authority`, `log` and `timestamp_authority` are the first ones. To make something hostile, sign with a copy
    that has a foreign part (`with_parts`), or edit the JSON that a method returns; every part can also sign whatever it
    is given.

    Args:
        now: the moment at which it signs when not told another; aware. Its trusted root is valid from a year before.
    """

    def __init__(self, *, now: datetime) -> None:
        assert now.tzinfo is not None, "now is a moment: it needs its time zone"
        self.now = now.replace(microsecond=0)
        self.start, self.end = self.now - _TRUSTED_BEFORE, self.now + _TRUSTED_AFTER
        self.authorities: Sequence[CertificateAuthority] = (
            CertificateAuthority.create(start=self.start, end=self.end),
        )
        self.ct_logs: Sequence[CtLog] = (CtLog(),)
        self.logs: Sequence[Log] = (TransparencyLog(),)
        self.timestamp_authorities: Sequence[TimestampAuthority] = (
            TimestampAuthority.create(start=self.start, end=self.end),
        )

    @property
    def authority(self) -> CertificateAuthority:
        """The certificate authority that issues."""
        return self.authorities[0]

    @property
    def log(self) -> TransparencyLog:
        """The first transparency log, which is Rekor v1 unless it was replaced by another."""
        first = self.logs[0]
        assert isinstance(first, TransparencyLog), "its first log is Rekor v2: take it from `logs`"
        return first

    @property
    def timestamp_authority(self) -> TimestampAuthority:
        """The first timestamp authority."""
        return self.timestamp_authorities[0]

    def with_parts(
        self,
        *,
        authority: CertificateAuthority | None = None,
        authorities: Sequence[CertificateAuthority] | None = None,
        ct_logs: Sequence[CtLog] | None = None,
        log: Log | None = None,
        logs: Sequence[Log] | None = None,
        timestamp_authority: TimestampAuthority | None = None,
        timestamp_authorities: Sequence[TimestampAuthority] | None = None,
    ) -> "PrivateSigstore":
        """A copy with other parts, e.g. another Sigstore's log, or no CT log; the parts that stay are shared.

        In the singular: that part in the place of all of its kind.
        """
        changed = copy.copy(self)
        changed.authorities = _chosen(authority, authorities, self.authorities)
        changed.ct_logs = self.ct_logs if ct_logs is None else ct_logs
        changed.logs = _chosen(log, logs, self.logs)
        changed.timestamp_authorities = _chosen(timestamp_authority, timestamp_authorities, self.timestamp_authorities)
        return changed

    def trusted_root(self) -> JsonObject:
        """Its trusted root, as JSON that may be edited: every part, each for its own `valid_for` if it has one."""
        return trusted_root(
            authorities=self.authorities,
            ct_logs=self.ct_logs,
            logs=self.logs,
            timestamp_authorities=self.timestamp_authorities,
            start=self.start,
        )

    def trusted_root_json(self) -> bytes:
        """Its trusted root, as the file that the settings' `trusted_roots` name."""
        return json.dumps(self.trusted_root(), indent=2).encode()

    def issue(
        self,
        *,
        identity: str,
        issuer: str,
        public_key: SigningKey | CertificatePublicKeyTypes,
        claims: Mapping[str, str] | None = None,
        at: datetime | None = None,
    ) -> x509.Certificate:
        """A leaf for a key, as `CertificateAuthority.issue` makes it, with an SCT of each of its CT logs."""
        return self.authority.issue(
            identity=identity,
            issuer=issuer,
            public_key=public_key,
            claims=claims,
            at=at or self.now,
            ct_logs=self.ct_logs,
        )

    def keyless(
        self,
        *,
        identity: str,
        issuer: str,
        claims: Mapping[str, str] | None = None,
        at: datetime | None = None,
        key: SigningKey | None = None,
    ) -> CertifiedKey:
        """A keyless signer: a key, by default a new one, and a leaf for it that is valid for ten minutes from `at`."""
        key = key or SigningKey.generate()
        leaf = self.issue(identity=identity, issuer=issuer, public_key=key, claims=claims, at=at)
        return CertifiedKey(key, leaf, self.authority.chain)

    def bundle(
        self,
        subject: Digest,
        signer: Signer,
        *,
        predicate_type: str = dsse.COSIGN_SIGN,
        predicate: object = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> JsonObject:
        """Sign a digest as cosign 3 does.

        Args:
            subject: the digest of a manifest.
            signer: a `SigningKey`, or a `CertifiedKey` of `keyless`.
            predicate_type: what is stated of it; by default cosign's signature, which has an empty predicate.
            predicate: what is stated.
            at: when it is logged and timestamped.
            logged: whether an entry of each log is in the bundle.
            timestamped: whether a timestamp of each authority over the signature is.
            entry_kind: as what Rekor v1 logs it; None: `dsse/0.0.1`.

        Returns:
            A bundle v0.3 around a DSSE envelope, as JSON that may be edited; `as_version` makes older ones of it.
        """
        statement = compact_json(dsse.statement(subject, predicate_type, predicate))
        return self.bundle_of(statement, signer, at=at, logged=logged, timestamped=timestamped, entry_kind=entry_kind)

    def bundle_of(
        self,
        payload: bytes,
        signer: Signer,
        *,
        payload_type: str = dsse.IN_TOTO,
        hash_name: HashName | None = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> JsonObject:
        """The same for any payload: no subject, two of them, another `_type`, no JSON at all; and with any hash."""
        when = at or self.now
        envelope = dsse.envelope(payload, signer.key, payload_type, hash_name)
        logs = self.logs if logged else ()
        entries = [log.log_envelope(envelope, signer, when, kind=entry_kind, hash_name=hash_name) for log in logs]
        timestamps = self._timestamps(dsse.signature(envelope), when) if timestamped else []
        return bundle({"dsseEnvelope": envelope}, signer.material, entries, timestamps)

    def message_bundle(
        self,
        message: bytes,
        signer: Signer,
        *,
        hash_name: HashName | None = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> JsonObject:
        """Sign a message itself (`messageSignature`), as `cosign sign-blob` does: of a manifest, its bytes.

        Args:
            message: what is signed.
            signer: a `SigningKey`, or a `CertifiedKey` of `keyless`.
            hash_name: with which hash; None: with the key's own.
            at: when it is logged and timestamped.
            logged: whether an entry of each log is in the bundle.
            timestamped: whether a timestamp of each authority over the signature is.
            entry_kind: as what Rekor v1 logs it; None: `hashedrekord/0.0.1`.

        Returns:
            A bundle v0.3, as JSON that may be edited.
        """
        when = at or self.now
        signature = signer.key.sign(message, hash_name)
        logs = self.logs if logged else ()
        entries = [
            log.log_message(message, signature, signer, when, kind=entry_kind, hash_name=hash_name) for log in logs
        ]
        timestamps = self._timestamps(signature, when) if timestamped else []
        content = message_signature(message, signature, hash_name or signer.key.hash_name)
        return bundle(content, signer.material, entries, timestamps)

    def simple_signature(
        self,
        subject: Digest,
        signer: Signer,
        *,
        docker_reference: str = "registry.test/app",
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> SimpleSignature:
        """Sign a digest as cosign 2 does: a payload, and annotations beside it.

        Args:
            subject: the digest of a manifest.
            signer: a `SigningKey`, or a `CertifiedKey` of `keyless`.
            docker_reference: the repository that the payload names.
            at: when it is logged and timestamped.
            logged: whether the first log's promise is in the annotations; they have room for one.
            timestamped: whether the first timestamp authority's timestamp over the signature is.
            entry_kind: as what it is logged; None: `hashedrekord/0.0.1`.
        """
        payload = simple_signing_payload(subject, docker_reference)
        return self.simple_signature_of(
            payload, signer, at=at, logged=logged, timestamped=timestamped, entry_kind=entry_kind
        )

    def simple_signature_of(
        self,
        payload: bytes,
        signer: Signer,
        *,
        hash_name: HashName | None = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> SimpleSignature:
        """The same for any payload, and with any hash."""
        when = at or self.now
        signature = signer.key.sign(payload, hash_name)
        entry = None
        if logged:
            entry = self.log.log_message(payload, signature, signer, when, kind=entry_kind, hash_name=hash_name)
        timestamp = self.timestamp_authority.stamp(signature, when) if timestamped else None
        return simple_signature(payload, signature, signer, entry=entry, timestamp=timestamp)

    def _timestamps(self, signature: bytes, at: datetime) -> list[bytes]:
        return [authority.stamp(signature, at) for authority in self.timestamp_authorities]


def _chosen(one: _Part | None, several: Sequence[_Part] | None, present: Sequence[_Part]) -> Sequence[_Part]:
    if several is not None:
        return several
    return present if one is None else (one,)
