"""Nodes on several hosts: their applied revisions, and the roles that write their rows.

PostgreSQL checks rows by the database role that a host logs in with (`db_role`). The
tables' owner, the publisher, is not checked; a subscriber's role sees everything and
writes its own node's rows, within what services.store.access.roles grants.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OWN_NODE = "db_role = current_user"
_OWN_STATE = f"node_id IN (SELECT id FROM processnode WHERE {_OWN_NODE})"  # noqa: S608


def upgrade() -> None:
    """Add them; Alembic's own table tells the schema's version from now on."""
    op.add_column("processnode", sa.Column("db_role", sa.String(63)))
    op.add_column(
        "node_state",
        sa.Column(
            "applied_revision", sa.Integer, nullable=False, server_default=sa.text("0")
        ),
    )
    op.drop_column("cluster", "schema_version")
    if op.get_bind().dialect.name == "postgresql":
        _protect("processnode", _OWN_NODE)
        _protect("node_state", _OWN_STATE)


def _protect(table: str, own_rows: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everybody_reads ON {table} FOR SELECT USING (true)")
    op.execute(
        f"CREATE POLICY own_rows ON {table} FOR UPDATE "
        f"USING ({own_rows}) WITH CHECK ({own_rows})"
    )
