"""Where the gate keeps what it remembers: in memory, in a SQLite file, or in a PostgreSQL database for several."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sealgate.settings.given import Given
from sealgate.settings.model import SharedState

_SCHEMES = ("postgresql", "postgres")


def read_state(given: Given) -> Path | SharedState | None:
    """The `state` of the settings. What follows `sqlite://` is a path from the root; None is memory.

    A password in a URL is a secret: it comes from a file or a variable, and no message repeats the URL.
    """
    said: str | Mapping[str, str] = given.value("state", "memory")
    named: str = given.value("state_key_file", "")
    key_file = given.path("state_key_file", named) if named else None
    if not isinstance(said, str):
        key_file = given.path("state", said["key_file"]) if "key_file" in said else key_file
        if "url_file" in said:
            return SharedState(url_file=given.path("state", said["url_file"]), key_file=key_file)
        return _shared(given, said["url"], key_file)
    if said.startswith(_SCHEMES):
        return _shared(given, said, key_file)
    name = said.removeprefix("sqlite://").lstrip("/")
    if said == "memory":
        return None
    if said.startswith("sqlite:///") and name:
        return Path("/") / name
    told = f"{said} is none of memory, sqlite:///PATH and postgresql://HOST/DATABASE"
    given.refuse(("state",), told, "as in sqlite:///var/lib/sealgate/state.db")
    return None


def _shared(given: Given, url: str, key_file: Path | None) -> SharedState | None:
    hint = "as in postgresql://sealgate@db.example/sealgate"
    parts = _parts(url)
    if parts is None or parts.scheme not in _SCHEMES or not parts.path.strip("/"):
        given.refuse_unseen("state", "this is no URL of a PostgreSQL database", hint)
    elif not given.secret("state") and (parts.password is not None or "password" in parts.query):
        told = "a password is no setting: anybody may read those"
        given.refuse_unseen("state", told, "give the URL in a file, state: {url_file: FILE}, or as SEALGATE_STATE")
    else:
        return SharedState(url=f"postgresql{url[len(parts.scheme) :]}", key_file=key_file)
    return None


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
