"""What was decided, and on what grounds: the value that travels from `decide` to people, logs and the cache."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sealgate.evidence.reason import CURABLE, Reason
from sealgate.evidence.signature import Evidence
from sealgate.oci.artifact import Kind
from sealgate.oci.digest import Digest
from sealgate.policy.moments import told


class Outcome(StrEnum):
    """The three answers. Nothing is admitted by default: there is no fourth."""

    ADMIT = "admit"
    DENY = "deny"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a decision is about: the digest of the bytes that are served or stored, and what they claim to be."""

    digest: Digest
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one candidate or one check.

    Args:
        text: a sentence for people, without its full stop.
        source: where the candidate was found (`digest[position]`), "" when there is none.
    """

    reason: Reason
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule came to.

    Args:
        enforced: False when the rule is not required or its policy only warns.
        satisfied: True also when an admitted index stands in for it.
        signers: who satisfied it, for people.
        finding: the nearest it came to being satisfied; None when it is.
        findings: what came of every candidate.
        cure: what to do about it: a command, or the team's own words; `{reference}` as in `Decision`.
    """

    policy: str
    rule: str
    enforced: bool
    required: bool
    satisfied: bool
    signers: tuple[str, ...] = ()
    finding: Finding | None = None
    findings: tuple[Finding, ...] = ()
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """An exception that was in force: which policy made it, for what, until when, and on whose word.

    Args:
        digest: of the artifact, or of the index that it is part of.
        approved_by: "" where the policy does not say.
    """

    policy: str
    digest: Digest
    reason: str
    expires: datetime
    approved_by: str = ""

    def __str__(self) -> str:
        word = f", approved by {self.approved_by}" if self.approved_by else ""
        return f"exception of policy {self.policy} until {told(self.expires)}: {self.reason}{word}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a decision was made from: enough to ask what other policies would have decided.

    Args:
        kinds: what the artifact claims to be; () for a carrier of evidence, which policies are not asked about.
        evidence: what was found about it; None where no policy asked, so that nobody looked.
        keys: the fingerprints of the keys that signatures were tried with.
        indexes: those that list it, each with whether for no real platform; None where nobody looked for any.
    """

    kinds: tuple[Kind, ...]
    evidence: Evidence | None = None
    keys: tuple[str, ...] = ()
    indexes: tuple[tuple[Digest, bool], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one digest, one repository and one set of policies.

    Args:
        finding: why not, when it is not an admission; of the first rule that stands in the way.
        policy: whose rule that is; "" when no rule but a condition of the gate stands in the way.
        description: what that policy says it is for; "" when it does not.
        rule: its name.
        cure: what to do about it; "" when nothing can be said. `{reference}` in it stands for the image by digest.
        results: every rule that applied.
        warnings: what would have been refused, were its policy enforced; and the exceptions.
        exceptions: the exceptions that it rests on: their policies' rules ask nothing.
        valid_until: until when it may be used again.
        covered_by: the index that admits it, when it is not admitted itself.
        grounds: what it was made from; None for one that is used again, or that was made from nothing.
    """

    outcome: Outcome
    digest: Digest
    valid_until: datetime
    finding: Finding | None = None
    policy: str = ""
    description: str = ""
    rule: str = ""
    cure: str = ""
    results: tuple[RuleResult, ...] = ()
    warnings: tuple[str, ...] = ()
    covered_by: Digest | None = None
    exceptions: tuple[Excepted, ...] = ()
    grounds: Grounds | None = field(default=None, compare=False, repr=False)

    @property
    def admitted(self) -> bool:
        """Whether it may be served, or its tag may move."""
        return self.outcome is Outcome.ADMIT

    @property
    def curable(self) -> bool:
        """Whether a signature is all that stands between this and an admission."""
        return (
            self.outcome is Outcome.DENY
            and self.finding is not None
            and self.finding.reason in CURABLE
            and all(
                result.finding is None or result.finding.reason in CURABLE for result in self.results if result.enforced
            )
        )
