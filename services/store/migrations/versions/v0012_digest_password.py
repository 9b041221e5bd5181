"""The Digest password that phones get in their configuration."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column: empty for phones whose configuration holds no password."""
    op.add_column(
        "device",
        sa.Column(
            "digest_password",
            sa.String(128),
            nullable=False,
            server_default=sa.text("''"),
        ),
    )
