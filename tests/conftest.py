"""What tests of more than one room share."""

import signal
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.rigs.postgresql import Server, running_server

# A shell starts its background jobs with SIGINT ignored, and children inherit that;
# those of the tests must hear it, as at a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# An example may take as long as it does: a busy machine is no counterexample.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


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
