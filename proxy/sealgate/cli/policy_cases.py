"""`cases.yaml` files: found, read, and judged by the policies beside them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sealgate.adapters import files
from sealgate.adapters.conditions.pool import ConditionPool
from sealgate.admission.predicates import asked
from sealgate.cli.authoring import Surroundings
from sealgate.cli.problems import refusal
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.signature import VerifiedAttestation
from sealgate.policy import strict_yaml
from sealgate.policy.cases.build import build, check, named, repositories
from sealgate.policy.cases.build_evidence import EvidenceBuilder
from sealgate.policy.cases.facts import made_up_key, made_up_names
from sealgate.policy.cases.judge import judge
from sealgate.policy.cases.model import Case, Facts, Tried
from sealgate.policy.load import RingKey
from sealgate.policy.model import Policy
from sealgate.policy.rules import applies
from sealgate.wiring import load_policies

CASES: Final = "cases.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One file of cases, judged.

    Args:
        file: the file.
        policies: what judged it.
        tried: what came of each case, in the file's order.
    """

    file: Path
    policies: tuple[Policy, ...]
    tried: tuple[Tried, ...]


def find(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files of cases that these paths mean, and the folders of policies among them that have none.

    Raises:
        ConfigurationInvalid: a path is not there, or there is no file of cases at all.
    """
    found: dict[Path, None] = {}
    lacking: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise ConfigurationInvalid(f"{path}: there is no such file")
        for folder in _folders(path):
            (found if (folder / CASES).is_file() else lacking)[folder] = None
    if not found:
        raise ConfigurationInvalid(
            f"there is no {CASES} in {', '.join(map(str, paths))}; docs/policy-tests.md says how"
        )
    return [folder / CASES for folder in found], list(lacking)


def run(file: Path, around: Surroundings) -> Suite:
    """Judge every case of a file by the policies that its folder holds.

    Args:
        file: the file.
        around: what the policies name and do not hold.

    Raises:
        ConfigurationInvalid: something is wrong with the policies or the cases; it shows every problem.
    """
    document = strict_yaml.read(str(file), files.read(file))
    check(document)
    if document.data is None:
        raise refusal(document.problems)
    ring = dict(around.ring) | {name: RingKey(key=made_up_key(name)) for name in named(document, "keys")}
    roots = around.trusted_roots | set(named(document, "trusted_roots"))
    names = around.names or made_up_names(repositories(document))
    loaded = load_policies((file.parent,), ring, roots, names)
    if loaded.errors:
        raise refusal((*loaded.errors, *sorted(document.problems)))
    policies = loaded.policy_set(around.unmatched)
    keys = [(name, entry.key) for name, entry in ring.items()]
    cases = build(document, policies, EvidenceBuilder(policies.policies, keys, roots, files.beside))
    if document.problems:
        raise refusal(sorted(document.problems))
    return Suite(file=file, policies=policies.policies, tried=asyncio.run(_tried(cases)))


async def _tried(cases: Sequence[Case]) -> tuple[Tried, ...]:
    """Every case judged; of attestations it is asked what the rules ask, as the gate does."""
    async with aclosing(ConditionPool()) as pool:
        return tuple([judge(await _answered(case, pool)) for case in cases])


async def _answered(case: Case, pool: ConditionPool) -> Case:
    artifact = await _stated(case, case.artifact, pool)
    if case.listed_by is None:
        return replace(case, artifact=artifact)
    index = await _stated(case, case.listed_by.index, pool)
    return replace(case, artifact=artifact, listed_by=replace(case.listed_by, index=index))


async def _stated(case: Case, facts: Facts, pool: ConditionPool) -> Facts:
    rules = [rule for policy in case.resolved.policies for rule in policy.rules if applies(rule, facts.subject)]
    made: list[VerifiedAttestation] = []
    for one in facts.evidence.attestations:
        answers = asked(pool, rules, one.fact, case.repository, facts.subject.digest, case.now)
        made.append(replace(one, verdicts={test: verdict async for test, verdict in answers}))
    return replace(facts, evidence=replace(facts.evidence, attestations=tuple(made)))


def _folders(path: Path) -> Iterator[Path]:
    """The folders that a path means: those with cases, and those with policies."""
    if path.is_file():
        yield path.parent
        return
    try:
        folders = [path, *sorted(folder for folder in path.iterdir() if folder.is_dir())]
    except OSError as error:
        raise ConfigurationInvalid(f"{path}: cannot be read: {error.strerror}") from error
    for folder in folders:
        if not folder.name.startswith(".") or folder == path:
            names = {file.name for file in folder.iterdir() if file.suffix == ".yaml"}
            if CASES in names or names:
                yield folder
