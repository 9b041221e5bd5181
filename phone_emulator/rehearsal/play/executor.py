"""Executors for several rehearsals: local processes, or a Dask cluster.

Both are executors of `concurrent.futures`; scheduling, transport, and the replacement
of workers that die are the libraries'.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import forkserver, resource_tracker
from typing import Any, Final, TypeVar

from tokenless.ground.interrupts import interrupts_put_off
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.play.worker import leave_to_parent

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
_RETRIES: Final = 5
"""The number of Dask workers that may die under a task."""
_CONNECT_S: Final = 10
"""For the scheduler's answer, and for its first worker."""
_DIED: Final = "a process that played rehearsals has died"


@contextmanager
def open_executor(jobs: int | None, scheduler: str | None) -> Iterator[Executor]:
    """Open an executor; when the block ends early, pending tasks are dropped.

    Args:
        jobs: Local processes; None: one for each processor.
        scheduler: The address of a Dask scheduler, `tcp://host:8786`, instead.

    Raises:
        PhoneError: When the scheduler does not answer or has no workers, or Dask is not
            installed.
    """
    executor = _local(jobs) if scheduler is None else _distributed(scheduler)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=True, cancel_futures=True)
        raise
    executor.shutdown(wait=True)


def results_of(
    executor: Executor,
    work: Callable[[_Asked], _Answer],
    tasks: Sequence[_Asked],
) -> Iterator[_Answer]:
    """Yield the answer to each task as it comes.

    Args:
        executor: Where the work is done.
        work: A function that a worker can import.
        tasks: What it is given, one each.

    Raises:
        PhoneError: When workers died again and again.
    """
    yield from _answers(_submit(executor, work, tasks))


def results_so_far(
    executor: Executor,
    work: Callable[[_Asked], _Answer],
    tasks: Sequence[_Asked],
    on_answer: Callable[[_Answer], None],
    on_interrupt: Callable[[], None],
) -> tuple[list[_Answer], PhoneError | KeyboardInterrupt | None]:
    """Return all answers, or those that there are when something ends the work.

    Args:
        executor: Where the work is done.
        work: A function that a worker can import.
        tasks: What it is given, one each.
        on_answer: Is given each answer as it comes.
        on_interrupt: Is called at Ctrl-C; tasks that were begun then end.

    Returns:
        The answers, and what ended the work before there were all.
    """
    futures = _submit(executor, work, tasks)
    ended: PhoneError | KeyboardInterrupt | None = None
    try:
        for answer in _answers(futures):
            on_answer(answer)
    except KeyboardInterrupt as error:
        on_interrupt()
        executor.shutdown(wait=True, cancel_futures=True)
        ended = error
    except PhoneError as error:
        ended = error
    there = [each for each in futures if each.done() and not each.cancelled()]
    answers = [each.result() for each in there if each.exception() is None]
    return answers, ended if len(answers) < len(tasks) else None


def _submit(
    executor: Executor, work: Callable[[_Asked], _Answer], tasks: Sequence[_Asked]
) -> list[Future[_Answer]]:
    with interrupts_put_off():
        return [executor.submit(work, task) for task in tasks]


def _answers(futures: Sequence[Future[_Answer]]) -> Iterator[_Answer]:
    for future in as_completed(futures):
        try:
            yield future.result()
        except (BrokenProcessPool, CancelledError) as error:
            raise PhoneError(_DIED, hint="run it again") from error
        except ImportError as error:
            raise PhoneError(
                f"a worker cannot load what it is to play: {error}",
                hint="install the same version of tokenless for all workers",
            ) from error


def ordered_results(
    executor: Executor,
    work: Callable[[_Asked], _Answer],
    tasks: Sequence[_Asked],
) -> Iterator[_Answer]:
    """Yield the answers in the order of the tasks, each as soon as it is there.

    Raises:
        PhoneError: When workers died again and again.
    """
    try:
        with interrupts_put_off():
            answers = executor.map(work, tasks)
        yield from answers
    except (BrokenProcessPool, CancelledError) as error:
        raise PhoneError(_DIED, hint="run it again") from error


def _local(jobs: int | None) -> Executor:
    context = multiprocessing.get_context(_start_method())
    return ProcessPoolExecutor(
        jobs or len(os.sched_getaffinity(0)), context, initializer=leave_to_parent
    )


def _start_method() -> str:
    """Return how workers are started; start the process that forks them if it can.

    Children of this process would inherit its locks and sockets; those of a process
    that has nothing but modules do not, and need not load these one by one.
    """
    forkserver.set_forkserver_preload([leave_to_parent.__module__])
    # A terminal that closes gives SIGHUP to Python's tracker of semaphores, too, which
    # does not ignore it, and is needed until the last worker has ended.
    with interrupts_put_off():
        resource_tracker.ensure_running()
    # Whoever starts that one lets go of Ctrl-C. The process that forks has to outlive
    # all signals to a group, and each worker to find a SIGTERM that came before it was
    # ready for one (`leave_to_parent`): both inherit what is held back here.
    with interrupts_put_off(signal.SIGTERM):
        try:
            forkserver.ensure_running()
        except OSError:  # it listens in TMPDIR: too long a path, or no sockets there
            return "spawn"
    return "forkserver"


def _distributed(scheduler: str) -> Executor:
    try:
        client_class: Any = import_module("distributed").Client  # slow to load
    except ModuleNotFoundError:
        raise PhoneError(
            "Dask is not installed", hint="pip install 'tokenless[dask]'"
        ) from None
    try:
        client: Any = client_class(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise PhoneError(
            f"no Dask scheduler answers at {scheduler}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker`",
        ) from None
    try:
        client.wait_for_workers(1, timeout=_CONNECT_S)
    except TimeoutError:
        client.close()
        raise PhoneError(
            f"the Dask scheduler at {scheduler} has no workers",
            hint=f"start some with `dask worker {scheduler}`",
        ) from None
    executor: Executor = client.get_executor(pure=False, retries=_RETRIES)
    return _Closing(executor, client.close)


class _Closing(Executor):
    """An executor that closes its connection when it is shut down."""

    def __init__(self, executor: Executor, close: Callable[[], object]) -> None:
        self._executor = executor
        self._close = close
        self.submit = executor.submit  # type: ignore[method-assign]
        self.map = executor.map  # type: ignore[method-assign]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End it; tasks that were not begun are cancelled by the closed connection."""
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._close()
