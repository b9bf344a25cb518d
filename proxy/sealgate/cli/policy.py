"""`sealgate policy …`: tools for those who write policies; `validate` tells every problem of every file at once."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sealgate.cli import policy_explain, policy_import, policy_test
from sealgate.cli.authoring import surroundings
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json, SettingsFile
from sealgate.cli.tables import console, count, table
from sealgate.policy.load import Loaded
from sealgate.wiring import load_policies

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Tools for those who write policies."""


app.command("test")(policy_test.try_policies)
app.command("explain")(policy_explain.explain_repository)
app.command("import")(policy_import.import_policies)


@app.command("validate")
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Policy files, or folders of them.")],
    settings: SettingsFile = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 when there are warnings, too.")] = False,
    as_json: Json = False,
) -> None:
    """Check policy files as the gate would load them: all together, every problem at once.

    The settings are only needed for what policies name of them: keys (trusted_keys), trusted roots, and upstreams in
    the names of repositories. Exit status: 2 when there are errors, else 0.
    """
    with readable_errors():
        around = surroundings(settings, tuple(paths))
        loaded = load_policies(tuple(paths), dict(around.ring), around.trusted_roots, around.names, around.holding)
    if as_json:
        print(json.dumps(_json(loaded), indent=2))
    else:
        _show(loaded)
    refused = loaded.errors or (strict and loaded.problems)
    raise typer.Exit(Exit.USAGE if refused else Exit.ADMIT)


def _show(loaded: Loaded) -> None:
    out = console()
    for problem in loaded.problems:
        kind = "error" if problem.error else "warning"
        out.print(f"{kind}: {problem.shown()}", markup=False, soft_wrap=True)
    errors, warnings = len(loaded.errors), len(loaded.problems) - len(loaded.errors)
    if not errors:
        rows = [
            (
                policy.name,
                policy.mode.value,
                ", ".join(sorted(policy.operations)),
                "\n".join(pattern.text for pattern in policy.repositories),
                "anything passes" if policy.allow_unsigned else "\n".join(rule.name for rule in policy.rules),
            )
            for policy in loaded.policies
        ]
        out.print(table("", ("POLICY", "MODE", "JUDGES", "REPOSITORIES", "RULES"), rows))
    for name in loaded.disabled:
        out.print(f"{name} is disabled: what only it covers is uncovered", markup=False)
    made = len(loaded.policies) + len(loaded.disabled)
    end = "the set is refused whole" if errors else count(made, "policy", "policies")
    out.print(f"\n{count(errors, 'error', 'errors')}, {count(warnings, 'warning', 'warnings')}: {end}", markup=False)


def _json(loaded: Loaded) -> dict[str, object]:
    return {
        "problems": [asdict(problem) for problem in loaded.problems],
        "policies": [policy.name for policy in loaded.policies] if not loaded.errors else [],
        "disabled": list(loaded.disabled),
    }
