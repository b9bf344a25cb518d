"""The Merkle tree of RFC 6962 section 2.1, over leaves that are all in memory."""

import hashlib
from collections.abc import Sequence

from sealgate.testing.sigstore.encoding import JsonObject, b64


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def root_hash(leaves: Sequence[bytes]) -> bytes:
    """The hash of the tree over these leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    middle = _split(len(leaves))
    return hashlib.sha256(b"\x01" + root_hash(leaves[:middle]) + root_hash(leaves[middle:])).digest()


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of the leaf at `index`, from the bottom up (section 2.1.1)."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*inclusion_path(index, leaves[:middle]), root_hash(leaves[middle:])]
    return [*inclusion_path(index - middle, leaves[middle:]), root_hash(leaves[:middle])]


def inclusion_proof(index: int, leaves: Sequence[bytes], checkpoint: str) -> JsonObject:
    """An `InclusionProof` (sigstore_rekor.proto) of the leaf at `index`, with the checkpoint it is given, as JSON."""
    return {
        "logIndex": str(index),
        "rootHash": b64(root_hash(leaves)),
        "treeSize": str(len(leaves)),
        "hashes": [b64(node) for node in inclusion_path(index, leaves)],
        "checkpoint": {"envelope": checkpoint},
    }


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
