"""What sigstore-python is given: documents of its own kind, written anew from what was read.

So it judges the very parts that the engine judged, however the signature was wrapped: no unsigned media type, hint or
version chooses what it looks at. And it gets them as it wants them: its models insist on fields that protojson leaves
out at their default (protobuf "ProtoJSON Format").
"""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.adapters.signatures.log_entry import InclusionProof, LogEntry
from sealgate.adapters.signatures.opened import Opened
from sealgate.adapters.signatures.trusted_roots import Authority, LogKey, TrustedRootFile, Window
from sealgate.evidence.payload import Envelope
from sealgate.oci.media_types import BUNDLE_V03
from sealgate.oci.strict_json import Json

_KEY_DETAILS: Final = {
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
    "ecdsa-p521": "PKIX_ECDSA_P521_SHA_512",
    "ed25519": "PKIX_ED25519",
}
_RSA_DETAILS: Final = "PKIX_RSA_PKCS1V15_2048_SHA256"  # of any size: what it does with it is the same


def bundle_of(opened: Opened, kind: str, version: str) -> str:
    """A bundle v0.3 with the leaf, the timestamps and the log entries of a signature, which all have a proof.

    Args:
        opened: the signature.
        kind: of the log entries' bodies.
        version: theirs.
    """
    content = opened.content
    signed: dict[str, Json]
    if isinstance(content, Envelope):
        envelope: Json = {
            "payload": _base64(content.payload),
            "payloadType": content.payload_type,
            "signatures": [{"sig": _base64(opened.signature)}],
        }
        signed = {"dsseEnvelope": envelope}
    else:
        signed = {"messageSignature": {"signature": _base64(opened.signature)}}
    stamps: list[Json] = [{"signedTimestamp": _base64(token)} for token in opened.timestamps]
    material: dict[str, Json] = {
        "certificate": {"rawBytes": _base64(opened.certificates[0])},
        "tlogEntries": [_entry(entry, entry.proof, kind, version) for entry in opened.entries if entry.proof],
        "timestampVerificationData": {"rfc3161Timestamps": stamps},
    }
    return json.dumps({"mediaType": BUNDLE_V03, "verificationMaterial": material, **signed})


def trust_config_of(root: TrustedRootFile) -> str:
    """A root as `ClientTrustConfig` has it: sigstore-python's only public way to a root that is not in a file."""
    trusted: Json = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": _logs(root.logs.values()),
        "ctlogs": _logs(root.ct_logs.values()),
        "certificateAuthorities": [_authority(one, one.window.end) for one in root.authorities],
        # Its windows of timestamp authorities leave out their last moment, which is in them; ours are looked at.
        "timestampAuthorities": [_authority(one, None) for one in root.timestamp_authorities],
    }
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": trusted,
            "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
        }
    )


def _entry(entry: LogEntry, proof: InclusionProof, kind: str, version: str) -> Json:
    made: dict[str, Json] = {
        "logIndex": str(entry.index),
        "logId": {"keyId": _base64(entry.log_id)},
        "kindVersion": {"kind": kind, "version": version},
        "integratedTime": str(entry.integrated_time),
        "inclusionProof": {
            "logIndex": str(proof.index),
            "rootHash": _base64(proof.root),
            "treeSize": str(proof.size),
            "hashes": [_base64(one) for one in proof.hashes],
            "checkpoint": {"envelope": proof.checkpoint},
        },
        "canonicalizedBody": _base64(entry.body),
    }
    if entry.promise:
        made["inclusionPromise"] = {"signedEntryTimestamp": _base64(entry.promise)}
    return made


def _logs(logs: Iterable[LogKey]) -> list[Json]:
    return [
        {
            "baseUrl": log.base_url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _base64(log.key.spki),
                "keyDetails": _KEY_DETAILS.get(log.key.algorithm, _RSA_DETAILS),
                "validFor": _window(log.window, log.window.end),
            },
            "logId": {"keyId": _base64(log.log_id)},
        }
        for log in logs
    ]


def _authority(authority: Authority, end: datetime | None) -> Json:
    certificates: list[Json] = [{"rawBytes": _base64(_der(one))} for one in authority.certificates]
    return {
        "subject": {"organization": "", "commonName": ""},
        "uri": "",
        "certChain": {"certificates": certificates},
        "validFor": _window(authority.window, end),
    }


def _window(window: Window, end: datetime | None) -> Json:
    stated: dict[str, Json] = {"start": _moment(window.start)}
    return stated if end is None else {**stated, "end": _moment(end)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
