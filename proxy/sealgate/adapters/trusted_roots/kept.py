"""The last good trusted root of a repository, on disk: what a gate starts with while nobody was asked yet."""

import json
import logging
import os
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid, JsonMalformed
from sealgate.oci import strict_json

_log: Final = logging.getLogger(__name__)

_FILE: Final = "last-good.json"
_FIELDS: Final = frozenset({"confirmed", "expires", "trusted_root"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A trusted root as its repository vouched for it.

    Args:
        raw: the trusted_root.json.
        confirmed: when the repository last said that it is the current one.
        expires: until when the repository's word for it holds.
    """

    raw: bytes = field(repr=False)
    confirmed: datetime
    expires: datetime


def read(folder: Path) -> Kept | None:
    """What is kept in a folder; None where there is nothing that can be read."""
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        document = strict_json.members(strict_json.loads(files.read(path)), _FIELDS, _FILE)
        return Kept(
            raw=strict_json.text_of(document, "trusted_root", _FILE).encode(),
            confirmed=_moment(strict_json.text_of(document, "confirmed", _FILE)),
            expires=_moment(strict_json.text_of(document, "expires", _FILE)),
        )
    except (ConfigurationInvalid, JsonMalformed, ValueError) as bad:
        _log.warning("the kept trusted root in %s cannot be used: %s", path, bad)
        return None


def write(folder: Path, kept: Kept) -> None:
    """Keep it, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(
        {
            "confirmed": kept.confirmed.isoformat(),
            "expires": kept.expires.isoformat(),
            "trusted_root": kept.raw.decode(),
        }
    )
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    Path(opened.name).replace(folder / _FILE)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} is a time without a time zone")
    return moment
