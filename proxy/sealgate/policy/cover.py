"""What an index does for the manifests it lists (design section 5; attacks A26)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.policy.decide import conclude
from sealgate.policy.decision import Decision, Finding, Outcome, RuleResult
from sealgate.policy.denied import is_final
from sealgate.policy.model import Resolved


def cover(
    child: Decision,
    indexes: Iterable[Decision],
    resolved: Resolved,
    now: datetime,
    without_platform: frozenset[Digest] = frozenset(),
) -> Decision:
    """What becomes of a decision once the indexes that list its subject are known.

    A rule that the child does not satisfy counts as satisfied where an *admitted* index satisfied the same rule of the
    same policy: an index covers a child only for rules that applied to it. One index must stand in for all that is
    missing. Where none does and one could not be decided, neither can the child. What a policy denies stays denied.

    Args:
        child: what was decided about the child itself.
        indexes: what is decided, now, in the same repository and under the same policies, about each index listing it.
        resolved: those policies.
        now: the time of the decision.
        without_platform: those of the indexes in which the child is no image for a platform: they cover it for
            `index: each` too.
    """
    if not child.policy:  # nothing to stand in for: only a rule's refusal names a policy, and can be covered
        return child
    if any(is_final(result) for result in child.results):
        return child
    each = {
        (policy.name, rule.name) for policy in resolved.policies for rule in policy.rules if not rule.covers_children
    }
    undetermined: Decision | None = None
    unsigned: dict[tuple[str, str], Digest] = {}
    for index in indexes:
        excepted = {one.policy for one in index.exceptions}
        # What it cannot stand in for: the child needs a signature of its own.
        own = {key for key in each if key[0] not in excepted and index.digest not in without_platform}
        if index.outcome is Outcome.UNDETERMINED and not any(
            result.enforced and not result.satisfied and _key(result) in own for result in child.results
        ):
            undetermined = undetermined or index
        if not index.admitted:
            continue
        satisfied = {_key(result) for result in index.results if result.satisfied}
        results = tuple(
            replace(result, satisfied=True, finding=None)
            if result.policy in excepted or _key(result) in satisfied - own
            else result
            for result in child.results
        )
        unsigned |= dict.fromkeys(satisfied & own, index.digest)
        exceptions = tuple(dict.fromkeys((*child.exceptions, *index.exceptions)))
        until = min([index.valid_until, *(one.expires for one in exceptions)])
        covered = conclude(child.digest, resolved, results, None, now, until, exceptions)
        if covered.admitted:
            return replace(covered, covered_by=index.digest)
    if undetermined is not None:
        return replace(
            child, outcome=Outcome.UNDETERMINED, finding=undetermined.finding, valid_until=now, results=child.results
        )
    return _not_signed(child, unsigned, resolved, now)


def _key(result: RuleResult) -> tuple[str, str]:
    return result.policy, result.rule


def _not_signed(
    child: Decision, unsigned: dict[tuple[str, str], Digest], resolved: Resolved, now: datetime
) -> Decision:
    """The child's decision, where all that is missing is a signature of its own beside that of its index."""
    results = tuple(
        replace(result, finding=_beside(unsigned[_key(result)], result.finding))
        if result.finding and result.finding.reason is Reason.SIGNATURE_MISSING and _key(result) in unsigned
        else result
        for result in child.results
    )
    return conclude(child.digest, resolved, results, None, now, child.valid_until, child.exceptions)


def _beside(index: Digest, finding: Finding) -> Finding:
    text = f"{finding.text}; its index {index} is signed, and the rule asks that each manifest is"
    return replace(finding, reason=Reason.CHILD_NOT_SIGNED, text=text)
