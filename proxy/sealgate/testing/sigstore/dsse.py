"""In-toto statements in DSSE envelopes (in-toto attestation v1; DSSE protocol.md)."""

import base64
from typing import Final

from sealgate.oci.digest import Digest
from sealgate.testing.sigstore.encoding import JsonObject, b64
from sealgate.testing.sigstore.keys import HashName, SigningKey

COSIGN_SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO: Final = "application/vnd.in-toto+json"


def statement(subject: Digest, predicate_type: str = COSIGN_SIGN, predicate: object = None) -> JsonObject:
    """A statement about one digest, shaped as `cosign sign` makes it: the subject has no name."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {subject.algorithm: subject.hex}}],
        "predicateType": predicate_type,
        "predicate": {} if predicate is None else predicate,
    }


def envelope(
    payload: bytes, key: SigningKey, payload_type: str = IN_TOTO, hash_name: HashName | None = None
) -> JsonObject:
    """Sign a payload of any type; with another hash than the key's own, if one is given."""
    return {
        "payload": b64(payload),
        "payloadType": payload_type,
        "signatures": [{"sig": b64(key.sign(encode(payload, payload_type), hash_name))}],
    }


def encode(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    """The pre-authentication encoding: what a signature in an envelope is over."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def signed_bytes(signed: JsonObject) -> bytes:
    """What the signature in an envelope is over."""
    return encode(base64.b64decode(signed["payload"]), signed["payloadType"])


def signature(signed: JsonObject) -> bytes:
    """The first signature in an envelope."""
    return base64.b64decode(signed["signatures"][0]["sig"])
