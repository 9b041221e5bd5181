"""The audit log: changes with their authors, one row for each revision."""

import getpass
import os
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tokenless.services.store.schema import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change."""

    revision: int
    at: int
    by: str
    action: str
    detail: str


def administrator() -> str:
    """Return the administrator: the system's name of the user, or its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number that /etc/passwd does not have
        return f"uid {os.getuid()}"


def read_audit(connection: Connection, *, limit: int = 1000) -> list[AuditEntry]:
    """Return the newest changes, oldest first."""
    columns = (
        audit.c.revision,
        audit.c.at,
        audit.c.by,
        audit.c.action,
        audit.c.detail,
    )
    rows = connection.execute(
        select(*columns).order_by(audit.c.id.desc()).limit(limit)
    ).all()
    return [AuditEntry(*row) for row in reversed(rows)]
