"""CAPF's certificates in the stores of issuers of phones' certificates.

Clusters that were made before CAPF served have them in their units only, so that
CallManager refused the LSCs of their own CAPF.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_STORES = ("CallManager-trust", "CAPF-trust")
_placement = sa.table(
    "placement",
    *map(
        sa.column, ("certificate_id", "store", "node_id", "state", "placed_at", "label")
    ),
)


def upgrade() -> None:
    """Add what is missing; earlier certificates of CAPF may have issued LSCs, too."""
    connection = op.get_bind()
    own, trusted = _placement.alias("own"), _placement.alias("trusted")
    for store in _STORES:
        is_there = (
            sa.select(sa.literal(1))
            .where(
                trusted.c.certificate_id == own.c.certificate_id,
                trusted.c.store == store,
                trusted.c.node_id.is_(None),
            )
            .exists()
        )
        missing = connection.execute(
            sa.select(own.c.certificate_id, sa.func.min(own.c.placed_at))
            .where(own.c.store == "CAPF", own.c.node_id.is_not(None), ~is_there)
            .group_by(own.c.certificate_id)
            .order_by(own.c.certificate_id)
        ).all()
        for certificate_id, placed_at in missing:
            connection.execute(
                _placement.insert().values(
                    certificate_id=certificate_id,
                    store=store,
                    node_id=None,
                    state="current",
                    placed_at=placed_at,
                    label="",
                )
            )
