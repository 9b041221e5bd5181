"""Ports of the services that came after TFTP and TVS, in one column of a node's row."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column, and let subscribers' roles write their own node's."""
    op.add_column(
        "processnode",
        sa.Column(
            "ports", sa.String(1024), nullable=False, server_default=sa.text("'{}'")
        ),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    roles = sa.text("SELECT db_role FROM processnode WHERE db_role IS NOT NULL")
    for role in op.get_bind().scalars(roles).all():
        op.execute(f"GRANT UPDATE (ports) ON processnode TO {role}")
