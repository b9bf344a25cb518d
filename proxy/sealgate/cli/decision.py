"""How a decision looks in a terminal."""

from typing import Final

from rich.console import Console

from sealgate.cli.tables import table
from sealgate.policy.decision import Decision, RuleResult

WORDS: Final = {"admit": "ADMITTED", "deny": "DENIED", "undetermined": "COULD NOT BE CHECKED"}


def show(out: Console, name: str, decision: Decision, image: str) -> None:
    """Show a decision to people.

    Args:
        out: where.
        name: what was asked for, by its canonical name.
        decision: the decision.
        image: the image by digest, as people write it.
    """
    out.print(f"{name}\n{decision.digest}\n", markup=False)
    if decision.results:
        rows = [(result.policy, result.rule, verdict(result), why(result)) for result in decision.results]
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
    out.print(f"{WORDS[decision.outcome.value]}{reason}", markup=False)
    if decision.cure and not decision.admitted:
        out.print(f"Fix: {decision.cure.replace('{reference}', image)}", markup=False)


def verdict(result: RuleResult) -> str:
    """What a rule came to, in a word or a few."""
    if result.satisfied:
        return "satisfied"
    return "not satisfied" if result.enforced else "not satisfied (only warns)"


def why(result: RuleResult) -> str:
    """On what ground."""
    if result.finding:
        return f"{result.finding.reason.value}: {result.finding.text}"
    return ", ".join(result.signers)
