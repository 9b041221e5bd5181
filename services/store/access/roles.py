"""PostgreSQL rights of a subscriber's host: read all, write its own node's rows.

The role that made the tables owns them: it is the publisher's. A subscriber's role is
made by the database's administrator (`CREATE ROLE … LOGIN`); here it is given

    SELECT          on every table, but for the users of the console
    UPDATE          of its own node's ports and of how far that node is; which rows are
                    its own is decided by `processnode.db_role` (migration 0002)
    INSERT          of its own rows of `published`, which remembers when a content was
                    first served
    all             of its own node's rows of registrations, and of its ITL's
                    digests

and nothing else: no function, certificate, trust store, CTL, parameter, audit row or
revision.

A server must be trusted with a cluster, too. Up to PostgreSQL 14 every role may create
functions in the schema `public`. One whose arguments fit better than the catalogue's is
what other roles then call, with *their* rights (CVE-2018-1058): a subscriber would
become the publisher. So all calls name `pg_catalog`, and a database in which others may
create, or have created, is refused.
"""

import re
from typing import Any, Final

from sqlalchemy import Column, Connection, text, update

from tokenless.services.errors import ServiceError
from tokenless.services.store import schema

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
_ROLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MAY_CREATE: Final = text(
    "SELECT pg_catalog.has_schema_privilege(CAST(:role AS pg_catalog.name), "
    "'public'::pg_catalog.text, 'CREATE'::pg_catalog.text)"
)
_PORTS: Final = (
    schema.processnode.c.tftp_port,
    schema.processnode.c.tvs_port,
    schema.processnode.c.ports,
)
_STATE: Final = (
    schema.node_state.c.ctl_revision,
    schema.node_state.c.reset_itl_revision,
    schema.node_state.c.applied_revision,
    schema.node_state.c.seen_at,
)
_OWN_ROWS: Final = (schema.registration, schema.tftp_itl)


def check_server(connection: Connection) -> None:
    """Check that a server can be trusted, before anything is asked of it.

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
    for catalogue, name, namespace, owner in _CATALOGUES:
        statement = _FOREIGN.format(
            catalogue=catalogue, name=name, schema=namespace, owner=owner
        )
        if (found := connection.scalar(text(statement))) is not None:
            raise ServiceError(
                f"another role has made {found!r} in the database's schema public",
                hint="find out who and why, and drop it",
            )


def grants(role: str) -> list[str]:
    """Return the statements that give a subscriber's role its rights.

    Raises:
        ServiceError: When the role's name would need quotes.
    """
    if not _ROLE.fullmatch(role):
        raise ServiceError(
            f"{role!r} is not a role's name here",
            hint="use lower-case letters, digits and underscores",
        )
    tables = [*schema.metadata.tables, "alembic_version"]
    readable = [name for name in tables if name != schema.console_user.name]
    return [
        REVOKE,
        f"REVOKE CREATE ON SCHEMA public FROM {role}",
        f"REVOKE ALL ON {', '.join(tables)} FROM {role}",
        f"GRANT SELECT ON {', '.join(readable)} TO {role}",
        f"GRANT UPDATE ({_names(_PORTS)}) ON {schema.processnode.name} TO {role}",
        f"GRANT UPDATE ({_names(_STATE)}) ON {schema.node_state.name} TO {role}",
        f"GRANT INSERT ON {schema.published.name} TO {role}",
        *(
            f"GRANT INSERT, UPDATE, DELETE ON {table.name} TO {role}"
            for table in _OWN_ROWS
        ),
    ]


def grant(connection: Connection, node_id: int, role: str) -> None:
    """Let a role write a node's rows, and follow the cluster.

    Raises:
        ServiceError: When the role's name cannot be used, or it is the owner's.
    """
    statements = grants(role)
    if connection.scalar(text("SELECT current_user")) == role:
        raise ServiceError(
            f"{role} is the publisher's role", hint="give the node one of its own"
        )
    for statement in statements:
        connection.execute(text(statement))
    if connection.scalar(_MAY_CREATE, {"role": role}):
        # A revocation by another role than the grantor is a warning only.
        raise ServiceError(
            f"{role} may still create functions in the schema public",
            hint=f"as its grantor: REVOKE CREATE ON SCHEMA public FROM {role}",
        )
    connection.execute(
        update(schema.processnode)
        .where(schema.processnode.c.id == node_id)
        .values(db_role=role)
    )


def _names(columns: tuple[Column[Any], ...]) -> str:
    return ", ".join(column.name for column in columns)
