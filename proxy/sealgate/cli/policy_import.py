"""`sealgate policy import FILE`: other gates' policies as sealgate's, and what of them cannot be said."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from sealgate.adapters import files
from sealgate.adapters.keys import read_public_key
from sealgate.cli.exits import Exit, readable_errors
from sealgate.errors import ConfigurationInvalid
from sealgate.importing import Imported, Loss, convert, render
from sealgate.policy.load import Sources, load


def import_policies(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="policy-controller's ClusterImagePolicy; Kyverno's ClusterPolicy with verifyImages, or "
            "ImageValidatingPolicy; Connaisseur's values.yaml; containers' policy.json.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Write a file for each policy and key here.")
    ] = None,
) -> None:
    """Write the policies of another gate as sealgate's.

    What cannot be carried over is told on stderr and in the files, with its place. Exit status: 0 when the policies ask
    at least what the source does; 1 when something that restricts was lost; 2 when the file cannot be read.
    """
    with readable_errors():
        made = convert(str(file), files.read(file), lambda name: files.read(file.parent / name))
        written = _files(made, keys=output is not None)
        _must_load(written, made)
        if output is not None:
            _write(output, written)
    if output is None:
        print("---\n".join(written.values()), end="")
    for loss in made.losses:
        print(f"{'NOT THE SAME' if loss.weaker else 'differs'}: {loss}", file=sys.stderr)
    raise typer.Exit(Exit.DENY if made.weaker else Exit.ADMIT)


def _files(made: Imported, *, keys: bool) -> dict[str, str]:
    """Each file to be written; with `keys`, PEM texts are files of their own."""
    written: dict[str, str] = {}
    own = {id(loss) for policy in made.policies for loss in policy.losses}
    others: list[Loss] = [loss for loss in made.losses if id(loss) not in own]
    for policy in made.policies:
        name = re.sub(r"[^a-z0-9-]+", "-", str(policy.data["name"]).lower(), flags=re.ASCII).strip("-")[:60] or "policy"
        while f"{name}.yaml" in written:
            name += "-2"
        pems: list[str] = []
        rules = policy.data.get("rules")
        for rule in rules if isinstance(rules, list) and keys else ():
            for signer in rule["key_requirements"]:
                if "public_key" in signer:
                    if signer["public_key"] not in pems:
                        pems.append(signer["public_key"])
                    signer["public_key"] = f"{name}-{pems.index(signer['public_key']) + 1}.pub"
        written[f"{name}.yaml"] = render(policy.data, [*policy.losses, *others])
        written |= {f"{name}-{number}.pub": pem for number, pem in enumerate(pems, 1)}
        others = []
    return written


def _must_load(written: dict[str, str], made: Imported) -> None:
    """Nothing is handed out that the gate would not load.

    Raises:
        ConfigurationInvalid: the source says something that no policy can, such as a pattern that RE2 does not know.
    """
    if not made.policies:
        raise ConfigurationInvalid(
            *map(str, made.losses), "nothing of it can be carried over: there is no policy to write"
        )
    sources = Sources(
        ring={},
        read_key=read_public_key,
        read_file=lambda _, name: written[name].encode(),
        trusted_roots=frozenset({"default", *made.trusted_roots}),
    )
    loaded = load([(name, text.encode()) for name, text in written.items() if name.endswith(".yaml")], sources)
    if loaded.errors:
        raise ConfigurationInvalid(*(f"cannot be carried over: {problem}" for problem in loaded.errors))


def _write(folder: Path, written: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            with (folder / name).open("x") as opened:
                opened.write(text)
    except FileExistsError as error:
        raise ConfigurationInvalid(f"{error.filename}: is already there; nothing is overwritten") from error
    except OSError as error:
        raise ConfigurationInvalid(f"{folder}: cannot be written: {error.strerror}") from error
