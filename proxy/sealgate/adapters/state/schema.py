"""Which version of the tables a database has, and how it gets those of this one.

Alembic makes and changes them, in one transaction with everything else that makes a database. Its version is a row of
`alembic_version`; databases of before it have a row of `schema_version`, with the same numbers.
"""

import os
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Integer, Text, column, insert, inspect, select, table

from sealgate.adapters.state import tables
from sealgate.errors import ConfigurationInvalid

HEAD: Final = "0004"
"""Of the tables that this sealgate works with."""
SECRET_BYTES: Final = 32
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_KNOWN: Final = frozenset({"0001", "0002", "0003", HEAD})
_OLD: Final = {1: "0001", 2: "0002", 3: "0003"}


def version(connection: Connection, place: str) -> str | None:
    """The version of a database's tables; None where there are none.

    Args:
        connection: to it.
        place: what it is called, for people.

    Raises:
        ConfigurationInvalid: it is a database of something else, or of a later sealgate.
    """
    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        found = connection.scalars(select(column("version_num", Text)).select_from(table("alembic_version"))).all()
        if len(found) == 1 and found[0] in _KNOWN:
            return str(found[0])
        raise _unknown(place, ", ".join(map(str, found)))
    if "schema_version" in names:
        old = connection.scalars(select(column("version", Integer)).select_from(table("schema_version"))).all()
        if len(old) == 1 and old[0] in _OLD:
            return _OLD[old[0]]
        raise _unknown(place, ", ".join(map(str, old)))
    if names:
        raise ConfigurationInvalid(f"state: {place} is a database of something else")
    return None


def upgrade(connection: Connection, place: str) -> str | None:
    """Bring a database to `HEAD`, or make it; in the transaction of this connection.

    Returns:
        The version that it had; None where it was made.

    Raises:
        ConfigurationInvalid: as `version`.
    """
    had = version(connection, place)
    if had == HEAD:
        return had
    # Here and not above: a gate whose database is up to date has no use for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if had is not None and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, had)
        connection.exec_driver_sql("DROP TABLE schema_version")
    command.upgrade(config, HEAD)
    if had is None:
        connection.execute(insert(tables.secret).values(value=os.urandom(SECRET_BYTES)))
    return had


def _unknown(place: str, found: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        f"state: {place} has tables of version {found or 'none'}, this sealgate has {HEAD}; go back to the sealgate "
        "that made it, or give this one another database: it will find out again what it needs, but pushes that wait "
        "for a signature must be repeated"
    )
