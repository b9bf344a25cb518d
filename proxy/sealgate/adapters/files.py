"""Files that people write: policies, keys, settings, trusted roots. Everything read here is bounded."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONFIGURATION_FILE_BYTES

_CASES: Final = "cases"


def read(path: Path, most: int = CONFIGURATION_FILE_BYTES) -> bytes:
    """A whole file of at most `most` bytes.

    Raises:
        ConfigurationInvalid: it is absent, cannot be read, is no file, or is larger.
    """
    try:
        if not path.is_file():
            told = "is not a file" if path.exists() else "there is no such file"
            raise ConfigurationInvalid(f"{path}: {told}")
        with path.open("rb") as opened:
            content = opened.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigurationInvalid(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > most:
        raise ConfigurationInvalid(f"{path}: has more than {most} bytes")
    return content


def policy_files(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    """Name and content of every policy file that these files and folders hold.

    Of a folder: its `*.yaml` and those of its sub-folders, one level deep, `cases.yaml` and hidden ones aside (a
    Kubernetes ConfigMap keeps its versions in hidden folders).

    Raises:
        ConfigurationInvalid: one cannot be read, ends in `.yml` and would be passed over elsewhere, or a path holds no
            policy at all; it names each.
    """
    found: dict[Path, None] = {}
    problems: list[str] = []
    for path in paths:
        files = list(_in_folder(path, 1)) if path.is_dir() else [path]
        if not files:
            problems.append(f"{path}: there is no policy (*.yaml) in this folder")
        misnamed = [file for file in files if file.suffix == ".yml" and file != path]
        problems += [f"{file}: a policy's name ends in .yaml; rename it" for file in misnamed]
        found |= dict.fromkeys(files)
    made: list[tuple[str, bytes]] = []
    for path in found:
        try:
            made.append((str(path), read(path)))
        except ConfigurationInvalid as bad:
            problems += bad.problems
    if problems:
        raise ConfigurationInvalid(*problems)
    return made


def beside(file: str, name: str) -> bytes:
    """A file that a policy names, which is in the policy's own folder or below it.

    Raises:
        ConfigurationInvalid: it is elsewhere, absent, or cannot be read.
    """
    folder, path = Path(file).parent, Path(file).parent / name
    try:  # links are followed first: in a ConfigMap each file is one, into a hidden folder beside it
        within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL in the name; a link that leads to itself
        within = False
    if Path(name).is_absolute() or ".." in Path(name).parts or not within:
        raise ConfigurationInvalid(f"{name} is not beside the policy or in a folder below it")
    return read(path)


def _in_folder(folder: Path, deeper: int) -> Iterable[Path]:
    """What looks like a policy. Nothing that cannot be read is passed over: the set would be a weaker one."""
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or (deeper == 0 and path.is_dir()):
                continue
            if path.is_dir():
                yield from _in_folder(path, deeper - 1)
            elif path.suffix in (".yaml", ".yml") and path.stem != _CASES:
                yield path
    except OSError as error:
        raise ConfigurationInvalid(f"{folder}: cannot be read: {error.strerror}") from error
