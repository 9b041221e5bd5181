"""Every fuzz target, briefly; by hand each runs for a million executions, or hours."""

import random
from functools import cache

import pytest

from tests.fuzz import engine
from tests.fuzz.__main__ import all_seeds
from tokenless.protocol.errors import DecodeError

SEEDS = cache(all_seeds)
TARGETS = (
    *("capf-phone", "capf-server", "certificates", "configurations", "dates"),
    *("documents", "encrypted-files", "files", "http", "key-files", "names", "pages"),
    *("sccp", "sip", "sip-datagrams", "tables", "texts"),
    *("tftp-answers", "tftp-downloads", "tftp-requests", "tftp-transfers"),
    *("tvs-client", "tvs-server", "uploads"),
)


def test_all_targets_are_here() -> None:
    assert sorted(SEEDS()) == sorted(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    said = engine.fuzz(name, SEEDS()[name], engine.Budget(executions=800), seed=1)
    assert said.startswith(f"{name}: 800 executions, ")


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_is_taken(name: str) -> None:
    """A target that refuses all that it starts from would look at heads only."""
    target, inputs = SEEDS()[name]
    assert engine.run_target(target, inputs[0])


def test_it_would_find_something() -> None:
    def fragile(data: bytes) -> None:
        if len(data) % 7 == 0:
            raise IndexError

    budget = engine.Budget(executions=1000)
    with pytest.raises(engine.FoundError):
        engine.fuzz("fragile", (fragile, [b"seed" * 8]), budget, seed=0)


def test_a_refusal_is_no_finding() -> None:
    def refusing(data: bytes) -> None:
        raise DecodeError("no", offset=len(data))

    assert engine.run_target(refusing, b"") is False


def test_time_ends_a_run() -> None:
    said = engine.fuzz("idle", (len, [b"seed"]), engine.Budget(seconds=0.0), seed=0)
    assert said.startswith("idle: 0 executions")


def test_damage_is_repeatable() -> None:
    first, again = (
        engine.damage(b"seed" * 8, [b"other"], random.Random(3)) for _ in range(2)
    )
    assert first == again != b"seed" * 8
