"""`sealgate check REF`: what the gate would decide about a pull, and every finding on the way there."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.console import Console

from sealgate.admission.carriers import carrier_subject
from sealgate.admission.judge import Artifact
from sealgate.cli.exits import OUTCOMES, readable_errors
from sealgate.cli.options import Json, Policies, SettingsFile, TrustedRoot, Upstream, policies_from, settings_from
from sealgate.cli.references import parse_named
from sealgate.cli.tables import console, table
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Reference, Repository, named
from sealgate.policy.decision import Decision, RuleResult
from sealgate.policy.decision_json import to_json
from sealgate.policy.model import PolicySet
from sealgate.ports import Access
from sealgate.settings import Overrides, Settings
from sealgate.wiring import core

_WORDS: Final = {"admit": "ADMITTED", "deny": "DENIED", "undetermined": "COULD NOT BE CHECKED"}


def check(
    reference: Annotated[str, typer.Argument(metavar="REF", help="repository:tag or repository@sha256:…")],
    settings: SettingsFile = None,
    upstream: Upstream = None,
    policies: Policies = None,
    trusted_root: TrustedRoot = None,
    as_json: Json = False,
) -> None:
    """Say what the gate would decide about pulling REF, and why: every rule, every signature that was looked at.

    It asks the registry itself, as the gate does, and needs no gate running. Exit status: 0 admitted, 1 denied,
    3 could not be checked, 2 wrong usage.
    """
    flags = Overrides(upstream=upstream, policies=policies or (), trusted_root=trusted_root)
    with readable_errors():
        made = settings_from(settings, flags)
        repository, asked, image = parse_named(reference, made.names)
        decision = asyncio.run(_decide(made, policies_from(made), repository, asked))
    if as_json:
        print(json.dumps({"reference": named(repository, asked), **to_json(decision)}, indent=2))
    else:
        _show(console(), named(repository, asked), decision, f"{image}@{decision.digest}")
    raise typer.Exit(OUTCOMES[decision.outcome])


async def _decide(settings: Settings, policies: PolicySet, repository: Repository, asked: Reference) -> Decision:
    # Judged afresh: the store of a running gate is left alone.
    async with core(replace(settings, state=None), policies) as made:
        await made.refresher.fill()
        fetched = await made.upstream.manifest(repository, asked, MANIFESTS, Access(by_gate=True))
        artifact = Artifact(
            repository=repository,
            digest=fetched.digest,
            manifest=made.manifests.learn(repository, fetched),
            tag_subject=carrier_subject(asked),
            by_digest=isinstance(asked, Digest),
        )
        return (await made.judge.for_pull(artifact, Access(by_gate=True))).decision


def _show(out: Console, name: str, decision: Decision, image: str) -> None:
    out.print(f"{name}\n{decision.digest}\n", markup=False)
    if decision.results:
        rows = [(result.policy, result.rule, _verdict(result), _why(result)) for result in decision.results]
        out.print(table("", ("POLICY", "RULE", "RESULT", "WHY"), rows))
        out.print()
    every = dict.fromkeys(finding for result in decision.results for finding in result.findings)
    findings = [(finding.source, finding.reason.value, finding.text) for finding in every if finding.source]
    if findings:
        out.print(table("Signatures that do not count", ("FOUND IN", "REASON", "WHY"), findings))
        out.print()
    for warning in decision.warnings:
        out.print(f"warning: {warning}", markup=False)
    if decision.covered_by:
        out.print(f"by the index {decision.covered_by}, which lists it and is admitted", markup=False)
    reason = f": {decision.finding.reason.value}: {decision.finding.text}" if decision.finding else ""
    out.print(f"{_WORDS[decision.outcome.value]}{reason}", markup=False)
    if decision.cure and not decision.admitted:
        out.print(f"Fix: {decision.cure.replace('{reference}', image)}", markup=False)


def _verdict(result: RuleResult) -> str:
    if result.satisfied:
        return "satisfied"
    return "not satisfied" if result.enforced else "not satisfied (only warns)"


def _why(result: RuleResult) -> str:
    if result.finding:
        return f"{result.finding.reason.value}: {result.finding.text}"
    return ", ".join(result.signers)
