"""What tests of more than one room share."""

import gc
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.rigs import first_run, quick_keys, quick_passwords
from tests.rigs.memory import use_memory
from tests.rigs.peers import missing_programs_skip
from tests.rigs.postgresql import Server, running_server
from tools import compiled

_HERE = Path(__file__).parent
_WAITING = {"test_attacks.py", "test_resets.py", "test_serve.py"}
"""Files whose tests wait most of their time, for limits and time-outs."""
_LONG = {"test_both_databases.py"}
# What is garbage may make garbage anew while it is freed.
_MOST_SEARCHES = 10
"""Files with one test that takes longer than most files."""
# A shell starts its background jobs with SIGINT ignored, and children inherit that;
# those of the tests must hear it, as at a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Each worker holds all collected tests, and looked through them again and again.
gc.set_threshold(20_000)
gc.disable()  # until all is collected
use_memory()
quick_passwords.make_quick()
quick_keys.make_quick(quick_keys.counts())

# An example may take as long as it does: a busy machine is no counterexample.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


def pytest_report_header() -> str:
    """Say what is tested: Python, or the compiled rooms."""
    if old := compiled.outdated():
        raise pytest.UsageError(
            f"compiled before their source was changed: {', '.join(old)};"
            " run `make compiled`, or `make plain`"
        )
    return f"compiled rooms: {len(compiled.extensions()) or 'none'}"


def pytest_collection(session: pytest.Session) -> None:
    """Compile the tests together with the other workers.

    Here warnings are errors already, as when pytest imports them.
    """
    first_run.import_from_the_middle(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Begin with what takes longest: at the end no worker waits for a slow file."""
    with first_run.in_turn():
        yield
    items.sort(key=_speed)


def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of every search for garbage."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Look for garbage until there is none: pytest looks five times, whatever it finds.

    What is left is in use, and has not to be looked through again.
    """
    for _ in range(_MOST_SEARCHES):
        if not gc.collect():
            break
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep files together that share what takes long to make."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.rigs.workers import Together  # noqa: PLC0415 - not where xdist is missing

    return Together(config, log)


def _speed(item: pytest.Item) -> int:
    path = item.path.relative_to(_HERE).parts
    if path[:2] == ("system", "hosts") or path[-1] in _WAITING:
        return 0
    return 1 if path[0] == "system" or path[-1] in _LONG else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Skip what needs a program that is not installed here."""
    with missing_programs_skip():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Skip what needs a program that is not installed here."""
    with missing_programs_skip():
        return (yield)


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
