"""`run sql`."""

from services.admin.command import TREE
from services.admin.layout import columns
from services.admin.session import Session
from services.admin.sql import parse_select, run_select
from services.admin.tables import tables


@TREE.command("run sql STATEMENT...", literal=True)
def run_sql(session: Session, *statement: str) -> None:
    """Select from processconfig, processnode, certificate or device."""
    heads, rows = run_select(parse_select(" ".join(statement)), tables(session.cluster))
    session.say(columns(heads, rows))
