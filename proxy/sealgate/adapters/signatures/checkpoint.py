"""Checkpoints: a log's signed statement of how large its tree is and what its root is.

C2SP signed-note.md and tlog-checkpoint.md, as Rekor v1 (pkg/util) and Rekor v2 (rekor-tiles, pkg/note) write them.
Witnesses may have signed too; their word is not the log's.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.reason import Reason
from sealgate.limits import CHECKPOINT_CHARACTERS, CHECKPOINT_SIGNATURES

_TEXT: Final = re.compile(
    r"([^\x00-\x1f\x7f]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/=]+)\n(?:[^\x00-\x1f\x7f]+\n)*", re.ASCII
)
_SIGNATURE: Final = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)", re.ASCII)
_OF_TREE: Final = re.compile(r"([^\s+]+) - [0-9]{1,20}", re.ASCII)  # Rekor v1's origin: its name, and the tree's id
_DOMAIN: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]*", re.ASCII)
_HINT_BYTES: Final = 4
_TYPE_OF_ED25519: Final = b"\x01"  # signed-note.md, "Signature types"
_ED25519_BYTES: Final = 32  # the bare key, which ends its SubjectPublicKeyInfo (RFC 8410 section 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that the log signed.

    Args:
        size: how many entries are in the tree.
        root: the tree's root hash.
        one_of_several: whether the log has further trees, so that places in this one are not places in the log.
    """

    size: int
    root: bytes
    one_of_several: bool


def verify(envelope: str, log: LogKey) -> Checkpoint:
    """Read a checkpoint and establish that it is one of this log.

    Args:
        envelope: the signed note.
        log: the log.

    Raises:
        Rejected: it cannot be read; or none of its signatures is the log's; or it is of another origin.
    """
    text, _, lines = envelope.rpartition("\n\n")
    text += "\n"
    note = _TEXT.fullmatch(text) if len(envelope) <= CHECKPOINT_CHARACTERS else None
    written = lines.removesuffix("\n").split("\n")
    signatures = [found for line in written if (found := _SIGNATURE.fullmatch(line)) is not None]
    readable = lines.endswith("\n") and len(signatures) == len(written) <= CHECKPOINT_SIGNATURES
    if note is None or not readable:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its inclusion proof comes without a checkpoint that can be read")
    origin, size, root = note.groups()
    # Of several lines the log's own must hold: a witness's proves that somebody saw the tree (attacks A15).
    names = [line[1] for line in signatures if _signed(log, line[1], _base64(line[2]), text)]
    if not names:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is not signed by the log")
    if not any(_is_origin(log, origin, name) for name in names):
        told = f"its checkpoint is that of {origin}, and the log is {log.base_url or log.log_id.hex()}"
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, told)
    return Checkpoint(size=int(size), root=_base64(root), one_of_several=_OF_TREE.fullmatch(origin) is not None)


def _signed(log: LogKey, name: str, signature: bytes, text: str) -> bool:
    """Whether a line is the log's: made with its key, under the id by which the root knows it."""
    known = _key_id(log) if _is_known_by_key(log) else _named_id(log, name)
    return (
        known.startswith(log.checkpoint_id or log.log_id)
        and signature[:_HINT_BYTES] == known[:_HINT_BYTES]
        and verifies(log.key, signature[_HINT_BYTES:], text.encode())
    )


def _is_origin(log: LogKey, origin: str, name: str) -> bool:
    """Whether a checkpoint with this first line, signed by the log under this name, is of the log.

    An id that the name is a part of (Rekor v2) ties the name to the log; the origin is that name. Where the id is that
    of the key alone (Rekor v1), the origin is the name that signs, with or without a tree's id; and where that name and
    the host of the root's `baseUrl` are both domain names, they are one. A Rekor that was given no name writes its
    container's, which is nobody's address.
    """
    if not _is_known_by_key(log):
        return origin == name
    tree = _OF_TREE.fullmatch(origin)
    host, called = urlsplit(log.base_url).hostname or "", name.partition(":")[0]
    both_domains = _DOMAIN.fullmatch(host) and _DOMAIN.fullmatch(called)
    return (tree[1] if tree else origin) == name and (not both_domains or called.lower() == host)


def _is_known_by_key(log: LogKey) -> bool:
    return _key_id(log).startswith(log.checkpoint_id or log.log_id)


def _key_id(log: LogKey) -> bytes:
    """The id of a log's key alone: RFC 6962 section 3.2; also signed-note.md's for ECDSA, as Rekor has it."""
    return hashlib.sha256(log.key.spki).digest()


def _named_id(log: LogKey, name: str) -> bytes:
    """The id of name and key (signed-note.md); of the kinds of keys that Rekor v2 signs with, Ed25519 has it."""
    return hashlib.sha256(name.encode() + b"\n" + _TYPE_OF_ED25519 + log.key.spki[-_ED25519_BYTES:]).digest()


def _base64(text: str) -> bytes:
    """What the text encodes; b"" when it is not base64, which equals no root and holds no signature."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
