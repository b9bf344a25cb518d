"""Whose log entry it is: its body must name this very content, signature *and* key (cosign CVE-2022-36056, A1).

The kinds that signatures of cosign and other clients have. A body is strict JSON, signed by the log; what it says
beside the fields looked at here changes nothing. Each kind is one function, to be read beside Rekor's source.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final

from sealgate.adapters.keys import pem_content
from sealgate.adapters.signatures.opened import Content, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.payload import Envelope, base64_of
from sealgate.evidence.reason import Reason
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_HASHES: Final = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
_HASHES_V2: Final = {told: name for name, told in _HASHES.items()}  # sigstore_common.proto, HashAlgorithm


def check(body: bytes, content: Content, signature: bytes, verifier: bytes) -> None:
    """Check that an entry is that of this signature.

    Args:
        body: the entry's.
        content: what was signed.
        signature: the signature.
        verifier: what it was verified with, DER: the SubjectPublicKeyInfo of a key, or a certificate.

    Raises:
        Rejected: it is that of another one, or of a kind that is not known.
        Malformed: it cannot be read.
    """
    document = _members(strict_json.loads(body), "body", "apiVersion", "kind", "spec")
    kind = f"{_text(document, 'kind')} {_text(document, 'apiVersion')}"
    spec = document.get("spec")
    if kind == _OF_EITHER:
        _hashedrekord_v2(spec, content, signature, verifier)
    elif isinstance(content, Envelope) and kind in _OF_ENVELOPES:
        _OF_ENVELOPES[kind](spec, content, signature, verifier)
    elif not isinstance(content, Envelope) and kind in _OF_MESSAGES:
        _hashedrekord(spec, content, signature, verifier)
    else:
        raise _mismatch(f"its log entry is of the kind {kind}, which signatures of this form do not have")


def _hashedrekord(value: Json, content: Content, signature: bytes, verifier: bytes) -> None:
    """Kind hashedrekord 0.0.1; and rekord 0.0.1, which came before it and keeps the same."""
    spec = _members(value, "spec", "signature", "data")
    _check_hash(_member(_member(spec, "data", "hash"), "hash", "algorithm", "value"), content)
    made = _member(spec, "signature", "content", "publicKey")
    _check_signature(_bytes(made, "content"), signature)
    _check_pem(_bytes(_member(made, "publicKey", "content"), "content"), verifier)


def _hashedrekord_v2(value: Json, content: Content, signature: bytes, verifier: bytes) -> None:
    """Kind hashedrekord 0.0.2, that of Rekor v2 (rekor-tiles): of an envelope it keeps what its signature is over."""
    spec = _member(_members(value, "spec", "hashedRekordV002"), "hashedRekordV002", "data", "signature")
    data = _member(spec, "data", "algorithm", "digest")
    if _bytes(data, "digest") != _digest(content, _HASHES_V2.get(_text(data, "algorithm"))):
        raise _other_content()
    made = _member(spec, "signature", "content", "verifier")
    _check_signature(_bytes(made, "content"), signature)
    named = _member(made, "verifier", "publicKey", "x509Certificate", "keyDetails")
    present = [name for name in ("publicKey", "x509Certificate") if name in named]
    if [_bytes(_member(named, name, "rawBytes"), "rawBytes") for name in present] != [verifier]:
        raise _other_verifier()


def _dsse(value: Json, content: Envelope, signature: bytes, verifier: bytes) -> None:
    """Kind dsse 0.0.1. Its hash over the envelope is not looked at: that is JSON which nobody keeps as it was."""
    spec = _members(value, "spec", "payloadHash", "signatures")
    _check_hash(_member(spec, "payloadHash", "algorithm", "value"), SignedPayload(content.payload))
    made = _only(spec.get("signatures"), "signature", "verifier")
    _check_signature(_bytes(made, "signature"), signature)
    _check_pem(_bytes(made, "verifier"), verifier)


def _intoto_v1(value: Json, content: Envelope, signature: bytes, verifier: bytes) -> None:
    """Kind intoto 0.0.1. It names no signature: its hash over the envelope is what ties it to one, and must hold."""
    spec = _members(value, "spec", "content", "publicKey")
    kept = _member(spec, "content", "hash", "payloadHash")
    _check_hash(_member(kept, "payloadHash", "algorithm", "value"), SignedPayload(content.payload))
    stated = _member(kept, "hash", "algorithm", "value")
    if not any(_is_hash(stated, SignedPayload(written)) for written in _written(content, signature)):
        raise _mismatch("its log entry is that of an envelope with another signature, or written in an unknown way")
    _check_pem(_bytes(spec, "publicKey"), verifier)


def _intoto_v2(value: Json, content: Envelope, signature: bytes, verifier: bytes) -> None:
    """Kind intoto 0.0.2. The signature is in base64 twice: of Rekor's doing, as it takes base64 for bytes."""
    kept = _member(_members(value, "spec", "content"), "content", "envelope", "payloadHash")
    _check_hash(_member(kept, "payloadHash", "algorithm", "value"), SignedPayload(content.payload))
    made = _only(_member(kept, "envelope", "signatures").get("signatures"), "sig", "publicKey")
    _check_signature(_bytes(made, "sig"), b64encode(signature))
    _check_pem(_bytes(made, "publicKey"), verifier)


