"""A rehearsal played by a worker process, which has its log to itself."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import (
    Played,
    rehearsal_folder,
    run_script,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.made import KeyStock, MadeClusters
from tokenless.phone_emulator.rehearsal.scripts.script import Script

_STOCK: Final = KeyStock()
_MADE: Final = MadeClusters(_STOCK)
_ONE_AT_A_TIME: Final = threading.Lock()
"""Log, keys and clusters belong to the process; a Dask worker may have threads."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal for a worker to play."""

    script: Script
    phones: int
    """The number of phones, without groups of a fixed size."""
    seed: int = 0
    """Of the moments at which phones boot that are reset by themselves."""
    keep: Path | None = None
    """The folder in which its folder is kept; None: it is not kept."""


def leave_to_parent() -> None:
    """Leave it to the process that started this one when this one ends.

    Ctrl-C, a closed terminal, and the SIGTERM of `timeout` reach all processes of a
    group. One that ended by itself could leave half a result in the pipe: the parent
    would wait for the rest without end. The parent sends SIGTERM when another process
    has died, and reads no results then.
    """
    # Blocked in all threads, and waited for: a handler is not told who sends it. To
    # ignore it, too, would drop one of the parent that is there already.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if (parent := multiprocessing.parent_process()) is not None:
        for wait in (partial(_until_asked, parent.pid), parent.join):
            threading.Thread(target=_end_after, args=(wait,), daemon=True).start()


def _until_asked(parent: int | None) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass


def _end_after(wait: Callable[[], None]) -> None:
    """End this process, which would wait for tasks without end.

    The rehearsal that is being played ends first, so that its folder is removed.
    """
    wait()
    with _ONE_AT_A_TIME:
        os._exit(1)


def play_alone(rehearsal: Rehearsal) -> Played:
    """Play a rehearsal, with keys and clusters that this process has made before.

    Raises:
        TokenlessError: When it cannot be set up, or the folder to keep is in use.
    """
    with (
        _ONE_AT_A_TIME,
        _STOCK.in_use(),
        rehearsal_folder(rehearsal.keep) as folder,
    ):
        return run_script(
            rehearsal.script,
            rehearsal.phones,
            folder,
            ProgressListener(),
            seed=rehearsal.seed,
            made=_MADE,
        )
