"""Check that a PostgreSQL server can be trusted with a cluster.

Up to PostgreSQL 14 every role may create functions in the schema `public`. One whose
arguments fit better than the catalogue's is what other roles then call, with *their*
rights (CVE-2018-1058): a subscriber would become the publisher. So all calls name
`pg_catalog`, and a database in which others may create, or have created, is refused.
"""

from typing import Final

from sqlalchemy import Connection, text

from tokenless.services.errors import ServiceError

LEAST_VERSION: Final = 15
_PER_MAJOR: Final = 10_000
# Nothing here is looked up in `public`: every function, type and operator is named.
_VERSION: Final = text(
    "SELECT pg_catalog.current_setting('server_version_num'::pg_catalog.text)"
)
_OPEN_TO_ALL: Final = text(
    "SELECT pg_catalog.has_schema_privilege('public'::pg_catalog.name, "
    "'public'::pg_catalog.text, 'CREATE'::pg_catalog.text)"
)
_FOREIGN: Final = """
SELECT {name} FROM pg_catalog.{catalogue}
WHERE {schema} OPERATOR(pg_catalog.=) 'public'::pg_catalog.regnamespace::pg_catalog.oid
AND {owner} OPERATOR(pg_catalog.<>) (
    SELECT relowner FROM pg_catalog.pg_class
    WHERE oid OPERATOR(pg_catalog.=)
        pg_catalog.to_regclass('public.cluster'::pg_catalog.text)::pg_catalog.oid
)
AND {owner} OPERATOR(pg_catalog.<>) 10::pg_catalog.oid
LIMIT 1
"""
"""Objects made by another role than the tables' owner or the first superuser (10)."""
_CATALOGUES: Final = (
    ("pg_proc", "proname", "pronamespace", "proowner"),
    ("pg_operator", "oprname", "oprnamespace", "oprowner"),
    ("pg_type", "typname", "typnamespace", "typowner"),
)
REVOKE: Final = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"


def check_server(connection: Connection) -> None:
    """Check a server before anything is asked of it.

    Raises:
        ServiceError: When it is too old, or other roles can make it run their code.
    """
    version = int(connection.scalar(_VERSION) or 0) // _PER_MAJOR
    if version < LEAST_VERSION:
        raise ServiceError(
            f"the database runs on PostgreSQL {version}",
            hint=f"{LEAST_VERSION} or newer is needed",
        )
    if connection.scalar(_OPEN_TO_ALL):
        raise ServiceError(
            "every role may create functions in the database's schema public",
            hint=f"as the database's owner run: {REVOKE}",
        )
    for catalogue, name, schema, owner in _CATALOGUES:
        statement = _FOREIGN.format(
            catalogue=catalogue, name=name, schema=schema, owner=owner
        )
        if (found := connection.scalar(text(statement))) is not None:
            raise ServiceError(
                f"another role has made {found!r} in the database's schema public",
                hint="find out who and why, and drop it",
            )