_OF_EITHER: Final = "hashedrekord 0.0.2"
_OF_MESSAGES: Final = frozenset({"hashedrekord 0.0.1", "rekord 0.0.1"})
_OF_ENVELOPES: Final[Mapping[str, Callable[[Json, Envelope, bytes, bytes], None]]] = {
    "dsse 0.0.1": _dsse,
    "intoto 0.0.1": _intoto_v1,
    "intoto 0.0.2": _intoto_v2,
}


def _digest(content: Content, algorithm: str | None) -> bytes | None:
    """The hash of what the signature is over; None where it is not known by that algorithm."""
    if algorithm not in _HASHES:
        return None
    if isinstance(content, SignedDigest):
        if content.artifact is None:
            return bytes.fromhex(content.digest.hex) if content.digest.algorithm == algorithm else None
        return hashlib.new(algorithm, content.artifact).digest()
    return hashlib.new(algorithm, content.raw if isinstance(content, SignedPayload) else content.signed_bytes).digest()


def _written(content: Envelope, signature: bytes) -> tuple[bytes, ...]:
    """An envelope as its writers write it: cosign (Go's dsse.Envelope), and in the order of the protobuf message."""
    payload, made = b64encode(content.payload).decode(), b64encode(signature).decode()
    by_go = {"payloadType": content.payload_type, "payload": payload, "signatures": [{"keyid": "", "sig": made}]}
    by_field = {"payload": payload, "payloadType": content.payload_type, "signatures": [{"sig": made}]}
    return tuple(json.dumps(one, separators=(",", ":")).encode() for one in (by_go, by_field))


def _check_hash(stated: Mapping[str, Json], content: Content) -> None:
    if not _is_hash(stated, content):
        raise _other_content()


def _is_hash(stated: Mapping[str, Json], content: Content) -> bool:
    made = _digest(content, _text(stated, "algorithm"))
    return made is not None and _text(stated, "value") == made.hex()


def _check_signature(stated: bytes, signature: bytes) -> None:
    if stated != signature:
        raise _mismatch("its log entry is that of another signature")


def _check_pem(stated: bytes, verifier: bytes) -> None:
    if verifier not in (pem_content(stated, "PUBLIC KEY"), pem_content(stated, "CERTIFICATE")):
        raise _other_verifier()


def _only(value: Json, *known: str) -> Mapping[str, Json]:
    """The one signature of an entry (attacks A13)."""
    if not isinstance(value, list) or len(value) != 1:
        raise _mismatch("its log entry has not exactly one signature")
    return _members(value[0], "signature", *known)


def _member(document: Mapping[str, Json], key: str, *known: str) -> Mapping[str, Json]:
    return _members(document.get(key), key, *known)


def _members(value: Json, where: str, *known: str) -> Mapping[str, Json]:
    return strict_json.members(value, frozenset(known), f"the log entry's {where}")


def _text(document: Mapping[str, Json], key: str) -> str:
    return strict_json.text_of(document, key, "the log entry's body")


def _bytes(document: Mapping[str, Json], key: str) -> bytes:
    return base64_of(_text(document, key), key)


def _other_content() -> Rejected:
    return _mismatch("its log entry is that of other content")


def _other_verifier() -> Rejected:
    return _mismatch("its log entry is that of another key or certificate")


def _mismatch(told: str) -> Rejected:
    return Rejected(Reason.LOG_ENTRY_MISMATCH, told)
