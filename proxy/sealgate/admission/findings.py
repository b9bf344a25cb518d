"""What is collected of the evidence about one digest, while it is looked for."""

from collections import defaultdict

from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    RejectedCandidate,
    Shortfall,
    Source,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci.digest import Digest


class Findings:
    """What is collected so far, so that a deadline does not lose it.

    Args:
        subject: what it is about.
    """

    def __init__(self, subject: Digest) -> None:
        self.subject = subject
        self._verified: dict[Source, VerifiedSignature] = {}
        self._verdicts: defaultdict[Source, dict[PredicateTest, PredicateVerdict]] = defaultdict(dict)
        self.rejected: list[RejectedCandidate] = []
        self._shortfalls: set[tuple[str, Reason]] = set()

    def lack(self, reason: Reason, detail: str) -> None:
        """Something was not read."""
        self._shortfalls.add((detail, reason))

    def verified(self, fact: VerifiedSignature) -> Source:
        """A signature or attestation that is good."""
        self._verified[fact.source] = fact
        return fact.source

    def proven(self, source: Source) -> VerifiedSignature:
        """The same fact, now that the log has proven its entry."""
        self._verified[source] = self._verified[source].proven()
        return self._verified[source]

    def answered(self, source: Source, test: PredicateTest, verdict: PredicateVerdict) -> None:
        """What a predicate came to."""
        self._verdicts[source][test] = verdict

    def evidence(self) -> Evidence:
        """The same value whatever order the registry answered in."""
        facts = [fact for _, fact in sorted(self._verified.items())]
        return Evidence(
            subject=self.subject,
            signatures=tuple(fact for fact in facts if fact.stated is None),
            attestations=tuple(
                VerifiedAttestation(fact=fact, verdicts=self._verdicts[fact.source])
                for fact in facts
                if fact.stated is not None
            ),
            rejected=tuple(sorted(self.rejected, key=lambda one: (one.source, one.reason))),
            shortfalls=tuple(Shortfall(reason=reason, detail=detail) for detail, reason in sorted(self._shortfalls)),
        )
