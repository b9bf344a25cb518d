"""Pushes that wait for their signature."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "holds",
        sa.Column("identifier", sa.Text, primary_key=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("pointed", sa.Text),
        sa.Column("pusher", sa.Text, nullable=False),
        sa.Column("held_at", sa.Double, nullable=False),
        sa.Column("deadline", sa.Double, nullable=False),
        sa.Column("releases", sa.Integer, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("due", sa.Integer, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
    )
    op.create_index("holds_by_tag", "holds", ["repository", "tag"], unique=True)
    op.create_index("holds_by_digest", "holds", ["repository", "digest"])
    op.create_index("holds_by_deadline", "holds", ["deadline"])
    op.create_index("holds_due", "holds", ["due"])
