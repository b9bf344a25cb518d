"""A transparency log that answers as Rekor v1 does: promises, inclusion proofs, checkpoints."""

import base64
import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sealgate.testing.sigstore import log_entries, merkle
from sealgate.testing.sigstore.encoding import JsonObject, b64, canonical_json
from sealgate.testing.sigstore.keys import HashName, SigningKey
from sealgate.testing.sigstore.log_entries import EntryKind
from sealgate.testing.sigstore.signed_note import checkpoint_text, signature_line, signed_note
from sealgate.testing.sigstore.signing import Signer
from sealgate.testing.sigstore.time_range import TimeRange

EARLIER_ENTRIES: Final = 3
"""Entries of other people that a log already has: a proof in a tree of one leaf would prove little."""

_TREE_ID = 1
_EARLIER_SHARDS = 100_000  # entries of shards before this one: an index in the log is not the index in its tree


class TransparencyLog:
    """An append-only log of entries: Rekor v1.

    Each method makes one of the things that a log signs, and can be asked for any of them alone, so that a test can put
    a genuine but unfitting one in the place of another.

    Args:
        host: the name under which it signs checkpoints.
        key: its signing key; a new one when not given.
        valid_for: when a trusted root trusts it; None: as long as the Sigstore it is a part of.
        fresh: whether it has nothing in it yet: the first entry has index 0 and a proof without hashes.

    Attributes:
        entries: what it answered, in order.
        bodies: the leaves of its tree.
    """

    def __init__(
        self,
        host: str = "rekor.private.test",
        key: SigningKey | None = None,
        *,
        valid_for: TimeRange | None = None,
        fresh: bool = False,
    ) -> None:
        self.host = host
        self.key = key or SigningKey.generate()
        self.valid_for = valid_for
        self.entries: list[JsonObject] = []
        self.bodies = [] if fresh else [b'{"earlier":%d}' % number for number in range(EARLIER_ENTRIES)]
        self._first_index = 0 if fresh else _EARLIER_SHARDS

    @property
    def url(self) -> str:
        """Its base URL, as a trusted root names it."""
        return f"https://{self.host}"

    @property
    def log_id(self) -> bytes:
        """What its entries and a trusted root call it: SHA-256 of its SPKI."""
        return self.key.key_id

    def log_message(
        self,
        message: bytes,
        signature: bytes,
        signer: Signer,
        at: datetime,
        *,
        kind: EntryKind | None = None,
        hash_name: HashName | None = None,
    ) -> JsonObject:
        """Take a signature over a message.

        Args:
            message: what was signed.
            signature: the signature.
            signer: who signed.
            at: when the log takes it.
            kind: `hashedrekord/0.0.1`, which is what is not said, or `rekord/0.0.1`.
            hash_name: with which hash it was signed; None: with the key's own.
        """
        body = log_entries.hashedrekord(message, signature, signer.verifier, hash_name or signer.key.hash_name)
        return self.append(log_entries.rekord_of(body) if kind == "rekord/0.0.1" else body, at)

    def log_envelope(
        self,
        envelope: JsonObject,
        signer: Signer,
        at: datetime,
        *,
        kind: EntryKind | None = None,
        hash_name: HashName | None = None,  # noqa: ARG002 - these kinds hold SHA-256 alone
    ) -> JsonObject:
        """Take a DSSE envelope.

        Args:
            envelope: the envelope, as JSON.
            signer: who signed.
            at: when the log takes it.
            kind: `dsse/0.0.1`, which is what is not said, or `intoto/0.0.1` or `intoto/0.0.2`.
            hash_name: with which hash it was signed.
        """
        make = {"intoto/0.0.1": log_entries.intoto_v001, "intoto/0.0.2": log_entries.intoto_v002}.get(
            kind or "", log_entries.dsse
        )
        return self.append(make(envelope, base64.b64decode(envelope["payload"]), signer.verifier), at)

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
        in_log, seconds = self._first_index + in_tree, int(at.timestamp())
        entry: JsonObject = {
            "logIndex": str(in_log),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise(raw, in_log, seconds))},
            "inclusionProof": self.inclusion_proof(in_tree),
            "canonicalizedBody": b64(raw),
        }
        self.entries.append(copy.deepcopy(entry))  # what is answered may be edited
        return entry

    def promise(self, body: bytes, log_index: int, integrated_time: int) -> bytes:
        """Sign a promise (the signed entry timestamp) over these fields, whether or not there is such an entry."""
        fields = {
            "body": b64(body),
            "integratedTime": integrated_time,
            "logID": self.log_id.hex(),
            "logIndex": log_index,
        }
        return self.key.sign(canonical_json(fields))

    def inclusion_proof(self, tree_index: int) -> JsonObject:
        """Prove that the tree as it now is holds the entry at `tree_index`."""
        root, size = merkle.root_hash(self.bodies), len(self.bodies)
        return merkle.inclusion_proof(tree_index, self.bodies, self.checkpoint(root, size))

    def checkpoint(self, root: bytes, size: int) -> str:
        """Sign a checkpoint of a tree, whether or not it is this log's."""
        text = checkpoint_text(f"{self.host} - {_TREE_ID}", size, root)
        return signed_note(text, signature_line(self.host, self.log_id, self.key.sign(text.encode())))
