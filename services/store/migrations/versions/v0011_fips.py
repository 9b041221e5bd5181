"""FIPS mode of nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column: nodes made before are not in FIPS mode."""
    op.add_column(
        "processnode",
        sa.Column("is_fips", sa.Boolean, nullable=False, server_default=sa.false()),
    )
