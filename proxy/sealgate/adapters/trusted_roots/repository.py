"""A TUF repository that publishes a trusted root, as Sigstore's own does (theupdateframework.io/specification).

All that TUF promises (no rollback, no freeze past an expiry, no mixture, no foreign key) is python-tuf's work; here is
what it leaves open: where its cache is, how much it reads, and what becomes of the file.
"""

import hashlib
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.metadata import Metadata
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from sealgate.adapters.trusted_roots.download import BoundedFetcher
from sealgate.adapters.trusted_roots.kept import Kept
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONFIGURATION_FILE_BYTES, TUF_METADATA_BYTES, TUF_ROOT_ROTATIONS

_TARGET: Final = "trusted_root.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TufRepository:
    """A repository, and the root of trust that it is believed by.

    Args:
        url: where its metadata is; its targets are below `targets/`.
        root: its root.json, the signed TUF metadata in which trust begins.
        folder: where it keeps its metadata and the last good trusted root; nobody else writes there.
    """

    url: str
    root: bytes = field(repr=False)
    folder: Path

    @classmethod
    def within(cls, folder: Path, name: str, url: str, root: bytes) -> "TufRepository":
        """A repository with a folder of its own: another address, or another root of trust, begins anew.

        Args:
            folder: where all repositories have theirs.
            name: what the settings call it.
            url: its address.
            root: its root.json.
        """
        called = hashlib.sha256(b"%s\n%s" % (url.encode(), root)).hexdigest()
        return cls(url=url, root=root, folder=folder / f"{name}-{called[:16]}")

    def fetch(self, now: datetime) -> Kept:
        """Ask the repository for its current trusted root. It blocks, for `TUF_SECONDS` at most.

        Args:
            now: the time to write down.

        Raises:
            ConfigurationInvalid: the repository publishes no trusted root, or none of a sensible size.
            tuf.api.exceptions.DownloadError, RepositoryError: it cannot be reached, or cannot be believed.
            OSError: the folder cannot be written.
        """
        with closing(BoundedFetcher()) as fetcher:
            return self._fetch(fetcher, now)

    def _fetch(self, fetcher: BoundedFetcher, now: datetime) -> Kept:
        metadata = self.folder / "tuf"
        metadata.mkdir(mode=0o700, parents=True, exist_ok=True)
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=self.url,
            target_base_url=f"{self.url}/targets/",
            fetcher=fetcher,
            config=UpdaterConfig(
                max_root_rotations=TUF_ROOT_ROTATIONS,
                root_max_length=TUF_METADATA_BYTES,
                snapshot_max_length=TUF_METADATA_BYTES,
                targets_max_length=TUF_METADATA_BYTES,
            ),
            bootstrap=self.root,
        )
        updater.refresh()
        target = updater.get_targetinfo(_TARGET)
        if target is None:
            raise ConfigurationInvalid(f"{self.url} publishes no {_TARGET}")
        if target.length > CONFIGURATION_FILE_BYTES:
            raise ConfigurationInvalid(f"the {_TARGET} of {self.url} has more than {CONFIGURATION_FILE_BYTES} bytes")
        raw = Path(updater.download_target(target, str(self.folder / _TARGET))).read_bytes()
        # What vouches for the target is the targets role; the timestamp's word is for days and says "nothing newer".
        expires = Metadata.from_file(str(metadata / "targets.json")).signed.expires
        return Kept(raw=raw, confirmed=now, expires=expires)
