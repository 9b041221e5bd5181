"""A rehearsal played by a worker process, which has its log to itself."""

import multiprocessing
import os
import threading
from dataclasses import dataclass
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


def end_with_parent() -> None:
    """End this process once the one that started it has died.

    It would wait for tasks for ever. The rehearsal that is being played ends first, so
    that its folder is removed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        end_when_played()


def end_when_played() -> None:
    """End this process after the rehearsal that is being played, if there is one."""
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
