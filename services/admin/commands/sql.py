"""`run sql`."""

from tokenless.services.admin.command import TREE
from tokenless.services.admin.layout import columns
from tokenless.services.admin.session import Session
from tokenless.services.admin.sql import check_select, run_select
from tokenless.services.admin.tables import COLUMNS, tables


@TREE.command(
    "run sql STATEMENT...",
    literal=True,
    values=lambda *statement: check_select(" ".join(statement), COLUMNS),
)
def run_sql(session: Session, *statement: str) -> None:
    """Select from processconfig, processnode, certificate, device or audit."""
    heads, rows = run_select(" ".join(statement), tables(session.cluster))
    session.say(columns(heads, rows))
