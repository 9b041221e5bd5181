"""The fuzz loop of the formats, briefly; by hand it runs for a million executions."""

import random

import pytest

from protocol.errors import DecodeError
from tests.fuzz import formats


@pytest.mark.parametrize("target", ["files", "certificates", "names", "texts"])
def test_a_short_run_finds_nothing(target: str) -> None:
    formats.fuzz(1000, seed=1, only=target)


def test_it_would_find_something() -> None:
    def fragile(data: bytes) -> None:
        if len(data) % 7 == 0:
            raise IndexError

    pool = formats.Pool(fragile, [b"seed" * 8], random.Random(0))

    def run() -> None:
        for _ in range(1000):
            pool.run_one(traced=False)

    with pytest.raises(formats.FoundError):
        run()


def test_a_refusal_is_no_finding() -> None:
    def refusing(data: bytes) -> None:
        raise DecodeError("no", offset=len(data))

    assert formats.run_target(refusing, b"") is False
