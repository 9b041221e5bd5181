"""Activated services of nodes; time zones and date forms of device pools."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns: nodes made before have every role."""
    op.add_column(
        "processnode",
        sa.Column(
            "roles",
            sa.String(64),
            nullable=False,
            server_default=sa.text("'tftp,callmanager,capf'"),
        ),
    )
    op.add_column(
        "device_pool",
        sa.Column(
            "time_zone", sa.String(64), nullable=False, server_default=sa.text("'UTC'")
        ),
    )
    op.add_column(
        "device_pool",
        sa.Column(
            "date_template",
            sa.String(16),
            nullable=False,
            server_default=sa.text("'D/M/Y'"),
        ),
    )
