"""What a transparency log stores of a signature: the bodies of its entries (rekor's and rekor-tiles' pkg/types)."""

import hashlib
from typing import Literal, TypeAlias

from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.keys import HASH_ALGORITHMS, HashName
from sealgate.testing.sigstore.signing import Signer

EntryKind: TypeAlias = Literal["hashedrekord/0.0.1", "rekord/0.0.1", "dsse/0.0.1", "intoto/0.0.1", "intoto/0.0.2"]
"""What Rekor v1 takes: the first two for a message, the others for an envelope."""


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


def rekord_of(body: JsonObject) -> JsonObject:
    """The same as a `hashedrekord` in the kind that came before it (rekord 0.0.1): cosign used it in 2021."""
    spec = body["spec"]
    return {**body, "kind": "rekord", "spec": {**spec, "signature": {**spec["signature"], "format": "x509"}}}


def intoto_v001(envelope: JsonObject, payload: bytes, verifier: bytes) -> JsonObject:
    """An envelope (intoto 0.0.1), whose signature is only in the hash over the whole; arguments as `dsse` has them."""
    return {
        "apiVersion": "0.0.1",
        "kind": "intoto",
        "spec": {"content": _hashes(envelope, payload), "publicKey": b64(verifier)},
    }


def intoto_v002(envelope: JsonObject, payload: bytes, verifier: bytes) -> JsonObject:
    """An envelope with its signatures (intoto 0.0.2), base64 in base64 as Rekor stores them; arguments as `dsse`."""
    signatures = [
        {"publicKey": b64(verifier), "sig": b64(signature["sig"].encode())} for signature in envelope["signatures"]
    ]
    kept = {"payloadType": envelope["payloadType"], "signatures": signatures}
    return {
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": {"content": {"envelope": kept, **_hashes(envelope, payload)}},
    }


def hashedrekord_v002(
    message: bytes, signature: bytes, signer: Signer, hash_name: HashName | None = None
) -> JsonObject:
    """A signature over a message, or over an envelope's encoding: the one kind of Rekor v2 (hashedrekord 0.0.2).

    Args:
        message: what was signed; the log keeps its hash.
        signature: the signature.
        signer: who signed.
        hash_name: with which hash; None: with the key's own.
    """
    name = hash_name or signer.key.hash_name
    digest = b64(hashlib.new(name, message).digest())
    return _hashedrekord_v002(name, digest, {"content": b64(signature), "verifier": signer.verifier_v2})


def hashedrekord_v002_of(request: JsonObject) -> JsonObject:
    """The same of what a client sends to the log (`HashedRekordRequestV002`): its key says which hash it is."""
    details = request["signature"]["verifier"]["keyDetails"]
    name: HashName = "sha384" if "P384" in details else "sha512" if "P521" in details else "sha256"
    return _hashedrekord_v002(name, request["digest"], request["signature"])


def _hashedrekord_v002(name: HashName, digest: str, signature: JsonObject) -> JsonObject:
    data = {"algorithm": HASH_ALGORITHMS[name], "digest": digest}
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {"data": data, "signature": signature}},
    }


def _hashes(envelope: JsonObject, payload: bytes) -> JsonObject:
    return {
        "hash": {"algorithm": "sha256", "value": hashlib.sha256(compact_json(envelope)).hexdigest()},
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
    }
