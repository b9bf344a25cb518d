"""That a certificate was shown to a CT log before it was used (RFC 6962 section 3): the SCTs in it."""

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.reason import Reason
from sealgate.limits import SCTS

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_CERTIFICATE_TIMESTAMP: Final = 0  # SignatureType
_PRECERTIFICATE_ENTRY: Final = 1  # LogEntryType, of every SCT that is within a certificate


def check_scts(leaf: x509.Certificate, issuer: x509.Certificate, ct_logs: Mapping[bytes, LogKey]) -> None:
    """Check the SCTs of a certificate: it has one (Fulcio's do) or several, each of another log, and every one holds.

    Args:
        leaf: the certificate.
        issuer: the authority's certificate that issued it.
        ct_logs: whose word counts.

    Raises:
        Rejected: it has none, too many, or two of one log (attacks A6); or one's log is unknown, or it does not verify,
            or was made when the root did not trust that log's key.
    """
    try:
        found = list(leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    except x509.ExtensionNotFound:
        found = []
    if not 1 <= len(found) <= SCTS:
        raise Rejected(Reason.SCT_INVALID, f"its certificate has {len(found)} SCTs, and 1 to {SCTS} count")
    if len({sct.log_id for sct in found}) != len(found):
        raise Rejected(Reason.SCT_INVALID, "its certificate has two SCTs of one CT log")
    for sct in found:
        _check(sct, leaf, issuer, ct_logs.get(sct.log_id))


def _check(
    sct: SignedCertificateTimestamp, leaf: x509.Certificate, issuer: x509.Certificate, log: LogKey | None
) -> None:
    if log is None:
        raise Rejected(Reason.SCT_INVALID, "its certificate's SCT is of a CT log that the trusted root does not name")
    if not verifies(log.key, sct.signature, _signed(sct, leaf, issuer)):
        raise Rejected(Reason.SCT_INVALID, "its certificate's SCT is not one over this certificate")
    if not log.window.holds(sct.timestamp.replace(tzinfo=UTC)):
        text = "the CT log's key was outside its validity when the certificate was logged"
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)


def _signed(sct: SignedCertificateTimestamp, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """What an SCT signs: the certificate without its SCTs, and the hash of the key that issued it (section 3.2)."""
    milliseconds = (sct.timestamp.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    issuer_key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    certificate = leaf.tbs_precertificate_bytes
    return b"".join(
        (
            struct.pack("!BBQH", sct.version.value, _CERTIFICATE_TIMESTAMP, milliseconds, _PRECERTIFICATE_ENTRY),
            hashlib.sha256(issuer_key).digest(),
            len(certificate).to_bytes(3),
            certificate,
            len(sct.extension_bytes).to_bytes(2),
            sct.extension_bytes,
        )
    )
