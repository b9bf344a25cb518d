"""A transparency log's entry: what proves that it is in the log, and that it is the entry of this very signature.

Rekor v1 (sigstore_rekor.proto, RFC 6962). An entry that is there and does not hold refuses its signature, whatever the
policy asks for: a stapled or altered entry is never "no entry" (attacks A1, A2, A3).
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

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import base64_of
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import LogProof
from sealgate.limits import PROOF_HASHES
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CHECKPOINT: Final = re.compile(
    r"(?P<note>(?P<origin>[^\n]{1,200})\n(?P<size>[0-9]{1,19})\n(?P<root>[A-Za-z0-9+/=]{1,100})\n(?:[^\n]+\n)*)\n"
    r"(?P<signatures>(?:\u2014 [^\n]{1,1000}\n){1,16})"
)
_SIGNATURE: Final = re.compile("\u2014 (?P<name>[^ \n]+) (?P<signature>[A-Za-z0-9+/=]+)\n")
_HINT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """That an entry is in a tree of this size (RFC 6962 section 2.1.1), and the log's signature over that tree."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry as it came with a signature; nothing of it is verified yet.

    Args:
        promise: the signed entry timestamp; b"" when there is none.
        body: what the log stores, canonical JSON.
    """

    log_id: bytes
    index: int
    integrated_time: int
    promise: bytes
    proof: InclusionProof | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What an entry proves."""

    proof: LogProof
    index: int
    at: datetime
    key: LogKey


def parse_entry(value: Json) -> LogEntry:
    """Read an entry as protojson writes it: numbers as text or numbers, defaults left out.

    Raises:
        Malformed: it is none.
    """
    entry = strict_json.members(
        value,
        frozenset({"logIndex", "logId", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"}),
        "the log entry",
    )
    log_id = strict_json.members(entry.get("logId"), frozenset({"keyId"}), "logId")
    promise = entry.get("inclusionPromise")
    proof = entry.get("inclusionProof")
    return LogEntry(
        log_id=base64_of(strict_json.text_of(log_id, "keyId", "logId"), "keyId"),
        index=_number(entry, "logIndex"),
        integrated_time=_number(entry, "integratedTime"),
        promise=b"" if promise is None else _promise(promise),
        proof=None if proof is None else _proof(proof),
        body=base64_of(strict_json.text_of(entry, "canonicalizedBody", "the log entry"), "canonicalizedBody"),
    )


def parse_annotation(text: str) -> LogEntry:
    """Read cosign's `dev.sigstore.cosign/bundle` annotation: an entry with the log's promise only.

    Raises:
        Malformed: it is none.
    """
    document = strict_json.members(
        strict_json.loads(text.encode()), frozenset({"SignedEntryTimestamp", "Payload"}), "the log entry"
    )
    payload = strict_json.members(
        document.get("Payload"), frozenset({"body", "integratedTime", "logIndex", "logID"}), "Payload"
    )
    try:
        log_id = bytes.fromhex(strict_json.text_of(payload, "logID", "Payload"))
    except ValueError as bad:
        raise PayloadMalformed("logID is not hexadecimal") from bad
    return LogEntry(
        log_id=log_id,
        index=_number(payload, "logIndex"),
        integrated_time=_number(payload, "integratedTime"),
        promise=base64_of(
            strict_json.text_of(document, "SignedEntryTimestamp", "the log entry"), "SignedEntryTimestamp"
        ),
        proof=None,
        body=base64_of(strict_json.text_of(payload, "body", "Payload"), "body"),
    )


def verify(entry: LogEntry, logs: Mapping[bytes, LogKey], now: datetime) -> Logged:
    """Establish what an entry proves.

    Args:
        entry: the entry.
        logs: whose word counts.
        now: the time of the decision.

    Raises:
        Rejected: a part of it that is there does not hold, or nothing dates it.
    """
    # (1) The log is one that the trusted root names: its keys come from nowhere else (attacks A16).
    log = logs.get(entry.log_id)
    if log is None:
        reason = Reason.LOG_PROMISE_INVALID if entry.proof is None else Reason.LOG_CHECKPOINT_INVALID
        raise Rejected(reason, "its log entry is of a log that the trusted root does not name")
    # (2) Its promise, which is what dates it: without one the time in the entry is nobody's word (attacks A2, A3).
    if not entry.promise:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "a log entry without a signed timestamp is not supported yet")
    _verify_promise(entry, log)
    # (3) The time: not to come (attacks A5), and within the window of the log's key.
    at = datetime.fromtimestamp(entry.integrated_time, UTC)
    if at > now:
        raise Rejected(Reason.SIGNED_IN_THE_FUTURE, "the log says that it was signed in the future")
    if not log.window.holds(at):
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, "the log's key was not valid when it was signed")
    # (4) Its inclusion in a tree that the log signed.
    if entry.proof is not None:
        _verify_inclusion(entry.body, entry.proof, log)
    proof = LogProof.PROMISE if entry.proof is None else LogProof.INCLUSION
    return Logged(proof=proof, index=entry.index, at=at, key=log)


