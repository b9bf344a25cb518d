"""What a transparency log stores of a signature: the bodies of Rekor v1's entries."""

import hashlib

from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.keys import HashName


def hashedrekord(message: bytes, signature: bytes, verifier: bytes, hash_name: HashName = "sha256") -> JsonObject:
    """A signature over a message (hashedrekord 0.0.1). A real Rekor refuses one by a plain Ed25519 key.

    Args:
        message: what was signed; the log keeps its hash.
        signature: the signature.
        verifier: the public key or certificate, PEM.
        hash_name: with which hash it was signed.
    """
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": hash_name, "value": hashlib.new(hash_name, message).hexdigest()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}},
        },
    }


def dsse(envelope: JsonObject, payload: bytes, verifier: bytes) -> JsonObject:
    """An envelope with its signatures (dsse 0.0.1).

    Args:
        envelope: the DSSE envelope, as JSON.
        payload: its payload, decoded.
        verifier: the public key or certificate, PEM.
    """
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(compact_json(envelope)).hexdigest()},
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
            "signatures": [
                {"signature": signature["sig"], "verifier": b64(verifier)} for signature in envelope["signatures"]
            ],
        },
    }
