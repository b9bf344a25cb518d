"""`sealgate policy validate PATH…`: every problem of every file, at once."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate.adapters import files
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json, SettingsFile, settings_from
from sealgate.cli.tables import console, table
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.naming import Names
from sealgate.policy.load import Holding, Loaded, RingKey
from sealgate.policy.problems import Problem
from sealgate.settings import Overrides
from sealgate.wiring import holding, key_ring, load_policies

app = typer.Typer(no_args_is_help=True)

_SHOWN: Final = 100  # characters of a line in which something is wrong


@app.callback()
def _group() -> None:
    """Tools for those who write policies."""


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
        ring: dict[str, RingKey] = {}
        roots: Iterable[str] = ("default",)
        names: Names | None = None
        held: Holding | None = None
        if settings is not None:
            flags = Overrides(policies=tuple(str(path) for path in paths))
            try:
                made = settings_from(settings, flags)
                names, held = made.names, holding(made)
            except ConfigurationInvalid:  # perhaps only because a flag of `serve` is to name the registry
                made = settings_from(settings, replace(flags, upstream="http://localhost"))
            ring, roots = key_ring(dict(made.keys)), made.trusted_roots
        loaded = load_policies(tuple(paths), ring, roots, names, held)
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
        out.print(f"{kind}: {problem}", markup=False, soft_wrap=True)
        if (line := _source_line(problem)) is not None:
            begin = max(0, problem.column - _SHOWN // 2)
            out.print(f"  {problem.line:>4} | {line[begin : begin + _SHOWN]}", markup=False, soft_wrap=True)
            out.print(f"       | {' ' * (problem.column - 1 - begin)}^", markup=False, soft_wrap=True)
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
    end = "the set is refused whole" if errors else _count(made, "policy", "policies")
    out.print(f"\n{_count(errors, 'error', 'errors')}, {_count(warnings, 'warning', 'warnings')}: {end}", markup=False)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _source_line(problem: Problem) -> str | None:
    if not problem.line:
        return None
    lines = files.read(Path(problem.file)).decode("utf-8", errors="replace").split("\n")
    if problem.line > len(lines):
        return None
    return "".join(char if char.isprintable() else " " for char in lines[problem.line - 1])


def _json(loaded: Loaded) -> dict[str, object]:
    return {
        "problems": [asdict(problem) for problem in loaded.problems],
        "policies": [policy.name for policy in loaded.policies] if not loaded.errors else [],
        "disabled": list(loaded.disabled),
    }
