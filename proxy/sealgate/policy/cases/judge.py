"""One case, judged: by `decide` and `cover`, as a request would be."""

from sealgate.policy.cases.model import Case, Tried
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide


def judge(case: Case) -> Tried:
    """What the policies decide."""
    own = decide(case.resolved, case.artifact.subject, case.artifact.evidence, case.now)
    if case.listed_by is None:
        return Tried(case=case, decisions=(own,))
    listing = case.listed_by.index
    index = decide(case.resolved, listing.subject, listing.evidence, case.now)
    bare = frozenset({index.digest} if case.listed_by.bare else ())
    return Tried(case=case, decisions=(own, index, cover(own, (index,), case.resolved, case.now, bare)))
