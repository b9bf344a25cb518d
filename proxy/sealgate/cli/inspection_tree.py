"""What hangs on an artifact, as a tree for people. Everything in it that is not ours is made printable."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from rich.text import Text
from rich.tree import Tree

from sealgate.admission.inspection import Attested, Inspection, Standing
from sealgate.evidence.signature import KeylessSigner, LogProof, RejectedCandidate, VerifiedSignature
from sealgate.oci.artifact import kinds_of
from sealgate.oci.manifest import Index
from sealgate.oci.wire import printable
from sealgate.policy.decision import Outcome

_T = TypeVar("_T")

_SHOWN: Final = 100  # of each kind; `--json` has them all
_LINE_CHARACTERS: Final = 400
_FINGERPRINT_CHARACTERS: Final = 16
_PROOFS: Final = {
    LogProof.NONE: "no entry",
    LogProof.PROMISE: "the log's promise",
    LogProof.INCLUSION: "inclusion proof",
}
_WOULD: Final = {
    Outcome.ADMIT: "by these signatures it would be admitted",
    Outcome.DENY: "by these signatures it would be denied",
    Outcome.UNDETERMINED: "by these signatures it could not be decided",
}


def tree(name: str, found: Inspection, names: Mapping[str, str]) -> Tree:
    """Everything that was found.

    Args:
        name: what was asked for.
        found: what came of it.
        names: of keys, by fingerprint.
    """
    kinds = sorted({one for kind in kinds_of(found.manifest) for one in kind.names})
    made = Tree(_text(name, str(found.digest), f"{', '.join(kinds)}, {found.size} bytes"))
    for signature in _first(made, "signatures", found.evidence.signatures):
        _signature(made, found, signature, names)
    for bad in _first(made, "candidates", found.evidence.rejected):
        _rejected(made.add(_text("no signature", str(bad.source))), bad)
    if not found.evidence.signatures and not found.evidence.rejected:
        made.add("no signature")
    for one in _first(made, "attestations", found.attestations):
        _attestation(made, one, names)
    for entry in _first(made, "referrers", found.referrers):
        made.add(
            _text("referrer, which nobody vouches for", str(entry.digest), entry.artifact_type or entry.media_type)
        )
    if isinstance(found.manifest, Index):
        for child in _first(made, "manifests", found.manifest.manifests):
            made.add(_text(f"manifest for {child.platform or 'no platform'}", str(child.digest)))
    for line in _first(made, "places that could not be read", found.unread):
        made.add(_text(f"could not be read: {line}"))
    made.add(_text(_decision(found)))
    return made


def _signature(made: Tree, found: Inspection, signature: VerifiedSignature, names: Mapping[str, str]) -> None:
    standing = found.standing(signature.source)
    branch = made.add(_text(f"signature, which {_counts(standing)}", str(signature.source)))
    _facts(branch, signature, names)
    for one in standing:
        why = "it counts" if one.finding is None else f"{one.finding.reason.value}: {one.finding.text}"
        branch.add(_text(f"policy {one.policy}, rule {one.rule}: {why}"))


def _counts(standing: Sequence[Standing]) -> str:
    if not standing:
        return "no rule asks for"
    good = sum(one.finding is None for one in standing)
    if good == len(standing):
        return "counts"
    return "does not count" if not good else f"counts for {good} of {len(standing)} rules"


def _attestation(made: Tree, one: Attested, names: Mapping[str, str]) -> None:
    kind = one.predicate_type or "of no type that can be read"
    if isinstance(one.verdict, RejectedCandidate):
        _rejected(made.add(_text("no attestation", str(one.verdict.source), kind)), one.verdict)
    else:
        _facts(made.add(_text("attestation, which verified", str(one.verdict.source), kind)), one.verdict, names)


def _rejected(branch: Tree, bad: RejectedCandidate) -> None:
    branch.add(_text(f"{bad.reason.value}: {bad.detail}"))


def _facts(branch: Tree, signature: VerifiedSignature, names: Mapping[str, str]) -> None:
    for line in _told(signature, names):
        branch.add(_text(line))


def _told(signature: VerifiedSignature, names: Mapping[str, str]) -> Iterator[str]:
    signer = signature.signer
    if isinstance(signer, KeylessSigner):
        yield f"signed by {signer.identity}"
        yield f"issuer {signer.issuer}"
        if signer.trusted_root != "default":
            yield f"trusted root {signer.trusted_root}"
        yield from (f"{name}: {value}" for name, value in sorted(signer.claims.items()))
    else:
        name = names.get(signer.fingerprint, "without a name")
        yield f"signed by key {name} ({signer.fingerprint[:_FINGERPRINT_CHARACTERS]}…)"
    if not signature.entries:
        yield "transparency log: no entry"
    for entry in signature.entries:
        where = "" if entry.index is None else f", entry {entry.index}"
        at = "" if entry.at is None else f", {_moment(entry.at)}"
        yield f"transparency log: {_PROOFS[entry.proof]}{where}{at}"
    for stamp in signature.timestamps:
        yield f"timestamp: {_moment(stamp)}"


def _decision(found: Inspection) -> str:
    if not found.resolved.policies:
        return "no policy covers the repository"
    finding = found.decision.finding
    why = "" if finding is None else f": {finding.reason.value}: {finding.text}"
    return _WOULD[found.decision.outcome] + why


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _first(made: Tree, what: str, entries: Sequence[_T]) -> Iterable[_T]:
    """As many as are shown; and a line about the rest, after them."""
    yield from entries[:_SHOWN]
    if len(entries) > _SHOWN:
        made.add(f"and {len(entries) - _SHOWN} more {what}: --json has them all")


def _text(*lines: str) -> Text:
    return Text("\n".join(printable(line, _LINE_CHARACTERS) for line in lines), overflow="fold")
