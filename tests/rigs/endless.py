"""A file without end: a pipe that is fed until its reader leaves."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_CHUNK = b"0" * (64 * 1024)
_CHUNKS = 256  # a reader without a bound gets an end at last, and a test that fails


@contextmanager
def endless(path: Path) -> Iterator[None]:
    """Make the file; fail when all that it has was read."""
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(_feed, path)
        yield
    assert not feeding.result(), f"{path} was read to its end"


def _feed(path: Path) -> bool:
    """Feed a reader; tell whether it took everything."""
    try:
        with path.open("wb", buffering=0) as pipe:
            for _ in range(_CHUNKS):
                pipe.write(_CHUNK)
    except BrokenPipeError:
        return False
    return True
