"""Phones' security: profile, CAPF operation and the certificate that a phone has."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBERS = {
    "transport": "1",
    "encrypts_config": "0",
    "capf_operation": "1",
    "capf_status": "1",
    "capf_auth_mode": "2",
    "capf_key_type": "0",
    "capf_key_size": "2048",
    "capf_finish_by": "0",
}


def upgrade() -> None:
    """Add them; phones are non-secure and have nothing pending."""
    for name, value in _NUMBERS.items():
        op.add_column(
            "device",
            sa.Column(name, sa.Integer, nullable=False, server_default=sa.text(value)),
        )
    op.add_column(
        "device",
        sa.Column("capf_string", sa.String(16), nullable=False, server_default=""),
    )
    op.add_column("device", sa.Column("capf_cause", sa.Integer))
    op.add_column("device", sa.Column("certificate", sa.LargeBinary))
