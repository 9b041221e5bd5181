"""Objects that reference counts alone must free: the collector is off meanwhile."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Free all garbage of earlier tests, and leave all that is made in the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def alive(kind: type) -> int:
    """Return how many objects of a class there are, those in cycles included."""
    return sum(type(each) is kind for each in gc.get_objects())
