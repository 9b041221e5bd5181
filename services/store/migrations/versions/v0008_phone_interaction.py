"""The enterprise parameter "Phone Interaction on Certificate Update"."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NAME = "PhoneInteractionOnCertificateUpdate"
_FIRST_AUTOMATIC = 14
_processconfig = sa.table(
    "processconfig", sa.column("paramname"), sa.column("paramvalue")
)


def upgrade() -> None:
    """Give an existing cluster the default of its release; a new one has none.

    The rows of a new cluster are added after the tables are made.
    """
    connection = op.get_bind()
    version = connection.scalar(
        sa.select(_processconfig.c.paramvalue).where(
            _processconfig.c.paramname == "Version"
        )
    )
    if version is None:
        return
    major = str(version).partition(".")[0].partition("(")[0].partition("S")[0]
    is_automatic = major.isdigit() and int(major) >= _FIRST_AUTOMATIC
    value = "automatic" if is_automatic else "manual"
    op.execute(_processconfig.insert().values(paramname=_NAME, paramvalue=value))
