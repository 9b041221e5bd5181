"""PostgreSQL's word that the cluster has changed: one connection that listens."""

import psycopg
from sqlalchemy import Engine

from services.errors import ServiceError
from services.store.engine import CHANNEL
from services.store.failures import explained


class ListenerBrokenError(ServiceError):
    """The connection has broken; changes may have been missed."""


class Listener:
    """A connection of its own that is told of every change."""

    def __init__(self, engine: Engine) -> None:
        """Connect; blocking.

        Raises:
            ServiceError: When the database cannot be reached.
        """
        with explained():
            options = {"isolation_level": "AUTOCOMMIT"}
            connection = engine.execution_options(**options).connect()
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            connection.detach()  # it is never given back to the pool
        self._connection = connection
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101  # by its URL
        self._driver = driver

    def fileno(self) -> int:
        """Return what becomes readable when there is something to take."""
        return self._driver.fileno()

    def take(self) -> bool:
        """Take what has come; tell whether there was a change.

        Raises:
            ListenerBrokenError: When the connection has broken.
        """
        try:
            return bool(list(self._driver.notifies(timeout=0)))
        except psycopg.Error as error:
            raise ListenerBrokenError("the database went away") from error

    def close(self) -> None:
        """Give the connection back to the server."""
        self._connection.close()
