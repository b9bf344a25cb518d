"""Whose log entry it is: its body must name this very message, signature *and* key (cosign CVE-2022-36056, A1).

The bodies of Rekor v1 that cosign's signatures have: hashedrekord 0.0.1 and dsse 0.0.1.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from sealgate.adapters.keys import pem_content
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.payload import base64_of
from sealgate.evidence.reason import Reason
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_HASHES: Final = ("sha256", "sha384", "sha512")


def check_hashedrekord(body: bytes, message: bytes, signature: bytes, verifier: bytes) -> None:
    """Check that an entry is that of a signature over a message.

    Args:
        body: the entry's.
        message: what was signed.
        signature: the signature.
        verifier: what it was verified with, DER: the SubjectPublicKeyInfo of a key, or a certificate.

    Raises:
        Rejected: it is that of another one.
        Malformed: it cannot be read.
    """
    spec = _spec(body, "hashedrekord")
    made = _member(spec, "signature", "content", "publicKey")
    _check_hash(_member(_member(spec, "data", "hash"), "hash", "algorithm", "value"), message)
    _check_signature(made, "content", signature)
    _check_verifier(_member(made, "publicKey", "content"), "content", verifier)


def check_dsse(body: bytes, payload: bytes, signature: bytes, verifier: bytes) -> None:
    """The same for an envelope around a payload.

    The entry's hash over the envelope as a whole is not looked at: that is JSON which nobody keeps as it was.

    Raises:
        Rejected, Malformed: as above.
    """
    spec = _spec(body, "dsse")
    signatures = spec.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry has not exactly one signature")
    made = strict_json.members(signatures[0], frozenset({"signature", "verifier"}), "signatures[0]")
    _check_hash(_member(spec, "payloadHash", "algorithm", "value"), payload)
    _check_signature(made, "signature", signature)
    _check_verifier(made, "verifier", verifier)


def _check_hash(stated: Mapping[str, Json], content: bytes) -> None:
    algorithm = stated.get("algorithm")
    if algorithm not in _HASHES or stated.get("value") != hashlib.new(str(algorithm), content).hexdigest():
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of other content")


def _check_signature(stated: Mapping[str, Json], key: str, signature: bytes) -> None:
    if base64_of(strict_json.text_of(stated, key, "the log entry's body"), key) != signature:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another signature")


def _check_verifier(stated: Mapping[str, Json], key: str, verifier: bytes) -> None:
    pem = base64_of(strict_json.text_of(stated, key, "the log entry's body"), key)
    if verifier not in (pem_content(pem, "PUBLIC KEY"), pem_content(pem, "CERTIFICATE")):
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another key or certificate")


def _spec(body: bytes, kind: str) -> Mapping[str, Json]:
    document = strict_json.members(
        strict_json.loads(body), frozenset({"apiVersion", "kind", "spec"}), "the log entry's body"
    )
    if document.get("kind") != kind or document.get("apiVersion") != "0.0.1":
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, f"its log entry is not of the kind {kind} 0.0.1")
    return _member(document, "spec", "data", "signature", "payloadHash", "signatures")


def _member(document: Mapping[str, Json], key: str, *known: str) -> Mapping[str, Json]:
    return strict_json.members(document.get(key), frozenset(known), f"the log entry's {key}")
