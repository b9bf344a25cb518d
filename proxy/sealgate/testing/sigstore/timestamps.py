"""A timestamp authority (RFC 3161), whose tokens are CMS signed data (RFC 5652)."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.testing.sigstore import der
from sealgate.testing.sigstore.certificates import issued_by, key_usage, name, root_certificate
from sealgate.testing.sigstore.encoding import certificate_der
from sealgate.testing.sigstore.keys import SigningKey

_GRANTED, _TST_VERSION, _SIGNED_DATA_VERSION, _SIGNER_INFO_VERSION = 0, 1, 3, 1
_SERIAL: Final = 0x5EA1
_POLICY: Final = "1.3.6.1.4.1.57264.2"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"  # RFC 5035: which certificate signed
_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampAuthority:
    """A root, and a leaf that signs timestamps.

    Args:
        root: the root's certificate.
        leaf: the signing certificate.
        key: the signing key, ECDSA P-256.
    """

    root: x509.Certificate
    leaf: x509.Certificate
    key: SigningKey = field(repr=False)

    @classmethod
    def create(cls, *, start: datetime, end: datetime) -> "TimestampAuthority":
        """A new authority, valid from `start` to `end`."""
        root_key, key = SigningKey.generate("ecdsa-p384"), SigningKey.generate()
        root = root_certificate(root_key, "tsa-root", start=start, end=end)
        public = key.private.public_key()
        leaf = (
            x509.CertificateBuilder()
            .subject_name(name("tsa"))
            .issuer_name(root.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issued_by(root), critical=False)
            .sign(root_key.private, hashes.SHA384())
        )
        return cls(root=root, leaf=leaf, key=key)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Its certificates, the signing one first."""
        return (self.leaf, self.root)

    def stamp(self, message: bytes, at: datetime) -> bytes:
        """Attest that `message` (in Sigstore: the signature's bytes) existed at `at`.

        Returns:
            A `TimeStampResp`, DER, without certificates: verifiers have them from their trusted root.
        """
        info = der.sequence(
            der.integer(_TST_VERSION),
            der.oid(_POLICY),
            der.sequence(_SHA256, der.octets(hashlib.sha256(message).digest())),
            der.integer(_SERIAL),
            der.generalized_time(at),
        )
        signed_data = der.sequence(
            der.integer(_SIGNED_DATA_VERSION),
            der.set_of(_SHA256),
            der.sequence(der.oid(_TST_INFO), der.explicit(0, der.octets(info))),
            der.set_of(self._signer_info(info, at)),
        )
        token = der.sequence(der.oid(_SIGNED_DATA), der.explicit(0, signed_data))
        return der.sequence(der.sequence(der.integer(_GRANTED)), token)

    def _signer_info(self, info: bytes, at: datetime) -> bytes:
        leaf_hash = der.octets(hashlib.sha256(certificate_der(self.leaf)).digest())
        attributes = der.set_of(
            _attribute(_CONTENT_TYPE, der.oid(_TST_INFO)),
            _attribute(_SIGNING_TIME, der.tlv(0x17, at.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())),
            _attribute(_MESSAGE_DIGEST, der.octets(hashlib.sha256(info).digest())),
            _attribute(_SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(der.sequence(leaf_hash)))),
        )
        return der.sequence(
            der.integer(_SIGNER_INFO_VERSION),
            der.sequence(self.leaf.issuer.public_bytes(), der.integer(self.leaf.serial_number)),
            _SHA256,
            b"\xa0" + attributes[1:],  # signed as a SET, sent with a context tag (RFC 5652 section 5.4)
            _ECDSA_WITH_SHA256,
            der.octets(self.key.sign(attributes)),
        )


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))
