"""`cases.yaml` files: found, read, and judged by the policies beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealgate.adapters import files
from sealgate.cli.authoring import Surroundings
from sealgate.cli.problems import refusal
from sealgate.errors import ConfigurationInvalid
from sealgate.policy import strict_yaml
from sealgate.policy.cases.build import build, check, named, repositories
from sealgate.policy.cases.build_evidence import EvidenceBuilder
from sealgate.policy.cases.facts import made_up_key, made_up_names
from sealgate.policy.cases.judge import judge
from sealgate.policy.cases.model import Tried
from sealgate.policy.load import RingKey
from sealgate.policy.model import Policy
from sealgate.wiring import load_policies

CASES: Final = "cases.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One file of cases, judged.

    Args:
        file: the file.
        policies: what judged it.
        tried: what came of each case, in the file's order.
    """

    file: Path
    policies: tuple[Policy, ...]
    tried: tuple[Tried, ...]


def find(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files of cases that these paths mean, and the folders of policies among them that have none.

    Raises:
        ConfigurationInvalid: a path is not there, or there is no file of cases at all.
    """
    found: dict[Path, None] = {}
    lacking: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise ConfigurationInvalid(f"{path}: there is no such file")
        for folder in _folders(path):
            (found if (folder / CASES).is_file() else lacking)[folder] = None
    if not found:
        raise ConfigurationInvalid(
            f"there is no {CASES} in {', '.join(map(str, paths))}; docs/policy-tests.md says how"
        )
    return [folder / CASES for folder in found], list(lacking)


def run(file: Path, around: Surroundings) -> Suite:
    """Judge every case of a file by the policies that its folder holds.

    Args:
        file: the file.
        around: what the policies name and do not hold.

    Raises:
        ConfigurationInvalid: something is wrong with the policies or the cases; it shows every problem.
    """
    document = strict_yaml.read(str(file), files.read(file))
    check(document)
    if document.data is None:
        raise refusal(document.problems)
    ring = dict(around.ring) | {name: RingKey(key=made_up_key(name)) for name in named(document, "keys")}
    roots = around.trusted_roots | set(named(document, "trusted_roots"))
    names = around.names or made_up_names(repositories(document))
    loaded = load_policies((file.parent,), ring, roots, names)
    if loaded.errors:
        raise refusal((*loaded.errors, *sorted(document.problems)))
    policies = loaded.policy_set(around.unmatched)
    keys = [(name, entry.key) for name, entry in ring.items()]
    cases = build(document, policies, EvidenceBuilder(policies.policies, keys, roots))
    if document.problems:
        raise refusal(sorted(document.problems))
    return Suite(file=file, policies=policies.policies, tried=tuple(judge(case) for case in cases))


def _folders(path: Path) -> Iterator[Path]:
    """The folders that a path means: those with cases, and those with policies."""
    if path.is_file():
        yield path.parent
        return
    try:
        folders = [path, *sorted(folder for folder in path.iterdir() if folder.is_dir())]
    except OSError as error:
        raise ConfigurationInvalid(f"{path}: cannot be read: {error.strerror}") from error
    for folder in folders:
        if not folder.name.startswith(".") or folder == path:
            names = {file.name for file in folder.iterdir() if file.suffix == ".yaml"}
            if CASES in names or names:
                yield folder
