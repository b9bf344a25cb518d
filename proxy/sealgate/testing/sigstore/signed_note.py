"""Signed notes and checkpoints (C2SP signed-note.md, tlog-checkpoint.md, tlog-cosignature.md)."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from sealgate.testing.sigstore.encoding import b64
from sealgate.testing.sigstore.keys import SigningKey

_ED25519, _COSIGNATURE = b"\x01", b"\x04"  # signature types of signed-note.md


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What a checkpoint's signatures are over: origin, tree size and root hash, a line each."""
    return f"{origin}\n{size}\n{b64(root)}\n"


def signed_note(text: str, *lines: str) -> str:
    """A note: its text, an empty line, and its signature lines."""
    return "\n".join((text, *lines, ""))


def signature_line(name: str, key_hash: bytes, signature: bytes) -> str:
    """One signature of a note.

    Args:
        name: who signs.
        key_hash: of which the first four bytes are the hint.
        signature: what follows the hint.
    """
    return f"\N{EM DASH} {name} {b64(key_hash[:4] + signature)}"


def key_hash(name: str, key: SigningKey) -> bytes:
    """The key id of signed-note.md, whole: of name and bare key for Ed25519; of the SPKI for ECDSA, as Rekor has it."""
    if key.algorithm != "ed25519":
        return key.key_id
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()


@dataclass(frozen=True, slots=True)
class Witness:
    """One who cosigns the checkpoints of others, having seen that their logs only grow.

    Args:
        name: its name.
        key: its key, Ed25519.
    """

    name: str = "witness.private.test"
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("ed25519"), repr=False)

    def cosign(self, text: str, at: datetime) -> str:
        """The signature line that it adds to the note with this text."""
        seconds = int(at.timestamp())
        signature = self.key.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        hint = hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.key.raw).digest()
        return signature_line(self.name, hint, seconds.to_bytes(8, "big") + signature)
