"""The state that the settings ask for: opened, or brought up to date."""

from pathlib import Path

from sealgate.adapters import files
from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.memory_holds import MemoryHolds
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.adapters.state.remembering import RememberingStore
from sealgate.adapters.state.schema import HEAD
from sealgate.adapters.state.sql_holds import SqlHolds
from sealgate.adapters.state.sql_store import SqlStore
from sealgate.adapters.state.sqlite_file import upgrade_sqlite
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import STATE_KEY_BYTES
from sealgate.ports import Clock, Holds, Store
from sealgate.settings import SharedState

State = Path | SharedState


async def open_store(state: State | None, clock: Clock) -> Store:
    """What lists what, and what was decided.

    Raises:
        ConfigurationInvalid: it cannot be opened, or a file with its URL or key cannot be used.
    """
    if state is None:
        return MemoryStore(clock)
    if isinstance(state, Path):
        return RememberingStore(await SqlStore.open(state, clock), clock)
    return RememberingStore(await SqlStore.shared(_url(state), clock, _key(state)), clock)


async def open_holds(state: State | None) -> Holds:
    """The pushes that wait. Raises as `open_store`."""
    if state is None:
        return MemoryHolds()
    return await (SqlHolds.open(state) if isinstance(state, Path) else SqlHolds.shared(_url(state)))


def upgrade(state: State) -> tuple[str | None, str]:
    """Make the tables, or bring them to this version.

    Returns:
        The version that they had, None where they were made; and the one that they have.

    Raises:
        ConfigurationInvalid: as `open_store`.
    """
    return (upgrade_sqlite(state) if isinstance(state, Path) else upgrade_postgres(_url(state))), HEAD


def _url(state: SharedState) -> str:
    if state.url_file is None:
        return state.url
    try:
        url = files.read(state.url_file).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise ConfigurationInvalid(f"state: {state.url_file} holds no URL") from error
    scheme, separator, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres"} or not separator:
        raise ConfigurationInvalid(f"state: {state.url_file} holds no URL of a PostgreSQL database")
    return f"postgresql://{rest}"


def _key(state: SharedState) -> bytes | None:
    if state.key_file is None:
        return None
    key = files.read(state.key_file)
    if len(key) < STATE_KEY_BYTES:
        raise ConfigurationInvalid(f"state: {state.key_file} has less than {STATE_KEY_BYTES} bytes")
    return key
