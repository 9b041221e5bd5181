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
    """Add what is missing; earlier certificates of CAPF may have issued LSCs, too.

    Where a store has any certificate of a node's CAPF, the program has kept it there:
    what it lacks was deleted, to end the LSCs of it, and stays away.
    """
    connection = op.get_bind()
    own, kept, trusted = map(_placement.alias, ("own", "kept", "trusted"))
    for store in _STORES:
        is_kept = (
            sa.select(sa.literal(1))
            .where(
                kept.c.node_id == own.c.node_id,
                kept.c.store == "CAPF",
                trusted.c.certificate_id == kept.c.certificate_id,
                trusted.c.store == store,
                trusted.c.node_id.is_(None),
            )
            .exists()
        )
        missing = connection.execute(
            sa.select(own.c.certificate_id, sa.func.min(own.c.placed_at))
            .where(own.c.store == "CAPF", own.c.node_id.is_not(None), ~is_kept)
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
