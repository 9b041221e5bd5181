"""The last alarms of each phone, beside its registration."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column: empty for phones that sent none."""
    op.add_column(
        "registration",
        sa.Column(
            "alarms", sa.String(2048), nullable=False, server_default=sa.text("''")
        ),
    )
