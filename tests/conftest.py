"""What tests of more than one room share."""

from collections.abc import Iterator

import pytest
import structlog

from tests.postgresql import Server, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """Return a PostgreSQL that nobody stops."""
    with running_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Undo what a command did to the logs: its standard error is closed by now."""
    yield
    structlog.reset_defaults()
