"""Files that people write: policies, keys, settings, trusted roots. Everything read here is bounded."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONFIGURATION_FILE_BYTES

_CASES: Final = "cases.yaml"


def read(path: Path, most: int = CONFIGURATION_FILE_BYTES) -> bytes:
    """A whole file of at most `most` bytes.

    Raises:
        ConfigurationInvalid: it is absent, cannot be read, is no file, or is larger.
    """
    try:
        if not path.is_file():
            raise ConfigurationInvalid(f"{path}: there is no such file")
        with path.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise ConfigurationInvalid(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise ConfigurationInvalid(f"{path}: has more than {most} bytes")
    return content


def policy_files(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    """Name and content of every policy file that these files and folders hold.

    Of a folder: its `*.yaml` and those of its sub-folders, one level deep, `cases.yaml` and hidden ones aside (a
    Kubernetes ConfigMap keeps its versions in hidden folders).

    Raises:
        ConfigurationInvalid: one cannot be read, or a path holds no policy at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        files = sorted(_in_folder(path)) if path.is_dir() else [path]
        if not files:
            raise ConfigurationInvalid(f"{path}: there is no policy (*.yaml) in this folder")
        found |= dict.fromkeys(files)
    return [(str(path), read(path)) for path in found]


def beside(file: str, name: str) -> bytes:
    """A file that a policy names, which is in the policy's own folder or below it.

    Raises:
        ConfigurationInvalid: it is elsewhere, absent, or cannot be read.
    """
    folder = Path(file).parent
    path = folder / name
    # Compared before links are followed too: in a ConfigMap each file is a link into a hidden folder beside it.
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationInvalid(f"{name} is not beside the policy or in a folder below it")
    return read(path)


def _in_folder(folder: Path) -> Iterable[Path]:
    for pattern in ("*.yaml", "*/*.yaml"):
        for path in folder.glob(pattern):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if not hidden and path.name != _CASES and path.is_file():
                yield path
