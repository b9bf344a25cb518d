"""What of the policies no case tries: nobody knows that it does what it should."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sealgate.policy.cases.model import Tried
from sealgate.policy.decide import ALLOW_UNSIGNED
from sealgate.policy.decision import Decision
from sealgate.policy.denied import DENIED
from sealgate.policy.model import Denied, Policy, SignatureType

_SATISFIABLE: Final = frozenset({SignatureType.COSIGN, SignatureType.ATTESTATION})


def untried(policies: Iterable[Policy], tried: Sequence[Tried]) -> Iterator[tuple[str, str, str]]:
    """Policy, rule, and what no case shows of it.

    A rule is tried when one case satisfies it and another is refused by it, or warned of. What an exception lets pass
    satisfies nothing.
    """
    satisfied: set[tuple[str, str]] = set()
    refused: set[tuple[str, str]] = set()
    excepted: set[str] = set()
    for decision in (decision for one in tried for decision in one.decisions):
        satisfied.update(_satisfied(decision))
        for result in decision.results:
            if result.finding is not None:
                refused.add((result.policy, result.rule))
        excepted.update(one.policy for one in decision.exceptions)
    for policy in policies:
        if policy.allow_unsigned and (policy.name, ALLOW_UNSIGNED) not in satisfied:
            yield policy.name, ALLOW_UNSIGNED, "no case is covered by it"
        for rule in policy.rules:
            key = (policy.name, rule.name)
            if rule.signature_type in _SATISFIABLE and key not in satisfied:
                yield *key, "no case satisfies it"
            if not rule.allow_unsigned and key not in refused:
                yield *key, "no case is refused by it"
        if policy.denied != Denied() and (policy.name, DENIED) not in refused:
            yield policy.name, DENIED, "no case is denied by it"
        if policy.exemptions and policy.name not in excepted:
            yield policy.name, "exceptions", "no case passes by one"


def _satisfied(decision: Decision) -> Iterator[tuple[str, str]]:
    excepted = {one.policy for one in decision.exceptions}
    for result in decision.results:
        if result.satisfied and result.policy not in excepted:
            yield result.policy, result.rule
