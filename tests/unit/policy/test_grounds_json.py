"""What a decision was made from, written down and read again: the same facts, or none."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

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
    Source,
    Stated,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci.artifact import Kind
from sealgate.oci.digest import Digest
from sealgate.policy.decision import Grounds
from sealgate.policy.grounds_json import from_json, to_json

IMAGE, CARRIER = Digest.of(b"image"), Digest.of(b"carrier")
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
GROUNDS = Grounds(
    kinds=(Kind(frozenset({"docker", "oci"})), Kind(frozenset({"helm"}))),
    evidence=Evidence(
        subject=IMAGE,
        signatures=(
            VerifiedSignature(source=Source(CARRIER, 0), signer=KeySigner("ab"), log=LogProof.NONE, reference="r/a"),
            VerifiedSignature(
                source=Source(CARRIER, 12),
                signer=KeylessSigner("ann", "https://i", "acme", MappingProxyType({"build_trigger": "push"})),
                log=LogProof.INCLUSION,
                entries=(
                    LogRecord(log_id="cd", proof=LogProof.INCLUSION, index=7, at=AT),
                    LogRecord(log_id="ce", proof=LogProof.PROMISE),
                ),
                timestamps=(AT,),
                signed_at=(AT,),
                expires=AT,
            ),
        ),
        attestations=(
            VerifiedAttestation(
                fact=VerifiedSignature(
                    source=Source(CARRIER, 3),
                    signer=KeySigner("ab"),
                    log=LogProof.NONE,
                    stated=Stated(predicate_type="https://slsa.dev/provenance/v1", payload=b""),
                )
            ),
        ),
        rejected=(
            RejectedCandidate(source=Source(CARRIER, 1), reason=Reason.SCT_INVALID, detail="no"),
            RejectedCandidate(source=Source(CARRIER, 2), reason=Reason.SCT_INVALID, detail="no", attested=True),
        ),
        shortfalls=(Shortfall(reason=Reason.UPSTREAM_LIMITED, detail="later"),),
    ),
    keys=("ab", "ff"),
    indexes=((CARRIER, True), (IMAGE, False)),
)


@pytest.mark.parametrize("grounds", [GROUNDS, Grounds(kinds=()), Grounds(kinds=GROUNDS.kinds, indexes=())])
def test_what_is_written_is_read_again(grounds):
    again = from_json(to_json(grounds), IMAGE)
    assert again == grounds
    assert grounds.evidence is None or again.evidence is not None
    if again.evidence is not None:  # claims do not count when signers are compared
        assert [getattr(one.signer, "claims", {}) for one in again.evidence.signatures] == [
            {},
            {"build_trigger": "push"},
        ]


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        found += places(inner, (*path, key))
    return found


def changed(part: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = dict(part) if isinstance(part, dict) else list(part)
    made[path[0]] = changed(part[path[0]], path[1:], value)
    return made


@pytest.mark.parametrize("path", places(to_json(GROUNDS)), ids=str)
def test_what_is_of_another_type_is_not_read(path):
    with pytest.raises(PayloadMalformed):
        from_json(changed(to_json(GROUNDS), path, 1.5), IMAGE)


@pytest.mark.parametrize(
    "source", ["", f"{CARRIER}", f"{CARRIER}[]", f"{CARRIER}[-1]", f"{CARRIER}[1", f"{CARRIER}[٣]"]
)
def test_what_is_no_place_is_not_read(source):
    if source.endswith("[1"):
        source = f"{CARRIER}[123456]"
    with pytest.raises(PayloadMalformed):
        from_json(changed(to_json(GROUNDS), ("evidence", "signatures", 0, "source"), source), IMAGE)
