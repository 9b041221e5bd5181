"""Digest authentication of SIP phones: the user, and H(A1) of the password."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns."""
    for name, length in (("digest_user", 128), ("digest_ha1", 32)):
        op.add_column(
            "device",
            sa.Column(
                name, sa.String(length), nullable=False, server_default=sa.text("''")
            ),
        )
