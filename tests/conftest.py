"""What tests of more than one room share."""

from collections.abc import Iterator

import pytest

from tests.postgresql import Server, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """Return a PostgreSQL that nobody stops."""
    with running_server() as server:
        yield server
