"""What rules ask of an attestation's predicate, asked."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.signature import KeylessSigner, Signer, VerifiedSignature
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.oci.strict_json import Json
from sealgate.policy.model import Rule
from sealgate.policy.weigh import weigh
from sealgate.ports import PredicateInput, PredicateJudge


async def asked(
    judge: PredicateJudge,
    rules: Iterable[Rule],
    fact: VerifiedSignature,
    repository: Repository,
    digest: Digest,
    now: datetime,
) -> AsyncIterator[tuple[PredicateTest, PredicateVerdict]]:
    """Each test that a rule makes of an attestation which would count if that held, and what came of it.

    So nobody but those whom a policy trusts has anything evaluated.
    """
    if fact.stated is None:
        return
    tests = {rule.predicate for rule in rules if rule.predicate_type and weigh(fact, rule, now) is None}
    tests.discard(PredicateTest())
    if not tests:
        return
    statement = strict_json.loads(fact.stated.payload)
    if not isinstance(statement, dict):  # it was read as a statement before
        return
    given = PredicateInput(
        statement=statement,
        signer=_told(fact.signer),
        artifact={"repository": repository.name, "digest": str(digest)},
        now=now,
    )
    for test in sorted(tests, key=lambda test: (test.schema, test.conditions)):
        yield test, await judge.judge(test, given)


def _told(signer: Signer) -> dict[str, Json]:
    """A signer, as conditions see one: every member is there, and empty where it says nothing."""
    if isinstance(signer, KeylessSigner):
        claims: dict[str, Json] = dict(signer.claims)
        return {
            "identity": signer.identity,
            "issuer": signer.issuer,
            "claims": claims,
            "trusted_root": signer.trusted_root,
            "key": "",
        }
    return {"identity": "", "issuer": "", "claims": {}, "trusted_root": "", "key": signer.fingerprint}
