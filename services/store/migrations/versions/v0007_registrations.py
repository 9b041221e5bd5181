"""Registered phones, what their ITLs are compared with, and when a node was last seen.

A subscriber's role writes the rows of its own node only, as with `processnode`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_OWN_NODE = "SELECT id FROM processnode WHERE db_role = current_user"
_OWN_ROWS = f"node_id IN ({_OWN_NODE})"


def upgrade() -> None:
    """Add them, and let subscribers' roles write their own node's rows."""
    op.add_column(
        "node_state",
        sa.Column(
            "seen_at", sa.BigInteger, nullable=False, server_default=sa.text("0")
        ),
    )
    _create_registration()
    op.create_table(
        "tftp_itl",
        sa.Column(
            "node_id", sa.Integer, sa.ForeignKey("processnode.id"), primary_key=True
        ),
        sa.Column("sha1", sa.String(40), nullable=False),
        sa.Column("sha512", sa.String(128), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("registration", "tftp_itl"):
        _protect(table)
    roles = sa.text("SELECT db_role FROM processnode WHERE db_role IS NOT NULL")
    for role in op.get_bind().scalars(roles).all():
        op.execute(f"GRANT UPDATE (seen_at) ON node_state TO {role}")
        for table in ("registration", "tftp_itl"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def _create_registration() -> None:
    op.create_table(
        "registration",
        sa.Column("device", sa.String(128), primary_key=True),
        sa.Column(
            "node_id", sa.Integer, sa.ForeignKey("processnode.id"), primary_key=True
        ),
        sa.Column("state", sa.String(12), nullable=False),
        _number("code"),
        sa.Column("at", sa.BigInteger, nullable=False),
        _text("signalling", 4),
        _number("is_secure"),
        _text("address", 45),
        _text("load", 64),
        _text("itl_host", 128),
        _text("itl_digest", 128),
        sa.Column("itl_at", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(
        name, sa.String(length), nullable=False, server_default=sa.text("''")
    )


def _protect(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everybody_reads ON {table} FOR SELECT USING (true)")
    op.execute(
        f"CREATE POLICY own_rows_added ON {table} FOR INSERT WITH CHECK ({_OWN_ROWS})"
    )
    op.execute(
        f"CREATE POLICY own_rows_changed ON {table} FOR UPDATE "
        f"USING ({_OWN_ROWS}) WITH CHECK ({_OWN_ROWS})"
    )
    op.execute(
        f"CREATE POLICY own_rows_deleted ON {table} FOR DELETE USING ({_OWN_ROWS})"
    )
