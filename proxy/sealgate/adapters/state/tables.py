"""The tables of the state database, as `migrations` makes them.

Digests and repositories are text, times are seconds since 1970 in UTC. What a table says is where to look, or what was
decided under a key that holds all that the decision depends on; no row says that something is good.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite

METADATA: Final = MetaData()
_COUNTED: Final = BigInteger().with_variant(Integer, "sqlite")  # grows: the order of recording

manifests: Final = Table(
    "manifests",
    METADATA,
    Column("id", _COUNTED, primary_key=True),
    Column("repository", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("admitted", Integer, nullable=False),  # 1 when it ever was: asked first, and judged all the same
    Column("used_at", Double, nullable=False, server_default="0"),  # to the day
    Index("manifests_by_digest", "repository", "digest", unique=True),
    Index("manifests_by_use", "used_at"),
)


def _listing(name: str) -> Table:
    """A manifest lists a digest. The primary key is the one index that a question needs, in the order of the answer."""
    return Table(
        name,
        METADATA,
        Column("repository", Text, primary_key=True),
        Column("digest", Text, primary_key=True),
        Column("manifest", _COUNTED, ForeignKey(manifests.c.id), primary_key=True),
        Index(f"{name}_by_manifest", "manifest"),
        sqlite_with_rowid=False,
    )


lists_blob: Final = _listing("lists_blob")
lists_child: Final = _listing("lists_child")

carriers: Final = Table(
    "carriers",
    METADATA,
    Column("id", _COUNTED, primary_key=True),
    Column("repository", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("used_at", Double, nullable=False, server_default="0"),
    Index("carriers_by_subject", "repository", "subject", "digest", unique=True),
    Index("carriers_by_use", "used_at"),
)

decisions: Final = Table(
    "decisions",
    METADATA,
    Column("key", Text, primary_key=True),  # SHA-256 of the whole key
    Column("repository", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("valid_until", Double, nullable=False),
    Column("seal", Text, nullable=False, server_default=""),  # by which replicas know each other's decisions
    Index("decisions_by_digest", "repository", "digest"),
    Index("decisions_by_end", "valid_until"),
)

holds: Final = Table(
    "holds",
    METADATA,
    Column("identifier", Text, primary_key=True),  # a ULID: the order of holding
    Column("repository", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("pointed", Text),
    Column("pusher", Text, nullable=False),
    Column("held_at", Double, nullable=False),
    Column("deadline", Double, nullable=False),
    Column("releases", Integer, nullable=False),
    Column("policy", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("due", Integer, nullable=False),
    Column("asked", Text, nullable=False),
    Index("holds_by_tag", "repository", "tag", unique=True),
    Index("holds_by_digest", "repository", "digest"),
    Index("holds_by_deadline", "deadline"),
    Index("holds_due", "due"),
)

secret: Final = Table("secret", METADATA, Column("value", LargeBinary, primary_key=True))


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert of the database's own kind: the only one that may say what becomes of a row that is there."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
