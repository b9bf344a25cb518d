"""Alembic's entrance: `sealgate.adapters.state.schema` gives it the connection, and the transaction is its."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
