"""A timestamp authority (RFC 3161), whose tokens are CMS signed data (RFC 5652)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.testing.sigstore import der
from sealgate.testing.sigstore.certificates import authority_chain, issued_by, key_usage, name
from sealgate.testing.sigstore.encoding import certificate_der
from sealgate.testing.sigstore.keys import HashName, SigningKey
from sealgate.testing.sigstore.time_range import TimeRange

_GRANTED, _TST_VERSION, _SIGNED_DATA_VERSION, _SIGNER_INFO_VERSION = 0, 1, 3, 1
_POLICY: Final = "1.3.6.1.4.1.57264.2"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"  # RFC 5035: which certificate signed
HASH_OIDS: Final[dict[HashName, str]] = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_SHA256 = der.sequence(der.oid(HASH_OIDS["sha256"]))
_ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampAuthority:
    """A leaf that signs timestamps, and the authorities above it.

    Args:
        chain: their certificates, the signing one first.
        key: the signing key, ECDSA P-256.
        valid_for: when a trusted root trusts it; None: as long as the Sigstore it is a part of.
    """

    chain: tuple[x509.Certificate, ...]
    key: SigningKey = field(repr=False)
    valid_for: TimeRange | None = None

    @classmethod
    def create(
        cls,
        *,
        start: datetime,
        end: datetime,
        intermediates: Sequence[TimeRange] = (),
        valid_for: TimeRange | None = None,
    ) -> "TimestampAuthority":
        """A new authority, whose certificates are valid from `start` to `end`.

        Args:
            start: when root and leaf begin to be valid.
            end: when they cease to be.
            intermediates: a range for each authority between them, from the root down.
            valid_for: when a trusted root trusts it.
        """
        above, issuing_key = authority_chain(
            "tsa", start=start, end=end, intermediates=intermediates, usage=ExtendedKeyUsageOID.TIME_STAMPING
        )
        key = SigningKey.generate()
        public = key.private.public_key()
        leaf = (
            x509.CertificateBuilder()
            .subject_name(name("tsa"))
            .issuer_name(above[0].subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issued_by(above[0]), critical=False)
            .sign(issuing_key.private, hashes.SHA384())
        )
        return cls(chain=(leaf, *above), key=key, valid_for=valid_for)

    @property
    def leaf(self) -> x509.Certificate:
        """The signing certificate."""
        return self.chain[0]

    @property
    def root(self) -> x509.Certificate:
        """The certificate at the top."""
        return self.chain[-1]

    def stamp(self, message: bytes, at: datetime, *, certificates: Sequence[x509.Certificate] = ()) -> bytes:
        """Attest that `message` (in Sigstore: the signature's bytes) existed at `at`.

        Args:
            message: what existed.
            at: when.
            certificates: what is put into the token, whosever they are. None: verifiers have the authority's from their
                trusted root.

        Returns:
            A `TimeStampResp`, DER.
        """
        return self.stamp_digest(hashlib.sha256(message).digest(), at, certificates=certificates)

    def stamp_digest(
        self,
        digest: bytes,
        at: datetime,
        *,
        hash_name: HashName = "sha256",
        nonce: int | None = None,
        certificates: Sequence[x509.Certificate] = (),
    ) -> bytes:
        """The same for a digest, as a request (`TimeStampReq`) asks for it.

        Args:
            digest: of what existed.
            at: when.
            hash_name: which digest it is.
            nonce: what the request had, if it had one.
            certificates: what is put into the token.
        """
        info = der.sequence(
            der.integer(_TST_VERSION),
            der.oid(_POLICY),
            der.sequence(der.sequence(der.oid(HASH_OIDS[hash_name])), der.octets(digest)),
            der.integer(x509.random_serial_number()),
            der.generalized_time(at),
            b"" if nonce is None else der.integer(nonce),
        )
        signed_data = der.sequence(
            der.integer(_SIGNED_DATA_VERSION),
            der.set_of(_SHA256),
            der.sequence(der.oid(_TST_INFO), der.explicit(0, der.octets(info))),
            der.explicit(0, b"".join(sorted(map(certificate_der, certificates)))) if certificates else b"",
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
