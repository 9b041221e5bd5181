"""A thousand random steps of administrators: SQLite and PostgreSQL give the same.

Every operation that leaves a name in the audit log is among them and was done, not only
refused: those who write a further one find here that no step does it.
"""

import inspect
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rigs.postgresql import Server
from tests.services.administrators import Administrators
from tests.services.pairs import Bench, Source
from tokenless.services.changes import (
    certificates,
    ctl_client,
    membership,
    security,
    trust_stores,
)
from tokenless.services.cluster import issue_request, issuing

STEPS: Final = 1000
MOST_STEPS: Final = 5 * STEPS
IN_A_ROW: Final = 100
A_FEW: Final = 3
ROOMS: Final = (
    certificates,
    ctl_client,
    membership,
    security,
    trust_stores,
)


@pytest.fixture
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="clusters-"))
    yield folder
    shutil.rmtree(folder)


def _count(
    monkeypatch: pytest.MonkeyPatch, done: Counter[str], room: ModuleType
) -> None:
    """Count the operations of a room that end without a refusal."""

    def counted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def run(*arguments: object, **options: object) -> object:
            answer = operation(*arguments, **options)
            done[name] += 1
            return answer

        done[name] = 0
        return run

    for name, operation in inspect.getmembers(room, inspect.isfunction):
        its_own = operation.__module__ == room.__name__
        if its_own and "by" in inspect.signature(operation).parameters:
            monkeypatch.setattr(room, name, counted(name, operation))


def test_both_databases_give_the_same_answers(
    postgresql: Server, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    monkeypatch.setattr(issue_request, "generate_rsa", source.key)
    monkeypatch.setattr(issue_request, "generate_ec", source.ec_key)
    monkeypatch.setattr(issuing, "new_serial", source.serial)
    done: Counter[str] = Counter()
    for room in ROOMS:
        _count(monkeypatch, done, room)
    bench = Bench(scratch, postgresql, source)
    examples = STEPS // IN_A_ROW
    settled = settings(
        stateful_step_count=IN_A_ROW,
        phases=[Phase.generate],  # a failure names its step; shrinking takes minutes
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    make: Any = lambda: Administrators(bench)  # noqa: E731  # any callable will do
    # Each example leaves some kinds of steps out; most often a few more are enough.
    while bench.steps < STEPS or (0 in done.values() and bench.steps < MOST_STEPS):
        rounds = settings(settled, max_examples=examples)
        run_state_machine_as_test(make, settings=rounds)
        examples = A_FEW
    assert [name for name, times in done.items() if times == 0] == []
