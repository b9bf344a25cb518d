"""What lists what, decisions, and the secret."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "manifests",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Double, nullable=False),
        sa.Column("admitted", sa.Integer, nullable=False),
    )
    op.create_index("manifests_by_digest", "manifests", ["repository", "digest"], unique=True)
    for name in ("lists_blob", "lists_child"):
        op.create_table(
            name,
            sa.Column("repository", sa.Text, primary_key=True),
            sa.Column("digest", sa.Text, primary_key=True),
            sa.Column("manifest", _COUNTED, sa.ForeignKey("manifests.id"), primary_key=True),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "decisions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("valid_until", sa.Double, nullable=False),
    )
    op.create_index("decisions_by_digest", "decisions", ["repository", "digest"])
    op.create_index("decisions_by_end", "decisions", ["valid_until"])
    op.create_table("secret", sa.Column("value", sa.LargeBinary, primary_key=True))
