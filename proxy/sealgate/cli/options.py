"""The options that several commands share, and the settings they make together."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from sealgate.adapters import files
from sealgate.adapters.reading import Reading
from sealgate.cli.problems import refusal
from sealgate.policy.model import PolicySet
from sealgate.settings import Overrides, Settings, read_settings
from sealgate.wiring import holding, key_ring, load_policies

SettingsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="The settings file (sealgate.yaml).")
]
Upstream: TypeAlias = Annotated[
    str | None, typer.Option(metavar="URL", help="The registry behind the gate, as http://127.0.0.1:5000.")
]
Policies: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="PATH", help="A policy file, or a folder of them; may be repeated.")
]
TrustedRoot: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A trusted_root.json for keyless signatures, instead of the public good one."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings_from(file: Path | None, flags: Overrides) -> Settings:
    """The settings that a file, the environment and these flags make.

    Raises:
        ConfigurationInvalid: with every problem.
    """
    raw = files.read(file) if file else None
    name, folder = (str(file), file.parent) if file else ("settings", Path())
    return read_settings(name, raw, flags=flags, variables=os.environ, folder=folder)


def with_port(settings: Settings) -> Settings:
    """The same with a free port in the place of port 0: messages must name the port before anything listens."""
    if settings.port:
        return settings
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((settings.host, 0))
        return replace(settings, port=probe.getsockname()[1])


def policies_from(settings: Settings, reading: Reading | None = None) -> PolicySet:
    """The policies in force.

    Args:
        settings: which name their files.
        reading: with what they are read, where changes are to be seen.

    Raises:
        ConfigurationInvalid: with every problem of every file, each shown at its place.
    """
    ring = key_ring(dict(settings.keys), reading)
    loaded = load_policies(settings.policies, ring, settings.trusted_roots, settings.names, holding(settings), reading)
    if loaded.errors:
        raise refusal(loaded.errors)
    return loaded.policy_set(settings.unmatched)
