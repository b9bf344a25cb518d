"""What a decision was made from, as JSON, and back: how the decision log keeps it, and how `replay` reads it.

What is read back was at rest where others may write: every field is there and of its type, and no other is.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sealgate.errors import PayloadMalformed
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    LogRecord,
    RejectedCandidate,
    Shortfall,
    Signer,
    Source,
    Stated,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci.artifact import Kind
from sealgate.oci.digest import Digest
from sealgate.oci.strict_json import Json
from sealgate.policy.decision import Grounds
from sealgate.policy.json_fields import digest, fields, flag, member, moment, moment_text, optional, several, text

_GROUNDS: Final = frozenset({"artifact_types", "evidence", "indexes"})
_EVIDENCE: Final = frozenset({"keys", "signatures", "attestations", "rejected", "unavailable"})
_ATTESTATION: Final = frozenset({"predicate_type", "fact"})
_SIGNATURE: Final = frozenset({"source", "signer", "log", "entries", "timestamps", "signed_at", "expires", "reference"})
_KEY: Final = frozenset({"key"})
_KEYLESS: Final = frozenset({"identity", "issuer", "trusted_root", "claims"})
_ENTRY: Final = frozenset({"log", "proof", "index", "at"})
_REJECTED: Final = frozenset({"source", "reason", "text", "attested"})
_UNAVAILABLE: Final = frozenset({"reason", "text"})
_INDEX: Final = frozenset({"digest", "platform"})


def to_json(grounds: Grounds) -> dict[str, Json]:
    """The grounds as what `json` can write; every field is there."""
    evidence, indexes = grounds.evidence, grounds.indexes
    return {
        "artifact_types": [list[Json](sorted(kind.names)) for kind in grounds.kinds],
        "evidence": None if evidence is None else _evidence_json(evidence, grounds.keys),
        "indexes": None
        if indexes is None
        else [{"digest": str(index), "platform": not bare} for index, bare in indexes],
    }


def from_json(value: Json, subject: Digest) -> Grounds:
    """The grounds that `to_json` wrote.

    Args:
        value: what was written.
        subject: what the decision is about.

    Raises:
        PayloadMalformed: a field is missing, unknown or of another type.
    """
    found = fields(value, _GROUNDS)
    evidence = found["evidence"]
    keys = () if evidence is None else several(text, fields(evidence, _EVIDENCE)["keys"])
    return Grounds(
        kinds=several(lambda names: Kind(frozenset(several(text, names))), found["artifact_types"]),
        evidence=None if evidence is None else _evidence(fields(evidence, _EVIDENCE), subject),
        keys=keys,
        indexes=optional(lambda indexes: several(_index, indexes), found["indexes"]),
    )


def _evidence_json(evidence: Evidence, keys: tuple[str, ...]) -> Json:
    return {
        "keys": list(keys),
        "signatures": [_signature_json(one) for one in evidence.signatures],
        "attestations": [
            {
                "predicate_type": one.fact.stated.predicate_type if one.fact.stated else "",
                "fact": _signature_json(one.fact),
            }
            for one in evidence.attestations
        ],
        "rejected": [
            {"source": str(one.source), "reason": one.reason.value, "text": one.detail, "attested": one.attested}
            for one in evidence.rejected
        ],
        "unavailable": [{"reason": one.reason.value, "text": one.detail} for one in evidence.shortfalls],
    }


def _evidence(found: dict[str, Json], subject: Digest) -> Evidence:
    return Evidence(
        subject=subject,
        signatures=several(_signature, found["signatures"]),
        attestations=several(_attestation, found["attestations"]),
        rejected=several(_rejected, found["rejected"]),
        shortfalls=several(_shortfall, found["unavailable"]),
    )


def _signature_json(one: VerifiedSignature) -> Json:
    return {
        "source": str(one.source),
        "signer": _signer_json(one.signer),
        "log": one.log.value,
        "entries": [
            {
                "log": entry.log_id,
                "proof": entry.proof.value,
                "index": entry.index,
                "at": None if entry.at is None else moment_text(entry.at),
            }
            for entry in one.entries
        ],
        "timestamps": [moment_text(when) for when in one.timestamps],
        "signed_at": [moment_text(when) for when in one.signed_at],
        "expires": None if one.expires is None else moment_text(one.expires),
        "reference": one.reference,
    }


def _signature(value: Json) -> VerifiedSignature:
    found = fields(value, _SIGNATURE)
    return VerifiedSignature(
        source=_source(found["source"]),
        signer=_signer(found["signer"]),
        log=member(LogProof, found["log"]),
        entries=several(_entry, found["entries"]),
        timestamps=several(moment, found["timestamps"]),
        signed_at=several(moment, found["signed_at"]),
        expires=optional(moment, found["expires"]),
        reference=text(found["reference"]),
    )


def _attestation(value: Json) -> VerifiedAttestation:
    """Without what it states, which is not written down: it may be as large as it likes."""
    found = fields(value, _ATTESTATION)
    stated = Stated(predicate_type=text(found["predicate_type"]), payload=b"")
    return VerifiedAttestation(fact=replace(_signature(found["fact"]), stated=stated))


def _signer_json(signer: Signer) -> Json:
    if isinstance(signer, KeySigner):
        return {"key": signer.fingerprint}
    return {
        "identity": signer.identity,
        "issuer": signer.issuer,
        "trusted_root": signer.trusted_root,
        "claims": dict[str, Json](signer.claims),
    }


def _signer(value: Json) -> Signer:
    if isinstance(value, dict) and "key" in value:
        return KeySigner(text(fields(value, _KEY)["key"]))
    found = fields(value, _KEYLESS)
    claims = found["claims"]
    if not isinstance(claims, dict):
        raise PayloadMalformed("claims are no object")
    said = {name: text(value) for name, value in claims.items()}
    return KeylessSigner(
        text(found["identity"]), text(found["issuer"]), text(found["trusted_root"]), MappingProxyType(said)
    )


def _entry(value: Json) -> LogRecord:
    found = fields(value, _ENTRY)
    return LogRecord(
        log_id=text(found["log"]),
        proof=member(LogProof, found["proof"]),
        index=optional(_whole, found["index"]),
        at=optional(moment, found["at"]),
    )


def _rejected(value: Json) -> RejectedCandidate:
    found = fields(value, _REJECTED)
    return RejectedCandidate(
        source=_source(found["source"]),
        reason=member(Reason, found["reason"]),
        detail=text(found["text"]),
        attested=flag(found["attested"]),
    )


def _shortfall(value: Json) -> Shortfall:
    found = fields(value, _UNAVAILABLE)
    return Shortfall(reason=member(Reason, found["reason"]), detail=text(found["text"]))


def _index(value: Json) -> tuple[Digest, bool]:
    found = fields(value, _INDEX)
    return digest(found["digest"]), not flag(found["platform"])


def _source(value: Json) -> Source:
    """`digest[position]`, as `Source` writes itself."""
    said, _, position = text(value).removesuffix("]").partition("[")
    if not (position.isascii() and position.isdigit()) or len(position) > len("10000"):
        raise PayloadMalformed("not the place of a candidate")
    return Source(digest(said), int(position))


def _whole(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise PayloadMalformed("not a whole number")
    return value
