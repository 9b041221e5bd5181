"""Jobs that run at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


def together(*jobs: Callable[[], _Result]) -> list[_Result]:
    """Run each job in a thread of its own; return what they returned, in order."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job) for job in jobs]
    return [each.result() for each in running]
