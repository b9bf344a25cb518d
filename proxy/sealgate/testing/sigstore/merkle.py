"""The Merkle tree of RFC 6962 section 2.1, over leaves that are all in memory."""

import hashlib
from collections.abc import Sequence


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


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
