"""Change notifications of PostgreSQL: one connection that listens."""

import psycopg
from sqlalchemy import Engine

from tokenless.services.store.access.engine import CHANNEL
from tokenless.services.store.access.failures import DatabaseAwayError


class Listener:
    """A connection of its own that is told of every change."""

    def __init__(self, engine: Engine) -> None:
        """Connect; blocking.

        Raises:
            DatabaseAwayError: When the database cannot be reached.
        """
        try:
            self._driver = _listening(engine)
        except psycopg.Error as error:
            raise DatabaseAwayError(
                f"notifications of changes are not received: {error}"
            ) from error

    def fileno(self) -> int:
        """Return what becomes readable when there is something to take."""
        return self._driver.fileno()

    def take(self) -> bool:
        """Take what has come; tell whether there was a change.

        Raises:
            DatabaseAwayError: When the connection has broken; changes may be missed.
        """
        try:
            told = list(self._driver.notifies(timeout=0))
        except psycopg.Error as error:
            raise DatabaseAwayError(
                "the connection to the database was lost"
            ) from error
        if self._driver.closed:
            # A connection that ends is readable for ever, and says nothing.
            raise DatabaseAwayError("the connection to the database was lost")
        return bool(told)

    def close(self) -> None:
        """Close the connection, broken or not."""
        self._driver.close()


def _listening(engine: Engine) -> psycopg.Connection:
    pooled = engine.raw_connection()
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101  # by its URL
    pooled.detach()  # it is never given back to the pool
    try:
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
    except BaseException:
        driver.close()
        raise
    return driver
