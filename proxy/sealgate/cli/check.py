"""`sealgate check REF`: what the gate would decide about a pull, and every finding on the way there."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from sealgate.admission.carriers import carrier_subject
from sealgate.admission.judge import Artifact
from sealgate.cli.decision import show
from sealgate.cli.exits import OUTCOMES, Exit, readable_errors
from sealgate.cli.options import Json, Policies, SettingsFile, TrustedRoot, Upstream, policies_from, settings_from
from sealgate.cli.references import parse_named
from sealgate.cli.standalone import image_of, standalone
from sealgate.cli.tables import console
from sealgate.cli.watching import Seen, watch
from sealgate.limits import RECHECK_SECONDS
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Reference, Repository, named
from sealgate.policy.decision import Decision
from sealgate.policy.decision_json import to_json
from sealgate.policy.model import PolicySet
from sealgate.ports import Access
from sealgate.settings import Overrides, Settings
from sealgate.wiring import core


def check(
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="As ghcr.io/myorg/app:1.0; behind a gate, repository:tag or …@sha256:…")
    ],
    settings: SettingsFile = None,
    upstream: Upstream = None,
    policies: Policies = None,
    trusted_root: TrustedRoot = None,
    watching: Annotated[
        bool, typer.Option("--watch", help="Go on: judge again when policies change, and every so often.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="With --watch: after how long to ask the registry again.")
    ] = RECHECK_SECONDS,
    as_json: Json = False,
) -> None:
    """Say what the gate would decide about pulling REF, and why: every rule, every signature that was looked at.

    It asks the registry itself, as the gate does, and needs no gate running. Without --settings or --upstream, REF
    names its registry and --policies the policies; docker's credentials for it are used, where there are any. With
    --watch it goes on until it is stopped (Ctrl-C), and tells what changes.

    Exit status: 0 admitted, 1 denied, 3 could not be checked, 2 wrong usage; with --watch, that of the last answer.
    """
    with readable_errors():
        flags = Overrides(upstream=upstream, policies=policies or (), trusted_root=trusted_root)
        alone = settings is None and upstream is None and "SEALGATE_UPSTREAM" not in os.environ
        made = standalone(reference, flags) if alone else settings_from(settings, flags)
        repository, asked, image = parse_named(reference, made.names)
        if alone:  # there is no gate to be named
            image = image_of(reference)
        name = named(repository, asked)
        out = console()
        if not watching:
            decision = asyncio.run(_decide(made, policies_from(made), repository, asked))
            _tell(out, name, image, decision, as_json=as_json)
            raise typer.Exit(OUTCOMES[decision.outcome])
        policies_from(made)  # what is wrong at the start is wrong usage
        with TemporaryDirectory(prefix="sealgate-", ignore_cleanup_errors=True) as folder:
            made = made if made.trusted_roots_folder else replace(made, trusted_roots_folder=Path(folder))
            last = asyncio.run(
                watch(
                    made.policies,
                    every,
                    _judging(made, repository, asked),
                    Seen(out, lambda decision: _tell(out, name, image, decision, as_json=as_json), quiet=as_json),
                )
            )
    raise typer.Exit(OUTCOMES[last.outcome] if last else Exit.UNDETERMINED)


def _judging(settings: Settings, repository: Repository, asked: Reference) -> Callable[[], Awaitable[Decision]]:
    """Judges by the policies as they are then."""

    async def judge() -> Decision:
        return await _decide(settings, policies_from(settings), repository, asked)

    return judge


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


def _tell(out: Console, name: str, image: str, decision: Decision, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"reference": name, **to_json(decision)}, indent=2), flush=True)
    else:
        show(out, name, decision, f"{image}@{decision.digest}")
