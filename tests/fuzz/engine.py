"""The loop of the fuzz targets: coverage guides it, without a compiler or a library.

It takes seeds, damages them (bits, bytes, lengths, splices, runs of one byte), and
gives the result to a target. Inputs that reach lines of the product which none reached
before join the pool. A target raises TokenlessError for what it refuses; whatever else
comes out, or takes long, is a finding.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any

from tokenless.protocol.errors import TokenlessError

MAX_POOL = 2000
TRACED_EVERY = 8
"""Tracing costs far more than decoding: only some inputs are looked at by line."""
SLOW_S = 2.0
"""Of the processor: a busy machine is no finding."""
ROOMS = ("/protocol/", "/services/", "/phone_emulator/")
INTERESTING = (0, 1, 2, 4, 9, 10, 12, 13, 28, 0x30, 0x7F, 0x80, 0x82, 0xA0, 0xFE, 0xFF)

Target = Callable[[bytes], object]
Seeded = tuple[Target, list[bytes]]
"""A target with the inputs that it starts from."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a target is run: until either is used up."""

    executions: int = sys.maxsize
    seconds: float = float("inf")
    """Of the processor: on a busy machine a target is tried as often."""

    def numbers(self) -> Iterator[int]:
        """Count executions while the budget lasts."""
        end = time.process_time() + self.seconds
        for number in range(self.executions):
            if time.process_time() >= end:
                return
            yield number


class Pool:
    """Inputs worth damaging again."""

    def __init__(
        self, target: Target, seeds: list[bytes], source: random.Random
    ) -> None:
        self.target = target
        self.inputs = list(seeds)
        self.source = source
        self.reached: set[tuple[str, int]] = set()

    def run_one(self, *, traced: bool) -> bool:
        """Run one damaged input; return whether the target took it."""
        data = damage(self.source.choice(self.inputs), self.inputs, self.source)
        if not traced:
            return run_target(self.target, data)
        lines: set[tuple[str, int]] = set()
        with tracing(lines):
            taken = run_target(self.target, data)
        if lines - self.reached:
            self.reached |= lines
            self.inputs.append(data)
            if len(self.inputs) > MAX_POOL:
                self.inputs.pop(self.source.randrange(MAX_POOL))
        return taken


def fuzz(name: str, seeded: Seeded, budget: Budget, seed: int) -> str:
    """Run one target; return what was done.

    Raises:
        FoundError: With the first input that does what none may do.
    """
    target, start = seeded
    pool = Pool(target, start, random.Random(f"{seed} {name}"))
    taken = executions = 0
    for number in budget.numbers():
        executions = number + 1
        taken += pool.run_one(traced=number % TRACED_EVERY == 0)
    return (
        f"{name}: {executions} executions, {taken} taken, "
        f"{len(pool.reached)} lines reached, {len(pool.inputs)} in the pool"
    )


def run_target(target: Target, data: bytes) -> bool:
    """Return whether the target took an input; all but a refusal is a bug."""
    begun = time.process_time()
    try:
        target(data)
    except TokenlessError:
        return False
    except BaseException as error:
        raise FoundError(data) from error
    finally:
        if time.process_time() - begun > SLOW_S:
            raise FoundError(data)
    return True


class FoundError(Exception):
    """An input that does what none may do."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"{len(data)} bytes")
        self.data = data


@contextmanager
def tracing(lines: set[tuple[str, int]]) -> Iterator[None]:
    """Note the lines of the product that are run."""

    def call(frame: FrameType, _event: str, _: Any) -> Any:  # noqa: ANN401 - sys.settrace
        return line if is_of_the_product(frame.f_code.co_filename) else None

    def line(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - sys.settrace
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


@cache
def is_of_the_product(file: str) -> bool:
    """Tell whether lines of a file are looked at; asked at every call of a function."""
    return any(room in file for room in ROOMS)


def damage(data: bytes, others: list[bytes], source: random.Random) -> bytes:
    """Return a damaged copy: one to four changes of any kind."""
    for _ in range(source.choice((1, 1, 1, 2, 2, 3, 4))):
        data = source.choice(DAMAGES)(data, source) if data else b"\0"
    if source.random() < 1 / 16:
        other = source.choice(others)
        cut = source.randrange(len(data) + 1)
        data = data[:cut] + other[source.randrange(len(other) + 1) :]
    return data


def _flip(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]


def _put(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([source.choice(INTERESTING)]) + data[at + 1 :]


def _step(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    value = (data[at] + source.choice((-1, 1, -3, 3))) % 256
    return data[:at] + bytes([value]) + data[at + 1 :]


def _cut(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + data[at + source.randrange(1, 1 + min(64, len(data))) :]


def _end(data: bytes, source: random.Random) -> bytes:
    return data[: source.randrange(len(data) + 1)]


def _insert(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data) + 1)
    many = bytes([source.choice(INTERESTING)]) * source.choice((1, 2, 3, 5, 40, 300))
    return data[:at] + many + data[at:]


def _double(data: bytes, source: random.Random) -> bytes:
    start = source.randrange(len(data))
    end = start + source.randrange(1, 200)
    return data[:end] + data[start:end] + data[end:]


DAMAGES = (_flip, _flip, _put, _put, _step, _step, _cut, _end, _insert, _double)