def bind_hashedrekord(body: bytes, message: bytes, signature: bytes, spki: bytes) -> None:
    """Check that an entry is that of this signature: message, signature *and* key (cosign CVE-2022-36056).

    Raises:
        Rejected: it is another signature's.
    """
    spec = _spec(body, "hashedrekord")
    data = strict_json.members(_at(spec, "data", "hash"), frozenset({"algorithm", "value"}), "hash")
    made = strict_json.members(spec.get("signature"), frozenset({"content", "publicKey"}), "signature")
    algorithm = strict_json.text_of(data, "algorithm", "hash")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry names a hash that is not accepted")
    if strict_json.text_of(data, "value", "hash") != hashlib.new(algorithm, message).hexdigest():
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of other content")
    if base64_of(strict_json.text_of(made, "content", "signature"), "content") != signature:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another signature")
    public = strict_json.members(made.get("publicKey"), frozenset({"content"}), "publicKey")
    _same_key(strict_json.text_of(public, "content", "publicKey"), spki)


def bind_dsse(body: bytes, payload: bytes, signature: bytes, spki: bytes) -> None:
    """The same for an envelope's entry (dsse 0.0.1); the hash of the envelope itself cannot be checked.

    Raises:
        Rejected: it is another envelope's.
    """
    spec = _spec(body, "dsse")
    stated = strict_json.members(spec.get("payloadHash"), frozenset({"algorithm", "value"}), "payloadHash")
    if stated.get("algorithm") != "sha256" or stated.get("value") != hashlib.sha256(payload).hexdigest():
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another statement")
    signatures = spec.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry has not exactly one signature")
    made = strict_json.members(signatures[0], frozenset({"signature", "verifier"}), "signatures[0]")
    if base64_of(strict_json.text_of(made, "signature", "signatures[0]"), "signature") != signature:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another signature")
    _same_key(strict_json.text_of(made, "verifier", "signatures[0]"), spki)


def _verify_promise(entry: LogEntry, log: LogKey) -> None:
    """Rekor's signed entry timestamp: over the canonical JSON (RFC 8785) of these four fields."""
    signed = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    if not verifies(log.key, entry.promise, json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()):
        raise Rejected(Reason.LOG_PROMISE_INVALID, "the log's promise is not over this entry")


