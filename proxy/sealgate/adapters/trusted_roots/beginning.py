"""What a gate begins with: files as they are, and of repositories the last good root, without asking anybody."""

import logging
from pathlib import Path
from typing import Final

from sealgate.adapters.reading import Reading
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.trusted_roots import kept, public_good
from sealgate.adapters.trusted_roots.current import RootState
from sealgate.adapters.trusted_roots.repository import TufRepository
from sealgate.errors import ConfigurationInvalid

_log: Final = logging.getLogger(__name__)


def from_file(path: Path, reading: Reading) -> RootState:
    """A trusted_root.json, which is as it is until somebody changes it.

    Raises:
        ConfigurationInvalid: it cannot be read, or is no trusted root.
    """
    return RootState(root=TrustedRootFile.parse(reading.read(path), str(path)))


def from_repository(repository: TufRepository, name: str) -> RootState:
    """The last good root of a repository; none, where it was never reached or what is kept cannot be read."""
    found = kept.read(repository.folder)
    if found is None:
        return RootState(root=None)
    try:
        root = TrustedRootFile.parse(found.raw, name)
    except ConfigurationInvalid as bad:
        _log.warning("the kept trusted root cannot be used: %s", bad)
        return RootState(root=None)
    return RootState(root=root, confirmed=found.confirmed, expires=found.expires)


def from_public_good(folder: Path, name: str) -> tuple[RootState, TufRepository]:
    """The public good instance's: the last good root, or the copy that the sigstore package ships, which never ends.

    Raises:
        ConfigurationInvalid: it cannot be used.
    """
    repository = TufRepository.within(folder, name, public_good.URL, public_good.repository_root())
    state = from_repository(repository, name)
    return (state if state.root else RootState(root=TrustedRootFile.public_good())), repository
