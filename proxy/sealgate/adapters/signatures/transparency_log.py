"""What a transparency log vouches for: its promise, an entry's inclusion in a tree, and the checkpoint of that tree.

Rekor v1 and v2 (sigstore_rekor.proto, RFC 6962). An entry that is there and does not hold refuses its signature,
whatever the policy asks for: a stapled or altered entry is never "no entry" (attacks A1, A2, A3).

When the root trusted the log's key is for the caller to ask: at every time that verified, and now where none did.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures import checkpoint
from sealgate.adapters.signatures.log_entry import InclusionProof, LogEntry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import LoggedEntry, LogProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What an entry proves, every part of it signed by the log.

    Args:
        proof: how its being in the log is proven.
        log: which log; two entries whose logs have one key are of one log (attacks A6).
        index: its place in the log; None where nothing signed says.
        at: when the log took it; None where no promise says.
        promised: what to ask the log for, where only its promise is known.
    """

    proof: LogProof
    log: LogKey
    index: int | None
    at: datetime | None
    promised: LoggedEntry | None = None


def verify(entry: LogEntry, logs: Mapping[bytes, LogKey], now: datetime) -> Logged:
    """Establish what an entry proves.

    Args:
        entry: the entry.
        logs: whose word counts, by log id.
        now: the time of the decision.

    Raises:
        Rejected: something of it that is there does not hold, or nothing of it proves anything.
    """
    # (1) The log is one that the trusted root names: its keys come from nowhere else (attacks A16).
    log = logs.get(entry.log_id)
    if log is None:
        reason = Reason.LOG_PROMISE_INVALID if entry.proof is None else Reason.LOG_CHECKPOINT_INVALID
        raise Rejected(reason, "its log entry is of a log that the trusted root does not name")
    # (2) Its inclusion in a tree that the log signed. Of a log of one tree that is also its place in the log.
    index = None if entry.proof is None else check_inclusion(leaf_of(entry.body), entry.proof, log)
    if index is not None and index != entry.index:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof is for another place in the log than its entry's")
    # (3) Its promise: only that covers a time (attacks A2, A3).
    if entry.promise:
        _check_promise(entry, log)
        at = _moment(entry.integrated_time)
        # (4) That time is not to come; no tolerance (attacks A5).
        if at > now:
            told = f"the log took it at {at:%Y-%m-%d %H:%M:%S} UTC, which is to come"
            raise Rejected(Reason.SIGNED_IN_THE_FUTURE, told)
        if entry.proof is not None:
            return Logged(proof=LogProof.INCLUSION, log=log, index=entry.index, at=at)
        promised = LoggedEntry(log=log.key.fingerprint, index=entry.index, leaf=leaf_of(entry.body))
        return Logged(proof=LogProof.PROMISE, log=log, index=entry.index, at=at, promised=promised)
    if entry.proof is None:
        raise Rejected(Reason.LOG_PROMISE_INVALID, "its log entry comes with neither a promise nor a proof")
    return Logged(proof=LogProof.INCLUSION, log=log, index=index, at=None)


def check_inclusion(leaf: bytes, proof: InclusionProof, log: LogKey) -> int | None:
    """Check that an entry is in a tree of the log.

    Args:
        leaf: its hash in the tree.
        proof: the proof, with the tree's checkpoint.
        log: the log.

    Returns:
        Its place in the log; None where the log has several trees, and the place is only one in this tree.

    Raises:
        Rejected: the proof does not lead from the leaf to the root, or the log did not sign that tree (attacks A15).
    """
    if proof.index >= proof.size:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof is for a place past the end of the tree")
    if _root(leaf, proof) != proof.root:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof does not lead to the root of the tree")
    signed = checkpoint.verify(proof.checkpoint, log)
    if (signed.root, signed.size) != (proof.root, proof.size):
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is that of another tree")
    return None if signed.one_of_several else proof.index


def leaf_of(body: bytes) -> bytes:
    """An entry's hash in a log's tree (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + body).digest()


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
