"""The schema's version: reported, upgraded, refused when it is unknown.

Alembic is imported only when there is something to do: it takes longer to load than
most commands take to run.
"""

import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, String, column, inspect, select, table, text

from tokenless.services.errors import ServiceError
from tokenless.services.store import schema

NEWEST: Final = "0014"
"""The last of the steps in `migrations/versions`."""
_FIRST: Final = "0001"
_VERSIONS: Final = "alembic_version"
_TABLE_OF_VERSIONS: Final = (
    f"CREATE TABLE {_VERSIONS} (version_num VARCHAR(32) NOT NULL,"
    f" CONSTRAINT {_VERSIONS}_pkc PRIMARY KEY (version_num))"
)
"""As Alembic makes it."""
_STEPS: Final = Path(__file__).with_name("migrations")
SELECT_VERSION: Final = select(column("version_num", String())).select_from(
    table(_VERSIONS)
)
_ONE_AT_A_TIME: Final = threading.Lock()
"""Alembic keeps its state in its modules."""


def version(connection: Connection) -> str | None:
    """Return the version of a database's schema, None when it holds no cluster."""
    tables = inspect(connection)
    if tables.has_table(_VERSIONS):
        stored = connection.scalar(SELECT_VERSION)
        return None if stored is None else str(stored)
    # Data folders of the first schema had no table of versions.
    return _FIRST if tables.has_table(schema.cluster.name) else None


def check_known(stored: str | None) -> None:
    """Check that this program can work with a schema, or bring it to one that it can.

    Raises:
        ServiceError: When there is no cluster, or its schema is a newer program's.
    """
    if stored is None:
        raise ServiceError(
            "the database holds no cluster", hint="name another one, or restore it"
        )
    if (too_new := why_too_new(stored)) is not None:
        raise ServiceError(too_new, hint="use the newer program that made it")


def check_still_known(connection: Connection) -> None:
    """Check that no newer program has upgraded a database since it was opened.

    Raises:
        ServiceError: When one has; what was written for this program's schema need not
            fit into another one.
    """
    stored = connection.scalar(SELECT_VERSION)
    if (too_new := why_too_new(str(stored))) is not None:
        raise ServiceError(
            too_new,
            hint="nothing was changed; continue with the newer program that made it",
        )


def why_too_new(stored: str) -> str | None:
    """Say that a newer program made a schema; None when this one knows it."""
    if stored <= NEWEST:
        return None
    return f"the database has schema {stored}, this program knows up to {NEWEST}"


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest schema, an empty one too; one transaction.

    The caller holds the lock of administrators: who comes second finds nothing to do.
    """
    # An empty file gets the newest schema at once: a fifth of the work, and no Alembic.
    # On a server the steps grant rights, too, which are no part of the schema.
    if connection.dialect.name == "sqlite" and version(connection) is None:
        schema.metadata.create_all(connection)
        connection.execute(text(_TABLE_OF_VERSIONS))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": NEWEST}
        )
    else:
        take_steps(connection)


def take_steps(connection: Connection) -> None:
    """Upgrade step by step, from the version that a database has."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = schema.metadata
    with _ONE_AT_A_TIME:
        if version(connection) and not inspect(connection).has_table(_VERSIONS):
            command.stamp(config, _FIRST)
        command.upgrade(config, "head")
