"""That a certificate was shown to a CT log before it was used (RFC 6962 section 3): its one embedded SCT."""

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.reason import Reason

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_CERTIFICATE_TIMESTAMP: Final = 0  # SignatureType


def check_sct(leaf: x509.Certificate, issuer: x509.Certificate, ct_logs: Mapping[bytes, LogKey]) -> None:
    """Check the SCT of a certificate.

    Args:
        leaf: the certificate.
        issuer: the authority's certificate that issued it.
        ct_logs: whose word counts.

    Raises:
        Rejected: there is not exactly one (Fulcio's have one), its log is unknown, or it was made when the root did not
            trust that log's key; or it does not verify.
    """
    try:
        found = list(leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    except x509.ExtensionNotFound:
        found = []
    if len(found) != 1:
        raise Rejected(Reason.SCT_INVALID, f"its certificate has {len(found)} SCTs instead of one")
    sct = found[0]
    log = ct_logs.get(sct.log_id)
    if log is None:
        raise Rejected(Reason.SCT_INVALID, "its certificate's SCT is of a CT log that the trusted root does not name")
    if not verifies(log.key, sct.signature, _signed(sct, leaf, issuer)):
        raise Rejected(Reason.SCT_INVALID, "its certificate's SCT is not one over this certificate")
    if not log.window.holds(sct.timestamp.replace(tzinfo=UTC)):
        text = "the CT log's key was outside its validity when the certificate was logged"
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)


def _signed(sct: SignedCertificateTimestamp, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """What an SCT signs: the certificate without its SCTs, and the hash of the key that issued it (section 3.2)."""
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise Rejected(Reason.SCT_INVALID, "its certificate's SCT is of a kind that is not known")
    milliseconds = (sct.timestamp.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    issuer_key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    certificate = leaf.tbs_precertificate_bytes
    return b"".join(
        (
            struct.pack("!BBQH", sct.version.value, _CERTIFICATE_TIMESTAMP, milliseconds, sct.entry_type.value),
            hashlib.sha256(issuer_key).digest(),
            len(certificate).to_bytes(3),
            certificate,
            len(sct.extension_bytes).to_bytes(2),
            sct.extension_bytes,
        )
    )
