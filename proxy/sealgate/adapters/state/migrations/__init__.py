"""How the tables of a state database of an earlier version become those of this one (alembic)."""
