"""What an exploration keeps when somebody ends it, or its workers die."""

import multiprocessing
import os
import select
import signal
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Event

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.play.executor import results_so_far
from tokenless.phone_emulator.rehearsal.play.worker import leave_to_parent


def press_ctrl_c(_: int) -> None:
    signal.raise_signal(signal.SIGINT)


def test_after_ctrl_c_begun_tasks_end_and_their_answers_count() -> None:
    """One worker: the second task is begun when the key comes, the others are not."""
    begun, told = Event(), Event()

    def work(task: int) -> int:
        if task == 1:
            begun.set()
            assert told.wait(60)
        return task

    def press_when_begun(answer: int) -> None:
        assert begun.wait(60)
        press_ctrl_c(answer)

    with ThreadPoolExecutor(1) as executor:
        answers, ended = results_so_far(
            executor, work, range(20), press_when_begun, told.set
        )
    assert answers == [0, 1]
    assert isinstance(ended, KeyboardInterrupt)


def test_when_all_has_ended_the_key_changes_nothing() -> None:
    with ThreadPoolExecutor(1) as executor:
        done = results_so_far(executor, abs, [3], press_ctrl_c, lambda: None)
    assert done == ([3], None)


def test_when_workers_die_the_answers_so_far_count() -> None:
    def work(task: int) -> int:
        if task:
            raise BrokenProcessPool
        return task

    with ThreadPoolExecutor(1) as executor:
        answers, ended = results_so_far(
            executor, work, [0, 1, 1], lambda _: None, lambda: None
        )
    assert answers == [0]
    assert isinstance(ended, PhoneError)


def test_a_worker_ends_with_the_process_that_started_it() -> None:
    ended, held = os.pipe()
    context = multiprocessing.get_context("fork")

    def wait_for_tasks() -> None:
        leave_to_parent()
        signal.pause()

    def die_and_leave_a_worker() -> None:
        context.Process(target=wait_for_tasks).start()
        os._exit(0)

    starter = context.Process(target=die_and_leave_a_worker)
    starter.start()
    os.close(held)  # the worker has the last copy
    starter.join()
    with open(ended, "rb") as end:  # noqa: PTH123 - a descriptor
        assert select.select([end], [], [], 60)[0]
        assert end.read() == b""
