"""What replicas share: decisions that are sealed, and rows that say when they were last of use."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns. What is there counts as used now: nobody knows better, and it costs at most one period."""
    op.add_column("decisions", sa.Column("seal", sa.Text, nullable=False, server_default=""))
    now = (
        sa.text("CAST(strftime('%s', 'now') AS REAL)")
        if op.get_bind().dialect.name == "sqlite"
        else sa.text("extract(epoch from now())")
    )
    for name in ("manifests", "carriers"):
        op.add_column(name, sa.Column("used_at", sa.Double, nullable=False, server_default="0"))
        table = sa.table(name, sa.column("used_at"))
        op.execute(table.update().values(used_at=now))
        op.create_index(f"{name}_by_use", name, ["used_at"])
    for name in ("lists_blob", "lists_child"):
        op.create_index(f"{name}_by_manifest", name, ["manifest"])
