"""Bounds for what a subscriber's role may write; other roles cannot read it.

A negative time or port that a subscriber's host wrote was signed or served by the
publisher. And a first publication was one row for all roles: one left uncommitted made
every other node wait. Each role has its own rows now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_OWN_ROW = "published_by = current_user"
_IN_32_BITS = "published_at BETWEEN 0 AND 4294967295"
_PORTS = ("tftp_port", "tvs_port")


def upgrade() -> None:
    """Bound them, and say whose a publication is."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.rename_table("published", "published_before")
    op.create_table(
        "published",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("published_by", sa.String(63), primary_key=True),
        sa.Column("published_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint(_IN_32_BITS, name="published_at_in_32_bits"),
    )
    owner = "current_user" if on_postgresql else "''"
    op.execute(
        "INSERT INTO published (digest, published_by, published_at) "  # noqa: S608
        f"SELECT digest, {owner}, published_at FROM published_before "
        f"WHERE {_IN_32_BITS}"
    )
    op.drop_table("published_before")
    if on_postgresql:
        _protect()


def _protect() -> None:
    """Add what only PostgreSQL needs, and SQLite cannot add to a table in use.

    On SQLite nobody but the cluster's own host writes.
    """
    op.execute("ALTER TABLE published ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybody_reads ON published FOR SELECT USING (true)")
    op.execute(
        f"CREATE POLICY own_rows ON published FOR INSERT WITH CHECK ({_OWN_ROW})"
    )
    for port in _PORTS:
        within = f"{port} BETWEEN 1 AND 65535"
        op.execute(
            f"UPDATE processnode SET {port} = NULL WHERE NOT ({within})"  # noqa: S608
        )
        op.create_check_constraint(f"{port}_is_one", "processnode", within)
    # They had rights on the table that is gone: give them back to those who had them.
    roles = sa.text("SELECT db_role FROM processnode WHERE db_role IS NOT NULL")
    for role in op.get_bind().scalars(roles).all():
        op.execute(f"GRANT SELECT, INSERT ON published TO {role}")
