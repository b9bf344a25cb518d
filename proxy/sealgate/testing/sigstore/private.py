"""A whole Sigstore in memory: its parts, and the signatures they make together."""

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import dsse, log_entries
from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.keys import HashName, SigningKey
from sealgate.testing.sigstore.signing import (
    CertifiedKey,
    Signer,
    SimpleSignature,
    bundle,
    simple_signature,
    simple_signing_payload,
)
from sealgate.testing.sigstore.timestamps import TimestampAuthority
from sealgate.testing.sigstore.transparency_log import TransparencyLog
from sealgate.testing.sigstore.trusted_root import trusted_root

_TRUSTED_BEFORE: Final = timedelta(days=365)
_TRUSTED_AFTER: Final = timedelta(days=3650)


class PrivateSigstore:
    """A certificate authority, a CT log, a transparency log and a timestamp authority, with keys of their own.

    Two instances know nothing of each other: what one signs, the other's trusted root does not vouch for.

    The parts are public attributes. To make something hostile, sign with a copy that has a foreign part
    (`with_parts`), or edit the JSON that a method returns; every part can also sign whatever it is given.

    Args:
        now: the moment at which it signs when not told another; aware. Its trusted root is valid from a year before.
    """

    def __init__(self, *, now: datetime) -> None:
        assert now.tzinfo is not None, "now is a moment: it needs its time zone"
        self.now = now.replace(microsecond=0)
        self.start, end = self.now - _TRUSTED_BEFORE, self.now + _TRUSTED_AFTER
        self.authority = CertificateAuthority.create(start=self.start, end=end)
        self.ct_logs: Sequence[CtLog] = (CtLog(),)
        self.log = TransparencyLog()
        self.timestamp_authority = TimestampAuthority.create(start=self.start, end=end)

    def with_parts(
        self,
        *,
        authority: CertificateAuthority | None = None,
        ct_logs: Sequence[CtLog] | None = None,
        log: TransparencyLog | None = None,
        timestamp_authority: TimestampAuthority | None = None,
    ) -> "PrivateSigstore":
        """A copy with other parts, e.g. another Sigstore's log, or no CT log; the parts that stay are shared."""
        changed = copy.copy(self)
        changed.authority = authority or self.authority
        changed.ct_logs = self.ct_logs if ct_logs is None else ct_logs
        changed.log = log or self.log
        changed.timestamp_authority = timestamp_authority or self.timestamp_authority
        return changed

    def trusted_root(self) -> JsonObject:
        """Its trusted root, as JSON that may be edited."""
        return trusted_root(
            authorities=(self.authority,),
            ct_logs=self.ct_logs,
            logs=(self.log,),
            timestamp_authorities=(self.timestamp_authority,),
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
        public_key: SigningKey,
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
        self, *, identity: str, issuer: str, claims: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> CertifiedKey:
        """A keyless signer: a new key, and a leaf for it that is valid for ten minutes from `at`."""
        key = SigningKey.generate()
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
    ) -> JsonObject:
        """Sign a digest as cosign 3 does.

        Args:
            subject: the digest of a manifest.
            signer: a `SigningKey`, or a `CertifiedKey` of `keyless`.
            predicate_type: what is stated of it; by default cosign's signature, which has an empty predicate.
            predicate: what is stated.
            at: when it is logged and timestamped.
            logged: whether the log's entry is in the bundle.
            timestamped: whether a timestamp over the signature is.

        Returns:
            A bundle v0.3 around a DSSE envelope, as JSON that may be edited.
        """
        statement = dsse.statement(subject, predicate_type, predicate)
        return self.bundle_of(compact_json(statement), signer, at=at, logged=logged, timestamped=timestamped)

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
    ) -> JsonObject:
        """The same for any payload: no subject, two of them, another `_type`, no JSON at all; and with any hash."""
        when = at or self.now
        envelope = dsse.envelope(payload, signer.key, payload_type, hash_name)
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        entries = [self.log.append(log_entries.dsse(envelope, payload, signer.verifier), when)] if logged else []
        timestamps = [self.timestamp_authority.stamp(signature, when)] if timestamped else []
        return bundle({"dsseEnvelope": envelope}, signer.material, entries, timestamps)

    def simple_signature(
        self,
        subject: Digest,
        signer: Signer,
        *,
        docker_reference: str = "registry.test/app",
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
    ) -> SimpleSignature:
        """Sign a digest as cosign 2 does: a payload, and annotations beside it.

        Args:
            subject: the digest of a manifest.
            signer: a `SigningKey`, or a `CertifiedKey` of `keyless`.
            docker_reference: the repository that the payload names.
            at: when it is logged and timestamped.
            logged: whether the log's promise is in the annotations.
            timestamped: whether a timestamp over the signature is.
        """
        payload = simple_signing_payload(subject, docker_reference)
        return self.simple_signature_of(payload, signer, at=at, logged=logged, timestamped=timestamped)

    def simple_signature_of(
        self,
        payload: bytes,
        signer: Signer,
        *,
        hash_name: HashName | None = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
    ) -> SimpleSignature:
        """The same for any payload, and with any hash."""
        when = at or self.now
        signature = signer.key.sign(payload, hash_name)
        body = log_entries.hashedrekord(payload, signature, signer.verifier, hash_name or signer.key.hash_name)
        return simple_signature(
            payload,
            signature,
            signer,
            entry=self.log.append(body, when) if logged else None,
            timestamp=self.timestamp_authority.stamp(signature, when) if timestamped else None,
        )
