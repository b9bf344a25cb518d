"""The state store: in memory, and in SQLite."""
