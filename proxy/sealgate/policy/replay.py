"""What other policies would have decided about recorded traffic: `decide` again, from what was recorded.

A line without its own grounds (a decision that was used again) has those of the last line before it about the same
digest in the same repository. What cannot be known from what was recorded is said to be unknown, and never guessed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sealgate.errors import PayloadMalformed, ReferenceMalformed
from sealgate.evidence.predicate import PredicateTest
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Tag
from sealgate.oci.strict_json import Json
from sealgate.policy import grounds_json
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Grounds, Outcome, Subject
from sealgate.policy.json_fields import digest, member, optional, text
from sealgate.policy.model import Operation, PolicySet, Resolved
from sealgate.policy.rules import applies, wants_proof

_OTHER_KEY: Final = frozenset({Reason.KEY_NOT_TRUSTED, Reason.SIGNATURE_INVALID})
_CURED_BY_INDEX: Final = "an index that nobody looked for may list it"
_NOT_RECORDED: Final = "what it was made from is not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One line of a decision log, as far as it is needed here.

    Args:
        tag: that of the reference; None where it has none.
        digest: what was decided about; None where that was decided before any content came.
    """

    at: datetime
    operation: Operation
    repository: str
    reference: str
    tag: str | None
    digest: Digest | None
    outcome: Outcome
    reason: str
    grounds: Grounds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of one line.

    Args:
        decision: what these policies would have decided; None when that cannot be known.
        unknown: why not.
    """

    recorded: Recorded
    decision: Decision | None = None
    unknown: str = ""

    @property
    def differs(self) -> bool:
        """Whether the answer would have been another."""
        return self.decision is not None and self.decision.outcome is not self.recorded.outcome


def recorded(line: Json) -> Recorded:
    """One line of a decision log.

    Raises:
        PayloadMalformed: it is none.
    """
    if not isinstance(line, dict):
        raise PayloadMalformed("not an object")
    try:
        at = datetime.fromisoformat(text(line["time"]))
        subject = optional(digest, line["digest"])
        reference, repository = text(line["reference"]), text(line["repository"])
        grounds = line.get("grounds")  # absent in the version before they were recorded
        return Recorded(
            at=at,
            operation=member(Operation, line["operation"]),
            repository=repository,
            reference=reference,
            tag=_tag(reference, repository),
            digest=subject,
            outcome=member(Outcome, line["outcome"]),
            reason=text(line["reason"] or ""),
            grounds=None if grounds is None or subject is None else grounds_json.from_json(grounds, subject),
        )
    except KeyError as missing:
        raise PayloadMalformed(f"the field {missing} is missing") from missing
    except ValueError as error:
        raise PayloadMalformed(str(error)) from error


def _tag(reference: str, repository: str) -> str | None:
    """The tag of `repository:tag`."""
    rest = reference.removeprefix(f"{repository}:")
    if rest == reference:
        return None
    try:
        return Tag.parse(rest).name
    except ReferenceMalformed:
        return None


class Replay:
    """Judges lines, in the order of the log.

    Args:
        policies: those to judge by.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._grounds: dict[tuple[str, Digest], Grounds] = {}
        self._tagged: set[tuple[str, Digest]] = set()

    def replay(self, line: Recorded) -> Replayed | None:
        """What these policies would have decided; None for a line that policies are not asked about."""
        if line.reason in _NOT_BY_POLICIES:
            return None
        if line.digest is None:
            return Replayed(recorded=line, unknown="it was decided before any content came")
        key = (line.repository, line.digest)
        if line.grounds is not None:
            self._grounds[key] = line.grounds
        if line.tag is not None:
            self._tagged.add(key)
        grounds = self._grounds.get(key)
        if grounds is None:
            return Replayed(recorded=line, unknown=_NOT_RECORDED)
        if not grounds.kinds:  # a signature or attestation
            return None
        resolved = self._policies.resolve(
            line.repository, line.operation, line.tag if line.operation is Operation.PUSH else None
        )
        own = _again(resolved, line.digest, grounds, line.at)
        if isinstance(own, str):
            return Replayed(recorded=line, unknown=own)
        if line.operation is Operation.PUSH or own.admitted or not own.policy:
            return Replayed(recorded=line, decision=own)
        return self._by_index(line, grounds, resolved, own)

    def _by_index(self, line: Recorded, grounds: Grounds, resolved: Resolved, own: Decision) -> Replayed:
        """The answer about what an index may admit, which is not admitted itself."""
        if grounds.indexes is None and (line.repository, own.digest) not in self._tagged:
            return Replayed(recorded=line, unknown=_CURED_BY_INDEX)
        judged: list[Decision] = []
        missing = False
        for index, _ in grounds.indexes or ():
            known = self._grounds.get((line.repository, index))
            again = _NOT_RECORDED if known is None else _again(resolved, index, known, line.at)
            if isinstance(again, str):
                missing = True
            else:
                judged.append(again)
        bare = frozenset(index for index, alone in grounds.indexes or () if alone)
        decision = cover(own, judged, resolved, line.at, bare)
        if missing and not decision.admitted:
            return Replayed(recorded=line, unknown="what an index that lists it was judged by is not recorded")
        return Replayed(recorded=line, decision=decision)


# What the gate finds before it asks the policies, or without them: it would find the same again.
_NOT_BY_POLICIES: Final = frozenset(
    {
        Reason.CARRIER_MALFORMED,
        Reason.BLOB_NOT_ADMITTED,
        Reason.MANIFEST_MALFORMED,
        Reason.MANIFEST_TOO_LARGE,
        Reason.CONTENT_MISMATCH,
        Reason.STATE_UNAVAILABLE,
        Reason.TAG_IMMUTABLE,
        Reason.SIGNATURE_IN_USE,
        Reason.AWAITING_SIGNATURE,
        Reason.CONTENT_GONE,
    }
)


def _again(resolved: Resolved, subject: Digest, grounds: Grounds, now: datetime) -> Decision | str:
    """What is decided from these grounds; or why that cannot be known."""
    evidence = grounds.evidence
    if evidence is None:
        if resolved.needs_evidence:
            return "nobody looked for signatures, for no policy asked for any"
        evidence = Evidence(subject=subject)
    about = Subject(digest=subject, kinds=grounds.kinds)
    decision = decide(resolved, about, evidence, now)
    untried = {key.fingerprint for key in resolved.keys} - set(grounds.keys)
    if untried and any(bad.reason in _OTHER_KEY for bad in evidence.rejected):
        denying = {wanted.key.fingerprint for policy in resolved.policies for wanted in policy.denied.keys}
        if not decision.admitted or untried & denying:
            return "a signature may be by a key that was not known then"
    rules = [rule for policy in resolved.policies for rule in policy.rules if applies(rule, about)]
    types = {rule.predicate_type for rule in rules if rule.predicate != PredicateTest()}
    stated = {one.fact.stated.predicate_type for one in evidence.attestations if one.fact.stated is not None}
    if not decision.admitted and types & stated:
        return "what attestations state is not recorded"
    if not decision.admitted and any(
        wants_proof(rules, one, now) for one in (*evidence.signatures, *(one.fact for one in evidence.attestations))
    ):
        return "the transparency log would have been asked for a proof"
    return decision
