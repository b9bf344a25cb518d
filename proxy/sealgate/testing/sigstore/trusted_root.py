"""The file by which verifiers know a Sigstore (sigstore_trustroot.proto)."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog
from sealgate.testing.sigstore.encoding import JsonObject, b64, certificate_der, rfc3339
from sealgate.testing.sigstore.timestamps import TimestampAuthority
from sealgate.testing.sigstore.transparency_log import TransparencyLog


def trusted_root(
    *,
    authorities: Sequence[CertificateAuthority],
    ct_logs: Sequence[CtLog],
    logs: Sequence[TransparencyLog],
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
        start: from when each of them is trusted.
        end: until when; None is no end.
    """
    window = {"start": rfc3339(start)} | ({} if end is None else {"end": rfc3339(end)})
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(log, window) for log in logs],
        "certificateAuthorities": [_authority(a.chain, "https://fulcio.private.test", window) for a in authorities],
        "ctlogs": [_log(log, window) for log in ct_logs],
        "timestampAuthorities": [
            _authority(a.chain, "https://tsa.private.test", window) for a in timestamp_authorities
        ],
    }


def _log(log: TransparencyLog | CtLog, window: dict[str, str]) -> JsonObject:
    return {
        "baseUrl": log.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(log.key.spki),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": dict(window),
        },
        "logId": {"keyId": b64(log.key.key_id)},
    }


def _authority(chain: Sequence[x509.Certificate], uri: str, window: dict[str, str]) -> JsonObject:
    subject = chain[-1].subject
    return {
        "subject": {
            "organization": str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value),
            "commonName": str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        },
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": b64(certificate_der(certificate))} for certificate in chain]},
        "validFor": dict(window),
    }
