"""`sealgate policy explain REPOSITORY`: what is asked of it, in sentences."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sealgate.cli.authoring import surroundings
from sealgate.cli.exits import readable_errors
from sealgate.cli.options import Json, Policies, SettingsFile
from sealgate.cli.problems import refusal
from sealgate.cli.tables import console
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.reference import Repository
from sealgate.policy.model import Operation
from sealgate.policy.sentences import Explanation, Told, explain
from sealgate.wiring import load_policies


def explain_repository(
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="Its canonical name, as production/app.")],
    policies: Policies = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Tell which policies and rules cover REPOSITORY, for pulls and for pushes, and what becomes of the rest.

    Captures are filled in. Policies are those of --policies, or else of the settings. Exit status: 0, or 2 when a file
    cannot be used.
    """
    with readable_errors():
        paths = tuple(Path(path) for path in policies or ())
        around = surroundings(settings, paths)
        paths = paths or around.policies
        if not paths:
            raise ConfigurationInvalid("no policies are named; give --policies or --settings")
        loaded = load_policies(paths, dict(around.ring), around.trusted_roots, around.names)
        if loaded.errors:
            raise refusal(loaded.errors)
        name = Repository.parse(repository).name
        if around.names is not None:
            name = around.names.canonical(name, "", "").repository.name
        found = [explain(loaded.policy_set(around.unmatched), name, operation) for operation in Operation]
    if as_json:
        told = {one.operation.value: {"covering": [asdict(each) for each in one.covering], "further": one.further}
                for one in found}  # fmt: skip
        print(json.dumps({"repository": name, **told}, indent=2))
        return
    out = console()
    out.print(name, markup=False)
    pull, push = found
    if (pull.covering, pull.further) == (push.covering, push.further):
        _show(out, "A pull, and a push of any tag:", pull)
    else:
        _show(out, "A pull:", pull)
        _show(out, "A push:", push)


def _show(out: Console, title: str, one: Explanation) -> None:
    out.print(f"\n{title}", markup=False)
    for told in one.covering:
        _show_policy(out, told)
    for text in one.further:
        _line(out, 2, text)


def _show_policy(out: Console, told: Told) -> None:
    tags = f" (only tags {', '.join(told.tags)})" if told.tags else ""
    described = f": {told.description}" if told.description else ""
    _line(out, 2, f"policy {told.policy}{tags}{described}")
    if told.captures:
        _line(out, 4, "with " + ", ".join(f"{{{name}}} = {value}" for name, value in told.captures.items()))
    for rule, text in told.rules:
        _line(out, 4, f"{rule}: {text}")
    for text in told.further:
        _line(out, 4, text)


def _line(out: Console, indent: int, text: str) -> None:
    """A paragraph; further lines of it stand further in."""
    if not out.is_terminal:  # for logs and pipes: a line stays a line
        out.print(f"{' ' * indent}{text}", markup=False, soft_wrap=True)
        return
    lines = Text(text).wrap(out, max(20, out.width - indent - 2))
    for number, line in enumerate(lines):
        out.print(Padding(line, (0, 0, 0, indent + (2 if number else 0))))
