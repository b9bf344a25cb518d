"""A transparency log that answers as Rekor v1 does: promises, inclusion proofs, checkpoints."""

from collections.abc import Mapping
from datetime import datetime

from sealgate.testing.sigstore import merkle
from sealgate.testing.sigstore.encoding import JsonObject, b64, canonical_json
from sealgate.testing.sigstore.keys import SigningKey

_EARLIER_ENTRIES = 3  # of other people: a proof in a tree of one leaf would prove little
_TREE_ID = 1
_EARLIER_SHARDS = 100_000  # entries of shards before this one: an index in the log is not the index in its tree


class TransparencyLog:
    """An append-only log of entries.

    Each method makes one of the things that a log signs, and can be asked for any of them alone, so that a test can put
    a genuine but unfitting one in the place of another.

    Args:
        host: the name under which it signs checkpoints.
        key: its signing key; a new one when not given.
    """

    def __init__(self, host: str = "rekor.private.test", key: SigningKey | None = None) -> None:
        self.host = host
        self.key = key or SigningKey.generate()
        self.bodies = [b'{"earlier":%d}' % number for number in range(_EARLIER_ENTRIES)]

    @property
    def url(self) -> str:
        """Its base URL, as a trusted root names it."""
        return f"https://{self.host}"

    def append(self, body: Mapping[str, object], at: datetime) -> JsonObject:
        """Take an entry, and answer what a bundle keeps of it.

        Args:
            body: the entry, of `log_entries`.
            at: when the log takes it.

        Returns:
            A `TransparencyLogEntry` (sigstore_rekor.proto) with promise, inclusion proof and checkpoint, as JSON.
        """
        raw = canonical_json(body)
        self.bodies.append(raw)
        in_tree = len(self.bodies) - 1
        in_log, seconds = _EARLIER_SHARDS + in_tree, int(at.timestamp())
        return {
            "logIndex": str(in_log),
            "logId": {"keyId": b64(self.key.key_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise(raw, in_log, seconds))},
            "inclusionProof": self.inclusion_proof(in_tree),
            "canonicalizedBody": b64(raw),
        }

    def promise(self, body: bytes, log_index: int, integrated_time: int) -> bytes:
        """Sign a promise (the signed entry timestamp) over these fields, whether or not there is such an entry."""
        fields = {
            "body": b64(body),
            "integratedTime": integrated_time,
            "logID": self.key.key_id.hex(),
            "logIndex": log_index,
        }
        return self.key.sign(canonical_json(fields))

    def inclusion_proof(self, tree_index: int) -> JsonObject:
        """Prove that the tree as it now is holds the entry at `tree_index`."""
        root, size = merkle.root_hash(self.bodies), len(self.bodies)
        return {
            "logIndex": str(tree_index),
            "rootHash": b64(root),
            "treeSize": str(size),
            "hashes": [b64(node) for node in merkle.inclusion_path(tree_index, self.bodies)],
            "checkpoint": {"envelope": self.checkpoint(root, size)},
        }

    def checkpoint(self, root: bytes, size: int) -> str:
        """Sign a checkpoint of a tree (a signed note, C2SP), whether or not it is this log's."""
        note = f"{self.host} - {_TREE_ID}\n{size}\n{b64(root)}\n"
        signature = b64(self.key.key_id[:4] + self.key.sign(note.encode()))
        return f"{note}\n\N{EM DASH} {self.host} {signature}\n"
