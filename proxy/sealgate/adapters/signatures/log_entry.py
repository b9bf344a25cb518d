"""A transparency log's entry as it comes with a signature, in either of the forms in which cosign keeps it.

What is read here is a claim: `transparency_log` establishes what the log vouches for, `log_body` whose entry it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import base64_of
from sealgate.limits import LOG_ENTRY_BYTES, PROOF_HASHES
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_PROOF: Final = frozenset({"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"})
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)  # as Go writes it
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


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
        log_id: which log it says it is of.
        index: its place in the log; for a log of several trees another one than in its tree.
        integrated_time: seconds since 1970; nobody's word without a promise.
        promise: the signed entry timestamp; b"" when there is none.
        proof: None when there is none.
        body: what the log stores, canonical JSON.
    """

    log_id: bytes
    index: int
    integrated_time: int
    promise: bytes
    proof: InclusionProof | None
    body: bytes


def parse_entry(value: Json) -> LogEntry:
    """Read an entry of a bundle (sigstore_rekor.proto), as protojson writes it.

    Raises:
        Malformed: it is none.
    """
    entry = strict_json.members(
        value,
        frozenset({"logIndex", "logId", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"}),
        "the log entry",
    )
    log_id = strict_json.members(entry.get("logId"), frozenset({"keyId"}), "logId")
    promise = strict_json.members(
        _given(entry, "inclusionPromise", {}), frozenset({"signedEntryTimestamp"}), "inclusionPromise"
    )
    proof = entry.get("inclusionProof")
    return LogEntry(
        log_id=_bytes(log_id, "keyId"),
        index=_number(entry, "logIndex"),
        integrated_time=_number(entry, "integratedTime"),
        promise=_bytes(promise, "signedEntryTimestamp", optional=True),
        proof=None if proof is None else _proof(proof),
        body=_bytes(entry, "canonicalizedBody"),
    )


def parse_annotation(text: str) -> LogEntry:
    """Read cosign's `dev.sigstore.cosign/bundle` annotation: an entry with the log's promise only.

    Raises:
        Malformed: it is none, or has more than `LOG_ENTRY_BYTES`.
    """
    raw = text.encode()
    if len(raw) > LOG_ENTRY_BYTES:
        raise PayloadMalformed(f"its log entry has more than {LOG_ENTRY_BYTES} bytes")
    document = strict_json.members(
        strict_json.loads(raw), frozenset({"SignedEntryTimestamp", "Payload"}), "the log entry"
    )
    payload = strict_json.members(
        document.get("Payload"), frozenset({"body", "integratedTime", "logIndex", "logID"}), "Payload"
    )
    return LogEntry(
        log_id=_hexadecimal(payload.get("logID"), "logID"),
        index=_number(payload, "logIndex"),
        integrated_time=_number(payload, "integratedTime"),
        promise=_bytes(document, "SignedEntryTimestamp", optional=True),
        proof=None,
        body=_bytes(payload, "body"),
    )


def parse_answer(raw: bytes) -> tuple[bytes, InclusionProof]:
    """Read what Rekor v1's API answers when it is asked for one entry (rekor's openapi.yaml, `LogEntry`).

    Returns:
        The entry's body, and the proof that it is in the log.

    Raises:
        Malformed: it is no such answer.
    """
    entries = strict_json.members(strict_json.loads(raw), frozenset(), "the answer")
    if len(entries) != 1:
        raise PayloadMalformed("the answer is not one entry")
    entry = strict_json.members(next(iter(entries.values())), frozenset({"body", "verification"}), "the log entry")
    verification = strict_json.members(entry.get("verification"), frozenset({"inclusionProof"}), "verification")
    proof = strict_json.members(verification.get("inclusionProof"), _PROOF, "inclusionProof")
    return _bytes(entry, "body"), InclusionProof(
        index=_number(proof, "logIndex"),
        size=_number(proof, "treeSize"),
        root=_hexadecimal(proof.get("rootHash"), "rootHash"),
        hashes=tuple(_hexadecimal(each, "hashes") for each in _hashes(proof)),
        checkpoint=strict_json.text_of(proof, "checkpoint", "inclusionProof"),
    )


def _proof(value: Json) -> InclusionProof:
    proof = strict_json.members(value, _PROOF, "inclusionProof")
    checkpoint = strict_json.members(_given(proof, "checkpoint", {}), frozenset({"envelope"}), "checkpoint")
    return InclusionProof(
        index=_number(proof, "logIndex"),
        size=_number(proof, "treeSize"),
        root=_bytes(proof, "rootHash"),
        hashes=tuple(base64_of(each if isinstance(each, str) else "", "hashes") for each in _hashes(proof)),
        checkpoint=strict_json.text_of(checkpoint, "envelope", "checkpoint"),
    )


def _hashes(proof: Mapping[str, Json]) -> list[Json]:
    hashes = _given(proof, "hashes", [])
    if not isinstance(hashes, list) or len(hashes) > PROOF_HASHES:
        raise PayloadMalformed(f"hashes is not a list of at most {PROOF_HASHES}")
    return hashes


def _hexadecimal(value: Json, where: str) -> bytes:
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise PayloadMalformed(f"{where} is not hexadecimal")
    return bytes.fromhex(value)


def _given(document: Mapping[str, Json], key: str, otherwise: Json) -> Json:
    value = document.get(key)
    return otherwise if value is None else value


def _bytes(document: Mapping[str, Json], key: str, *, optional: bool = False) -> bytes:
    text = strict_json.text_of(document, key, "the log entry")
    return b"" if optional and not text else base64_of(text, key)


def _number(document: Mapping[str, Json], key: str) -> int:
    """An int64, not negative: text or a number, and left out when it is 0 (protobuf, "ProtoJSON Format")."""
    value = document.get(key, 0)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise PayloadMalformed(f"{key} is not a number")
