"""What a transparency log vouches for: its promise, an entry's inclusion in a tree, and the checkpoint of that tree.

Rekor v1 (sigstore_rekor.proto, RFC 6962, C2SP signed-note). An entry that is there and does not hold refuses its
signature, whatever the policy asks for: a stapled or altered entry is never "no entry" (attacks A1, A2, A3).
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.log_entry import InclusionProof, LogEntry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import LogProof

_CHECKPOINT: Final = re.compile(
    r"(?P<note>[^\n]{1,200}\n(?P<size>[0-9]{1,18})\n(?P<root>[A-Za-z0-9+/=]{1,100})\n(?:[^\n]{1,1000}\n){0,16})\n"
    r"(?P<signatures>(?:\u2014 [^ \n]{1,200} [A-Za-z0-9+/=]{1,1000}\n){1,16})"
)
_HINT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What an entry proves, every part of it signed by the log.

    Args:
        index: its place in the log; None where no promise covers it.
        at: when the log took it; None where no promise covers it.
        until: when that proof counts for nothing any more; None is never.
    """

    proof: LogProof
    index: int | None
    at: datetime | None
    until: datetime | None


def verify(entry: LogEntry, logs: Mapping[bytes, LogKey], now: datetime) -> Logged:
    """Establish what an entry proves.

    Args:
        entry: the entry.
        logs: whose word counts.
        now: the time of the decision.

    Raises:
        Rejected: something of it that is there does not hold, or nothing of it proves anything.
    """
    proven = LogProof.PROMISE if entry.proof is None else LogProof.INCLUSION
    # (1) The log is one that the trusted root names: its keys come from nowhere else (attacks A16).
    log = logs.get(entry.log_id)
    if log is None:
        reason = Reason.LOG_PROMISE_INVALID if entry.proof is None else Reason.LOG_CHECKPOINT_INVALID
        raise Rejected(reason, "its log entry is of a log that the trusted root does not name")
    # (2) Its inclusion in a tree that the log signed.
    if entry.proof is not None:
        _check_inclusion(entry.body, entry.proof)
        _check_checkpoint(entry.proof, log)
    # (3) Its promise: only that covers the time and the index (attacks A2, A3).
    if entry.promise:
        _check_promise(entry, log)
        at = _moment(entry.integrated_time)
        # (4) That time: not to come (attacks A5; no tolerance), and one for which the root trusts the log's key.
        if at > now:
            raise Rejected(
                Reason.SIGNED_IN_THE_FUTURE, f"the log took it at {at:%Y-%m-%d %H:%M:%S} UTC, which is to come"
            )
        if not log.window.holds(at):
            raise Rejected(_OUTSIDE, "the log's key was outside its validity when the log took it")
        return Logged(proof=proven, index=entry.index, at=at, until=None)
    if entry.proof is None:
        raise Rejected(Reason.LOG_PROMISE_INVALID, "its log entry comes with neither a promise nor a proof")
    # (5) Without a time all that can be asked is that the root trusts the key today.
    if not log.window.holds(now):
        raise Rejected(_OUTSIDE, "nothing dates its log entry, and the log's key is outside its validity now")
    return Logged(proof=proven, index=None, at=None, until=log.window.end)


_OUTSIDE: Final = Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY


def _check_promise(entry: LogEntry, log: LogKey) -> None:
    """Rekor's signed entry timestamp: over the canonical JSON (RFC 8785) of these four fields."""
    signed = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    if not verifies(log.key, entry.promise, json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()):
        raise Rejected(Reason.LOG_PROMISE_INVALID, "the log's promise is not one over this entry")


def _check_inclusion(body: bytes, proof: InclusionProof) -> None:
    if proof.index >= proof.size:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof is for a place past the end of the tree")
    if _root(hashlib.sha256(b"\x00" + body).digest(), proof) != proof.root:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof does not lead to the root of the tree")


def _check_checkpoint(proof: InclusionProof, log: LogKey) -> None:
    """That the log signed the very tree of the proof (attacks A15).

    The note's first line, its origin, is not compared with the log's URL: a private Rekor writes its own host name
    there, and the key that signs is the log's either way.
    """
    note = _CHECKPOINT.fullmatch(proof.checkpoint)
    if note is None:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its inclusion proof comes without a checkpoint that can be read")
    if _base64(note["root"]) != proof.root or int(note["size"]) != proof.size:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is that of another tree")
    signatures = [_base64(line.rpartition(" ")[2]) for line in note["signatures"].splitlines()]
    if not any(_signed(note["note"], signature, log) for signature in signatures):
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is not signed by the log")


def _signed(note: str, signature: bytes, log: LogKey) -> bool:
    return signature[:_HINT_BYTES] == log.log_id[:_HINT_BYTES] and verifies(
        log.key, signature[_HINT_BYTES:], note.encode()
    )


def _root(leaf: bytes, proof: InclusionProof) -> bytes | None:
    """The root that a proof leads to (RFC 9162 section 2.1.3.2); None when it has too many or too few hashes."""
    node, position, last = leaf, proof.index, proof.size - 1
    for sibling in proof.hashes:
        if last == 0:
            return None
        if position % 2 or position == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _base64(text: str) -> bytes:
    """What the text encodes; b"" when it is not base64, which equals no root and holds no signature."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
