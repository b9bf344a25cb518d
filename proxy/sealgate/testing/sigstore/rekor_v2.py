"""A transparency log that answers as Rekor v2 does (rekor-tiles): inclusion proofs and checkpoints, and no times."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sealgate.testing.sigstore import dsse, log_entries, merkle
from sealgate.testing.sigstore.encoding import JsonObject, b64, canonical_json
from sealgate.testing.sigstore.keys import HashName, SigningKey
from sealgate.testing.sigstore.log_entries import EntryKind
from sealgate.testing.sigstore.signed_note import Witness, checkpoint_text, key_hash, signature_line, signed_note
from sealgate.testing.sigstore.signing import Signer
from sealgate.testing.sigstore.time_range import TimeRange
from sealgate.testing.sigstore.transparency_log import EARLIER_ENTRIES


class RekorV2Log:
    """An append-only log of `hashedrekord` 0.0.2 entries.

    Like `TransparencyLog` it signs whatever it is asked to.

    Args:
        host: the origin of its checkpoints, and the name under which it signs them.
        key: its signing key, Ed25519 or ECDSA; a new Ed25519 key when not given.
        witnesses: who cosigns its checkpoints.
        valid_for: when a trusted root trusts it; None: as long as the Sigstore it is a part of.
        fresh: whether it has nothing in it yet: the first entry has index 0 and a proof without hashes.
    """

    def __init__(
        self,
        host: str = "log2026-1.rekor.private.test",
        key: SigningKey | None = None,
        *,
        witnesses: Sequence[Witness] = (),
        valid_for: TimeRange | None = None,
        fresh: bool = False,
    ) -> None:
        self.host = host
        self.key = key or SigningKey.generate("ed25519")
        self.witnesses = tuple(witnesses)
        self.valid_for = valid_for
        self.bodies = [] if fresh else [b'{"earlier":%d}' % number for number in range(EARLIER_ENTRIES)]

    @property
    def url(self) -> str:
        """Its base URL, as a trusted root names it; verifiers take the origin from it."""
        return f"https://{self.host}"

    @property
    def log_id(self) -> bytes:
        """What its entries and a trusted root call it: the key id of signed-note.md, whole."""
        return key_hash(self.host, self.key)

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
        """Take a signature over a message; as `TransparencyLog.log_message`, of the one kind that there is."""
        assert kind is None, "Rekor v2 has one kind of entry"
        return self.append(log_entries.hashedrekord_v002(message, signature, signer, hash_name), at)

    def log_envelope(
        self,
        envelope: JsonObject,
        signer: Signer,
        at: datetime,
        *,
        kind: EntryKind | None = None,
        hash_name: HashName | None = None,
    ) -> JsonObject:
        """Take a DSSE envelope, as a signature over what its signature is over."""
        signed, signature = dsse.signed_bytes(envelope), dsse.signature(envelope)
        return self.log_message(signed, signature, signer, at, kind=kind, hash_name=hash_name)

    def append(self, body: Mapping[str, object], at: datetime) -> JsonObject:
        """Take an entry, and answer what a bundle keeps of it.

        Args:
            body: the entry, of `log_entries`.
            at: when; only the witnesses write it down.

        Returns:
            A `TransparencyLogEntry` with inclusion proof and checkpoint, as JSON.
        """
        raw = canonical_json(body)
        self.bodies.append(raw)
        index = len(self.bodies) - 1
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": self.inclusion_proof(index, at),
            "canonicalizedBody": b64(raw),
        }

    def inclusion_proof(self, index: int, at: datetime) -> JsonObject:
        """Prove that the tree as it now is holds the entry at `index`; the witnesses saw it at `at`."""
        root, size = merkle.root_hash(self.bodies), len(self.bodies)
        return merkle.inclusion_proof(index, self.bodies, self.checkpoint(root, size, at))

    def checkpoint(self, root: bytes, size: int, at: datetime) -> str:
        """Sign a checkpoint of a tree, whether or not it is this log's, and have it cosigned."""
        text = checkpoint_text(self.host, size, root)
        own = signature_line(self.host, self.log_id, self.key.sign(text.encode()))
        return signed_note(text, own, *(witness.cosign(text, at) for witness in self.witnesses))
