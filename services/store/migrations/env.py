"""Alembic's environment: runs on the connection and in the transaction of migrate."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # SQLite can do it as well, and a half-made schema is not a schema.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
