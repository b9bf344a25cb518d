"""`sealgate policy test PATH…`: do the policies decide what their cases say?"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sealgate.cli.authoring import surroundings
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.junit import TestCase, junit
from sealgate.cli.options import Json, SettingsFile
from sealgate.cli.policy_cases import Suite, find, run
from sealgate.cli.tables import console, count, table
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.wire import printable
from sealgate.policy.cases.model import Tried
from sealgate.policy.cases.untried import untried

_TEXT_CHARACTERS = 1000


def try_policies(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Folders with policies and a cases.yaml, or such files.")
    ],
    settings: SettingsFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when there are rules that no case tries, too.")
    ] = False,
    report: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report.")] = None,
    as_json: Json = False,
) -> None:
    """Try policies: does the gate's engine decide what their cases.yaml says?

    Each cases.yaml is judged by the policies of its folder. No registry is asked, and no key or signature is needed:
    docs/policy-tests.md says how cases are written. The settings are only needed for what policies name of them.
    Exit status: 0 when all is as expected, 1 when something is not, 2 when a file cannot be used.
    """
    with readable_errors():
        around = surroundings(settings, tuple(paths))
        found, lacking = find(paths)
        suites, problems = [], list[str]()
        for file in found:
            try:
                suites.append(run(file, around))
            except ConfigurationInvalid as bad:
                problems += bad.problems
        if problems:
            raise ConfigurationInvalid(*dict.fromkeys(problems))
        missed = [f"{folder}: there is no cases.yaml" for folder in lacking]
        missed += [f"policy {policy}, rule {rule}: {what}" for policy, rule, what in _untried(suites)]
        if report is not None:
            _write(report, junit(_report(suites, missed if strict else [])))
    failed = sum(1 for suite in suites for one in suite.tried if one.failures)
    if as_json:
        print(json.dumps({"suites": [_json(suite) for suite in suites], "untried": missed}, indent=2))
    else:
        _show(suites, missed, failed)
    raise typer.Exit(Exit.DENY if failed or (strict and missed) else Exit.ADMIT)


def _untried(suites: Sequence[Suite]) -> list[tuple[str, str, str]]:
    """What no case of any file tries; a policy may be among those of several files."""
    policies = {policy.name: policy for suite in suites for policy in suite.policies}
    return list(untried(policies.values(), [one for suite in suites for one in suite.tried]))


def _show(suites: Sequence[Suite], missed: Sequence[str], failed: int) -> None:
    out = console()
    for suite in suites:
        rows = [(*_row(one), one.case.name) for one in suite.tried]
        out.print(f"{suite.file}", markup=False, soft_wrap=True)
        out.print(table("", ("", "DECISION", "BECAUSE", "CASE"), rows))
        out.print()
    for suite in suites:
        for one in suite.tried:
            if one.failures:
                out.print(f"{suite.file}:{one.case.line}: {_failure(one)}\n", markup=False, soft_wrap=True)
    for text in missed:
        out.print(f"warning: {text}", markup=False, soft_wrap=True)
    total = sum(len(suite.tried) for suite in suites)
    end = f"{failed} not as expected" if failed else "all as expected"
    out.print(f"{count(total, 'case', 'cases')}: {end}", markup=False)


def _row(one: Tried) -> tuple[str, str, str]:
    because = ", ".join(sorted(one.reasons)) or ("warns: " + ", ".join(sorted(one.warns)) if one.warns else "")
    return "FAILED" if one.failures else "ok", one.decision.outcome.value, because


def _failure(one: Tried) -> str:
    """What was expected and what came of it; and what the gate would say."""
    told = [f"{one.case.name}: {'; '.join(one.failures)}"]
    for result in one.decision.results:
        why = "satisfied" + (f" by {', '.join(result.signers)}" if result.signers else "")
        if result.finding:
            why = f"{result.finding.reason.value}: {result.finding.text}"
        told.append(f"{result.policy}, {result.rule}: {why}")
    if not one.decision.results and one.decision.finding:
        told.append(f"{one.decision.finding.reason.value}: {one.decision.finding.text}")
    return "\n  ".join(printable(line, _TEXT_CHARACTERS) for line in told)


def _report(suites: Sequence[Suite], missed: Sequence[str]) -> list[TestCase]:
    made = [
        TestCase(
            suite=str(suite.file),
            name=one.case.name,
            failure=_failure(one) if one.failures else "",
            file=str(suite.file),
            line=one.case.line,
        )
        for suite in suites
        for one in suite.tried
    ]
    return [*made, *(TestCase(suite="rules that no case tries", name=text, failure=text) for text in missed)]


def _json(suite: Suite) -> dict[str, object]:
    return {
        "file": str(suite.file),
        "policies": [policy.name for policy in suite.policies],
        "cases": [
            {
                "name": one.case.name,
                "line": one.case.line,
                "passed": not one.failures,
                "failures": list(one.failures),
                "decision": one.decision.outcome.value,
                "reasons": sorted(one.reasons),
                "warns": sorted(one.warns),
            }
            for one in suite.tried
        ],
    }


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationInvalid(f"{path}: cannot be written: {error.strerror}") from error