def _verify_inclusion(body: bytes, proof: InclusionProof, log: LogKey) -> None:
    """RFC 9162 section 2.1.3.2, and a checkpoint of the log's over the same tree (attacks A15)."""
    if proof.index >= proof.size or len(proof.hashes) > PROOF_HASHES:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof is not that of a tree")
    if _root(hashlib.sha256(b"\x00" + body).digest(), proof) != proof.root:
        raise Rejected(Reason.LOG_PROOF_INVALID, "its inclusion proof does not lead to the tree's root")
    note = _CHECKPOINT.fullmatch(proof.checkpoint)
    if note is None:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its inclusion proof has no checkpoint that can be read")
    try:
        root = base64.b64decode(note["root"], validate=True)
    except binascii.Error as bad:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "the checkpoint's root is not base64") from bad
    if root != proof.root or int(note["size"]) != proof.size:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is that of another tree")
    # A note's origin is the log's host, for Rekor v1 with the tree's number behind it.
    if log.origin and note["origin"].partition(" - ")[0] != log.origin:
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is that of another log")
    if not any(_signed(note["note"], line, log) for line in _SIGNATURE.finditer(note["signatures"])):
        raise Rejected(Reason.LOG_CHECKPOINT_INVALID, "its checkpoint is not signed by the log")


def _signed(note: str, line: "re.Match[str]", log: LogKey) -> bool:
    try:
        blob = base64.b64decode(line["signature"], validate=True)
    except binascii.Error:
        return False
    hint, signature = blob[:_HINT_BYTES], blob[_HINT_BYTES:]
    return hint == log.log_id[:_HINT_BYTES] and verifies(log.key, signature, note.encode())


def _root(leaf: bytes, proof: InclusionProof) -> bytes | None:
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


def _spec(body: bytes, kind: str) -> dict[str, Json]:
    document = strict_json.members(
        strict_json.loads(body), frozenset({"apiVersion", "kind", "spec"}), "the log entry's body"
    )
    if document.get("kind") != kind or document.get("apiVersion") != "0.0.1":
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, f"its log entry is not of the kind {kind} 0.0.1")
    return strict_json.members(
        document.get("spec"), frozenset({"data", "signature", "payloadHash", "envelopeHash", "signatures"}), "spec"
    )


def _same_key(content: str, spki: bytes) -> None:
    """The verifier in an entry: a PEM public key or certificate, of the very key that verified the signature."""
    pem = base64_of(content, "the entry's key")
    try:
        if b"BEGIN CERTIFICATE" in pem:
            loaded = x509.load_pem_x509_certificate(pem).public_key()
        else:
            loaded = serialization.load_pem_public_key(pem)  # type: ignore[assignment]  # any kind will do here
    except ValueError as bad:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "the key in its log entry cannot be read") from bad
    found = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if found != spki:
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "its log entry is that of another key")


def _promise(value: Json) -> bytes:
    promise = strict_json.members(value, frozenset({"signedEntryTimestamp"}), "inclusionPromise")
    return base64_of(strict_json.text_of(promise, "signedEntryTimestamp", "inclusionPromise"), "signedEntryTimestamp")


def _proof(value: Json) -> InclusionProof:
    proof = strict_json.members(
        value, frozenset({"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"}), "inclusionProof"
    )
    hashes = proof.get("hashes", [])
    if not isinstance(hashes, list) or len(hashes) > PROOF_HASHES:
        raise PayloadMalformed(f"hashes is not a list of at most {PROOF_HASHES}")
    checkpoint = strict_json.members(proof.get("checkpoint", {}), frozenset({"envelope"}), "checkpoint")
    return InclusionProof(
        index=_number(proof, "logIndex"),
        size=_number(proof, "treeSize"),
        root=base64_of(strict_json.text_of(proof, "rootHash", "inclusionProof"), "rootHash"),
        hashes=tuple(base64_of(each if isinstance(each, str) else "", "hashes") for each in hashes),
        checkpoint=strict_json.text_of(checkpoint, "envelope", "checkpoint"),
    )


def _number(entry: Mapping[str, Json], key: str) -> int:
    """An int64 as protojson writes it; left out, it is 0."""
    value = entry.get(key, 0)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise PayloadMalformed(f"{key} is not a number")


def _at(document: Mapping[str, Json], *keys: str) -> Json:
    value: Json = dict(document)
    for key in keys:
        value = strict_json.members(value, frozenset({key}), "the log entry's body").get(key)
    return value
