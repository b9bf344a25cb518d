"""The file by which verifiers know a Sigstore (sigstore_trustroot.proto)."""

from collections.abc import Sequence
from datetime import datetime

from cryptography.x509.oid import NameOID

from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog
from sealgate.testing.sigstore.encoding import JsonObject, b64, certificate_der
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.time_range import TimeRange
from sealgate.testing.sigstore.timestamps import TimestampAuthority
from sealgate.testing.sigstore.transparency_log import TransparencyLog


def trusted_root(
    *,
    authorities: Sequence[CertificateAuthority],
    ct_logs: Sequence[CtLog],
    logs: Sequence[TransparencyLog | RekorV2Log],
    timestamp_authorities: Sequence[TimestampAuthority],
    start: datetime,
    end: datetime | None = None,
) -> JsonObject:
    """A trusted root, as JSON that a test may edit.

    Args:
        authorities: who issues leaves.
        ct_logs: who logs them.
        logs: who logs signatures.
        timestamp_authorities: who attests times.
        start: from when each of them is trusted that has no `valid_for` of its own.
        end: until when; None is no end.
    """
    window = TimeRange(start=start, end=end)
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(log, window) for log in logs],
        "certificateAuthorities": [_authority(a, "https://fulcio.private.test", window) for a in authorities],
        "ctlogs": [_log(log, window) for log in ct_logs],
        "timestampAuthorities": [_authority(a, "https://tsa.private.test", window) for a in timestamp_authorities],
    }


def _log(log: TransparencyLog | RekorV2Log | CtLog, window: TimeRange) -> JsonObject:
    return {
        "baseUrl": log.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(log.key.spki),
            "keyDetails": log.key.details,
            "validFor": (log.valid_for or window).json,
        },
        "logId": {"keyId": b64(log.log_id)},
    }


def _authority(authority: CertificateAuthority | TimestampAuthority, uri: str, window: TimeRange) -> JsonObject:
    subject = authority.chain[-1].subject
    return {
        "subject": {
            "organization": str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value),
            "commonName": str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        },
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": b64(certificate_der(one))} for one in authority.chain]},
        "validFor": (authority.valid_for or window).json,
    }
