"""Conditions over predicates: milliseconds to a verdict, by a worker that runs already."""

import asyncio
import statistics
import time
from collections.abc import Iterator

from rows import Row, compare, no_more_than

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.conditions.pool import ConditionPool
from sealgate.evidence.predicate import PredicateTest
from sealgate.oci.strict_json import Json
from sealgate.ports import PredicateInput

ROUNDS = 9
EACH_ROUND = 20
BUILDER = "https://github.com/myorg/build/.github/workflows/go.yml@refs/tags/v2"
PROVENANCE: Json = {
    "buildDefinition": {
        "externalParameters": {"workflow": {"ref": "refs/tags/v1"}},
        "resolvedDependencies": [{"uri": f"git+https://github.com/myorg/{n}", "digest": {}} for n in range(40)],
    },
    "runDetails": {"builder": {"id": BUILDER}},
}
SBOM: Json = {"packages": [{"name": f"package-{n}", "versionInfo": f"1.{n}"} for n in range(1000)]}


def measure() -> Iterator[Row]:
    """A provenance with three conditions, and an SBOM with one."""
    three = (
        f'predicate.runDetails.builder.id == "{BUILDER}"',
        'predicate.buildDefinition.externalParameters.workflow.ref.startsWith("refs/tags/")',
        'predicate.buildDefinition.resolvedDependencies.all(d, d.uri.contains("myorg"))',
    )
    one = ('!predicate.packages.exists(p, p.name == "log4j-core")',)
    for name, predicate, tests, goal in (("provenance", PROVENANCE, three, 5), ("SBOM", SBOM, one, 100)):
        taken = asyncio.run(_taken(predicate, tests))
        yield compare(f"conditions, {name}", "ms", taken, "itself", taken, no_more_than(goal))


async def _taken(predicate: Json, conditions: tuple[str, ...]) -> list[float]:
    pool, rounds = ConditionPool(), []
    given = PredicateInput(statement={"predicate": predicate}, signer={}, artifact={}, now=SystemClock().now())
    test = PredicateTest(conditions=conditions)
    await pool.judge(test, given)  # starts the worker
    for _ in range(ROUNDS):
        samples = []
        for _ in range(EACH_ROUND):
            began = time.perf_counter()
            if (await pool.judge(test, given)).reason is not None:
                raise RuntimeError("a condition that holds was refused")
            samples.append((time.perf_counter() - began) * 1000)
        rounds.append(statistics.median(samples))
    await pool.aclose()
    return rounds
