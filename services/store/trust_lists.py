"""Rows of the cluster's CTL, of reset ITLs, and of first publications."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select, text

from tokenless.services.store.access.engine import POSTGRESQL, SQLITE
from tokenless.services.store.schema import ctl_file, published, reset_itl

_LAST: Final = 0xFFFFFFFF
"""A header's time has 32 bits."""
# Two processes of a host may come with the same content at once; the first one counts.
_REMEMBER: Final = {
    SQLITE: text(
        "INSERT INTO published (digest, published_by, published_at) "
        "VALUES (:digest, '', :at) ON CONFLICT DO NOTHING"
    ),
    POSTGRESQL: text(
        "INSERT INTO published (digest, published_by, published_at) "
        "VALUES (:digest, current_user, :at) ON CONFLICT DO NOTHING"
    ),
}
_ROLES: Final = {
    SQLITE: text("SELECT '', ''"),
    POSTGRESQL: text(
        "SELECT current_user, pg_catalog.pg_get_userbyid(relowner) "
        "FROM pg_catalog.pg_class "
        "WHERE oid OPERATOR(pg_catalog.=) 'published'::pg_catalog.regclass"
    ),
}
"""The present role, and the owner of the tables: the publisher's role."""

# Made once: nodes ask so often that making a query costs more than the database.
_NEWEST_CTL: Final = (
    select(ctl_file.c.revision, ctl_file.c.content)
    .order_by(ctl_file.c.revision.desc())
    .limit(1)
)
_NEWEST_ITL: Final = (
    select(reset_itl.c.revision, reset_itl.c.content)
    .where(reset_itl.c.node_id == bindparam("node"))
    .order_by(reset_itl.c.revision.desc())
    .limit(1)
)
_PUBLICATIONS: Final = select(published.c.published_by, published.c.published_at).where(
    published.c.digest == bindparam("digest")
)


@dataclass(frozen=True, slots=True)
class StoredCtl:
    """A CTL of the cluster."""

    revision: int
    content: bytes


def newest_ctl(connection: Connection) -> StoredCtl | None:
    """Return the CTL that counts, or None when none was ever made."""
    row = connection.execute(_NEWEST_CTL).one_or_none()
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
    row = connection.execute(_NEWEST_ITL, {"node": node_id}).one_or_none()
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
    """Return when a content was first published: now, when it was not before.

    A role's own word counts for it, then the publisher's, then the earliest of others;
    what it goes by becomes its own word, so that nobody can change its mind later.
    """
    dialect = connection.dialect.name
    me, owner = connection.execute(_ROLES[dialect]).one()
    known = _publications(connection, digest)
    if (own := known.get(me)) is not None:
        return int(own)
    at = _believable(known.get(owner, min(known.values(), default=now)), now)
    connection.execute(_REMEMBER[dialect], {"digest": digest, "at": at})
    known = _publications(connection, digest)
    return int(known.get(me, at))


def _publications(connection: Connection, digest: str) -> dict[str, int]:
    """Return when each role first published a content."""
    rows = connection.execute(_PUBLICATIONS, {"digest": digest})
    return {row.published_by: row.published_at for row in rows}


def _believable(at: int, now: int) -> int:
    """Return a time that another host wrote, as one that a header can hold."""
    return at if 0 <= at <= _LAST else now
