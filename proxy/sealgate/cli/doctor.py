"""`sealgate doctor PATH…`: whether clients with this configuration can go around the gate."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate import doctor as examiners
from sealgate.adapters import files
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json
from sealgate.cli.tables import console
from sealgate.doctor import File, Finding, Gate
from sealgate.errors import ConfigurationInvalid, Malformed

_HOSTS: Final = "hosts.toml"


def doctor(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…",
            help="containerd's certs.d folder or a hosts.toml; Docker's daemon.json; registries.conf of podman, CRI-O, "
            "buildah and skopeo; k3s' registries.yaml; Talos' machine configuration.",
        ),
    ],
    gate: Annotated[
        str,
        typer.Option(
            metavar="HOST[:PORT]", help="What clients call the gate; a URL will do.", envvar="SEALGATE_PUBLIC_URL"
        ),
    ],
    as_json: Json = False,
) -> None:
    """Say where clients that are configured so fall back to the registry itself, or go around the gate.

    Files that a client reads together are judged together: beside registries.conf, the drop-ins of registries.conf.d
    and policy.json; beside registries.yaml of k3s, its config.yaml.

    Exit status: 0 when pulls cannot go around the gate, 1 when they can, 2 when a file is none that can be judged. A
    file says nothing about who may change it, or what the network lets through: let only the gate reach registries.
    """
    with readable_errors():
        try:
            where = Gate.at(gate)
            found = [finding for path in paths for finding in _examine(path, where)]
        except Malformed as error:
            raise ConfigurationInvalid(str(error)) from error
    bypass = any(finding.bypass for finding in found)
    if as_json:
        print(
            json.dumps({"gate": where.place, "bypass": bypass, "findings": [asdict(each) for each in found]}, indent=2)
        )
    else:
        _show(found, where)
    raise typer.Exit(Exit.DENY if bypass else Exit.ADMIT)


def _examine(path: Path, gate: Gate) -> list[Finding]:
    """Judge one path, by its name.

    Raises:
        ConfigurationInvalid: it cannot be read, or is nothing that any client here reads.
        Malformed: its client stops at it.
    """
    if path.is_dir():
        return _certs_folder(path, gate)
    by_suffix: dict[str, Callable[[Path, Gate], list[Finding]]] = {
        ".toml": _hosts,
        ".conf": _registries,
        ".json": _daemon,
        ".yaml": _kubernetes,
        ".yml": _kubernetes,
    }
    examine = by_suffix.get(path.suffix)
    if examine is None or path.name == "policy.json":
        told = "give the registries.conf beside it" if examine else "it is none of the files that --help names"
        raise ConfigurationInvalid(f"{path}: {told}")
    return examine(path, gate)


def _certs_folder(folder: Path, gate: Gate) -> list[Finding]:
    directories = {each.name: each / _HOSTS for each in folder.iterdir() if each.is_dir() and each.name[0] != "."}
    if not directories and folder.name != "certs.d":
        raise ConfigurationInvalid(f"{folder}: is no certs.d folder of containerd: there are no directories in it")
    given = {name: files.read(path) if path.exists() else None for name, path in directories.items()}
    return examiners.examine_folder(str(folder), given, gate)


def _hosts(path: Path, gate: Gate) -> list[Finding]:
    return examiners.examine_hosts(_file(path), path.absolute().parent.name, gate)


def _registries(path: Path, gate: Gate) -> list[Finding]:
    drop_ins = sorted(path.with_name(f"{path.name}.d").glob("*.conf"))
    return examiners.examine_registries([_file(each) for each in (path, *drop_ins)], _beside(path, "policy.json"), gate)


def _daemon(path: Path, gate: Gate) -> list[Finding]:
    try:
        return examiners.examine_daemon(_file(path), gate)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error


def _kubernetes(path: Path, gate: Gate) -> list[Finding]:
    file = _file(path)
    if examiners.is_talos(file):
        return examiners.examine_talos(file, gate)
    return examiners.examine_k3s(file, _beside(path, "config.yaml"), gate)


def _beside(path: Path, name: str) -> File | None:
    other = path.with_name(name)
    return _file(other) if other.exists() else None


def _file(path: Path) -> File:
    return File(str(path), files.read(path))


def _show(findings: Iterable[Finding], gate: Gate) -> None:
    out = console()
    found = list(findings)
    for finding in found:
        kind = "bypass" if finding.bypass else "warning"
        out.print(f"{kind}: {finding.client}: {finding}", markup=False, soft_wrap=True)
        out.print(f"  fix: {finding.fix}", markup=False, soft_wrap=True)
    bypass = any(finding.bypass for finding in found)
    told = "Pulls can go around" if bypass else "By these files no pull goes around"
    out.print(f"{told} {gate.place}.", markup=False, soft_wrap=True)
