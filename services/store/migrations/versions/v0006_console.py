"""Users of the console's pages; the friendly name of a certificate."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add table and column; roles of subscribers get nothing of the table."""
    op.create_table(
        "console_user",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column(
            "locked_until", sa.BigInteger, nullable=False, server_default=sa.text("0")
        ),
    )
    op.add_column(
        "placement",
        sa.Column("label", sa.String(64), nullable=False, server_default=sa.text("''")),
    )
