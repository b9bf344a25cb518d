"""A certificate transparency log: it promises to log a certificate before there is one (RFC 6962 section 3)."""

import struct
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from sealgate.testing.sigstore import der
from sealgate.testing.sigstore.keys import SigningKey
from sealgate.testing.sigstore.time_range import TimeRange

_V1, _CERTIFICATE_TIMESTAMP, _PRECERT_ENTRY, _NO_EXTENSIONS = 0, 0, 1, 0
_SHA256, _ECDSA = 4, 3  # RFC 5246 section 7.4.1.4.1


class CtLog:
    """A CT log.

    Args:
        host: its name.
        key: its signing key, ECDSA P-256; a new one when not given.
        valid_for: when a trusted root trusts it; None: as long as the Sigstore it is a part of.
    """

    def __init__(
        self, host: str = "ctfe.private.test", key: SigningKey | None = None, *, valid_for: TimeRange | None = None
    ) -> None:
        self.host = host
        self.key = key or SigningKey.generate()
        self.valid_for = valid_for

    @property
    def url(self) -> str:
        """Its base URL, as a trusted root names it."""
        return f"https://{self.host}"

    @property
    def log_id(self) -> bytes:
        """What its SCTs and a trusted root call it: SHA-256 of its SPKI."""
        return self.key.key_id

    def promise(self, precertificate: bytes, issuer_key_id: bytes, at: datetime) -> bytes:
        """Sign a signed certificate timestamp (SCT).

        Args:
            precertificate: the TBSCertificate as it is without SCTs, DER.
            issuer_key_id: SHA-256 of the issuer's SPKI.
            at: when the log saw it.

        Returns:
            The serialized SCT.
        """
        milliseconds = int(at.timestamp()) * 1000
        signed = (
            struct.pack("!BBQH", _V1, _CERTIFICATE_TIMESTAMP, milliseconds, _PRECERT_ENTRY)
            + issuer_key_id
            + len(precertificate).to_bytes(3, "big")
            + precertificate
            + struct.pack("!H", _NO_EXTENSIONS)
        )
        signature = self.key.sign(signed)
        return (
            struct.pack("!B32sQH", _V1, self.log_id, milliseconds, _NO_EXTENSIONS)
            + struct.pack("!BBH", _SHA256, _ECDSA, len(signature))
            + signature
        )


def sct_extension(scts: Sequence[bytes]) -> x509.UnrecognizedExtension:
    """The certificate extension that holds SCTs (section 3.3)."""
    listed = b"".join(struct.pack("!H", len(sct)) + sct for sct in scts)
    return x509.UnrecognizedExtension(
        ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS, der.octets(struct.pack("!H", len(listed)) + listed)
    )
