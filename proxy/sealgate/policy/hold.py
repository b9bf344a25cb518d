"""A push that waits for its signature (design section 6), and what a policy does with one that came without."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.decision import Decision
from sealgate.policy.model import OnUnsignedPush, Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A tag that somebody pushed and that did not move. A tag has at most one: the last push counts.

    Args:
        identifier: the ULID of the decision that held it.
        digest: what the tag was to point to; it is stored under it.
        pointed: what the tag pointed to then; None when there was no such tag.
        pusher: whose push it was, as far as it is known.
        held_at: when.
        deadline: from when on it is nothing.
        releases: whether the tag moves by itself once the policies are satisfied; else the push must be repeated.
        policy: which policy stood in the way.
        reason: why.
        text: the same for people.
        due: the mark of the last one who wants it judged again, another number each time: evidence has come, or
            somebody asked; 0 when nobody does.
        asked: why somebody asked for its release, in their own words; "" when nobody did.
    """

    identifier: str
    repository: Repository
    tag: Tag
    digest: Digest
    pointed: Digest | None
    pusher: str
    held_at: datetime
    deadline: datetime
    releases: bool
    policy: str
    reason: Reason
    text: str
    due: int = 0
    asked: str = ""


def releases(resolved: Resolved, decision: Decision) -> bool:
    """Whether a tag that this decision did not let move is to move by itself, once it may.

    Every policy that stands in the way must say so: one that rejects is not overruled by one that holds.

    Args:
        resolved: the policies that cover the push.
        decision: what they came to: a denial that a signature would mend.
    """
    failing = {result.policy for result in decision.results if result.enforced and result.finding is not None}
    holding = {policy.name for policy in resolved.policies if policy.on_unsigned_push is OnUnsignedPush.HOLD}
    return bool(failing) and failing <= holding
