"""The one shape that every format of signature is read into; nothing of it is verified yet.

Media types, annotations and hints chose the parser that made it, and say nothing beyond that (attacks A14).
"""

from dataclasses import dataclass
from typing import TypeAlias

from sealgate.adapters.signatures.log_entry import LogEntry
from sealgate.evidence.payload import Envelope
from sealgate.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """Bytes that were signed as they are: cosign's simple signing payload."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class SignedDigest:
    """A file of this SHA-256 digest was signed: a message signature (sigstore_bundle.proto).

    Args:
        digest: the file's.
        artifact: the file, where it is at hand: without it only what signed that very digest (ECDSA and RSA with
            SHA-256) can be verified.
    """

    digest: Digest
    artifact: bytes | None = None


Content: TypeAlias = SignedPayload | Envelope | SignedDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A signature's parts.

    Args:
        content: what is signed.
        signature: the signature's bytes.
        certificates: DER, the leaf first; empty for a managed key.
        entries: of transparency logs.
        timestamps: RFC 3161 `TimeStampResp`s, DER, over the signature's bytes.
    """

    content: Content
    signature: bytes
    certificates: tuple[bytes, ...]
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
