"""Rows of the cluster's CTL, of reset ITLs, and of first publications."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select, text

from tokenless.services.store.schema import ctl_file, published, reset_itl

# Two nodes may come with the same content at once; the first one counts.
_REMEMBER: Final = text(
    "INSERT INTO published (digest, published_at) VALUES (:digest, :now) "
    "ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class StoredCtl:
    """A CTL of the cluster."""

    revision: int
    content: bytes


def newest_ctl(connection: Connection) -> StoredCtl | None:
    """Return the CTL that counts, or None when none was ever made."""
    row = connection.execute(
        select(ctl_file.c.revision, ctl_file.c.content)
        .order_by(ctl_file.c.revision.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else StoredCtl(*row)


def add_ctl(connection: Connection, revision: int, content: bytes, at: int) -> None:
    """Make this the cluster's CTL."""
    connection.execute(
        insert(ctl_file).values(revision=revision, content=content, made_at=at)
    )


def add_reset_itl(
    connection: Connection, revision: int, node_id: int, content: bytes
) -> None:
    """Leave a reset ITL for a node."""
    connection.execute(
        insert(reset_itl).values(revision=revision, node_id=node_id, content=content)
    )


def newest_reset_itl(connection: Connection, node_id: int) -> tuple[int, bytes] | None:
    """Return the newest reset ITL of a node and its revision."""
    row = connection.execute(
        select(reset_itl.c.revision, reset_itl.c.content)
        .where(reset_itl.c.node_id == node_id)
        .order_by(reset_itl.c.revision.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.revision, row.content)


def newest_reset_revision(connection: Connection, node_id: int) -> int:
    """Return the revision of the newest reset ITL of a node, 0 when there is none."""
    return int(
        connection.scalar(
            select(func.max(reset_itl.c.revision)).where(reset_itl.c.node_id == node_id)
        )
        or 0
    )


def first_published(connection: Connection, digest: str, now: int) -> int:
    """Return when a content was first published: now, when it was not before."""
    known = select(published.c.published_at).where(published.c.digest == digest)
    if (at := connection.scalar(known)) is not None:
        return int(at)
    connection.execute(_REMEMBER, {"digest": digest, "now": now})
    return int(connection.scalar(known) or now)
