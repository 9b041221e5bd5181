"""A fleet's boot on several processors: a process for each part of it, one report.

    report = boot_on_processors(order, processes_for(len(phones)), watching)

The parts share the flash, one database. Several times a second each process tells what
its phones did since: counts, and text about each phone. A process that dies takes
nothing along but its own phones' boots, and is never passed over: the boot fails.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
)
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import trio

from tokenless.ground.interrupts import interrupts_held_back, run_trio
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings, Part
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.errors import TokenlessError, UnreadableError, first_cause

MAX_PROCESSES: Final = 64
_WORTH_A_PROCESS: Final = 500
"""Phones: a process starts in the time in which some fifty boot."""
_BETWEEN_NEWS_S: Final = 0.1
OnNews = Callable[[str, FleetReport], None]
"""Takes text about phones that have booted since the last call, and all counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOrder:
    """The phones that are to boot, and how."""

    phones: Sequence[PhoneIdentity]
    flash: Path
    settings: FleetSettings
    describe: Callable[[BootReport], str] = lambda _: ""
    """Makes the text about a phone that has booted."""


@dataclass(frozen=True, slots=True)
class _News:
    """What phones of one process did since its last news."""

    text: str
    counts: FleetReport


@dataclass(frozen=True, slots=True)
class _Failure:
    """The reason why a process could not go on."""

    reason: str
    hint: str | None
    is_unreadable: bool
    """True if it is a file that cannot be read."""

    def error(self) -> PhoneError:
        """Return what the first process raises for it."""
        kind = UnreadableFileError if self.is_unreadable else PhoneError
        return kind(self.reason, hint=self.hint)


_Told = _News | _Failure | None
"""What a process says; None: that its phones have booted."""


def processes_for(phones: int) -> int:
    """Return how many processes boot a fleet fastest on this machine."""
    processors = min(len(os.sched_getaffinity(0)), MAX_PROCESSES)
    return max(1, min(processors, phones // _WORTH_A_PROCESS))


def boot_on_processors(
    order: FleetOrder, processes: int, watching: AbstractContextManager[OnNews]
) -> FleetReport:
    """Boot every phone once.

    Args:
        order: The phones.
        processes: How many boot them, at most one for each phone that may boot at the
            same time; with 1 it is this one.
        watching: Gives what is told of the boots. It is entered after the processes
            have been forked, so that it may start threads.

    Raises:
        PhoneError: When the flash cannot be used, or a process ended too early.
    """
    processes = min(processes, order.settings.concurrency, len(order.phones))
    # Here, so that the tables are there when several processes come to them.
    with closing(FleetStore.open(order.flash)) as store:
        if processes <= 1:
            with watching as on_news:
                return _boot_here(order, store, on_news)
    report = FleetReport(len(order.phones))
    with _parts(order, processes) as pipes, watching as on_news:
        for news in _all_news(pipes, report):
            report.include(news.counts)
            on_news(news.text, report)
    return report


def _boot_here(order: FleetOrder, store: FleetStore, on_news: OnNews) -> FleetReport:
    def on_phone(report: BootReport, counts: FleetReport) -> None:
        on_news(order.describe(report), counts)

    return run_trio(Fleet(order.phones, store, order.settings).boot, on_phone)


@contextmanager
def _parts(order: FleetOrder, processes: int) -> Iterator[list[Connection]]:
    """Start the processes; give what they tell by. At the end none is left."""
    pipes: list[Connection] = []
    with ExitStack() as stack:
        for number in range(processes):
            ours, theirs = multiprocessing.Pipe(duplex=False)
            pipes.append(stack.enter_context(ours))
            # Forked: nothing is loaded again. This process has one thread, as it must.
            child = multiprocessing.get_context("fork").Process(
                target=_boot_part,
                args=(order, (number, processes), theirs, tuple(pipes)),
                daemon=True,
            )
            # Ctrl-C is for the first process, which ends the others.
            with theirs, interrupts_held_back():
                child.start()
            stack.callback(_end, child)
        yield pipes


def _end(child: BaseProcess) -> None:
    child.terminate()
    child.join()


def _all_news(pipes: Sequence[Connection], report: FleetReport) -> Iterator[_News]:
    """Yield news until all processes are done.

    Raises:
        PhoneError: When one ended before that.
    """
    running = list(pipes)
    while running:
        ready = wait(running)
        for pipe in [each for each in running if each in ready]:
            try:
                told: _Told = pipe.recv()
            except EOFError:
                raise PhoneError(
                    "a process that boots a part of the fleet has died; "
                    f"{report.booted} of {report.phones} phones had booted",
                    hint="boot the fleet again: each phone's flash is whole, "
                    "and what was installed stays",
                ) from None
            match told:
                case None:
                    running.remove(pipe)
                case _Failure():
                    raise told.error()
                case _News():
                    yield told


def _boot_part(
    order: FleetOrder, part: Part, pipe: Connection, others: Sequence[Connection]
) -> None:
    """Boot a part in a process of its own."""
    for each in others:
        each.close()  # else nobody would notice that their reader has died
    try:
        with closing(FleetStore.open(order.flash)) as store:
            run_trio(_boot_and_tell, order, part, store, pipe)
        pipe.send(None)
    except (Exception, BaseExceptionGroup) as error:
        cause = first_cause(error)
        if isinstance(cause, BrokenPipeError):
            sys.exit(1)  # the first process has died
        if not isinstance(cause, TokenlessError):
            raise
        is_unreadable = isinstance(cause, UnreadableError)
        pipe.send(_Failure(str(cause), cause.hint, is_unreadable))


async def _boot_and_tell(
    order: FleetOrder, part: Part, store: FleetStore, pipe: Connection
) -> None:
    number, processes = part
    concurrency = len(range(number, order.settings.concurrency, processes))
    settings = replace(order.settings, concurrency=concurrency)
    teller = _Teller(pipe, order.describe)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(teller.run)
        await Fleet(order.phones, store, settings, part).boot(teller.note)
        nursery.cancel_scope.cancel()
    teller.tell()


@dataclass(slots=True)
class _Teller:
    """Gathers what happened in this process, and tells it."""

    pipe: Connection
    describe: Callable[[BootReport], str]
    _texts: list[str] = field(default_factory=list)
    _counts: FleetReport = field(default_factory=lambda: FleetReport(0))
    _retransmits: int = 0
    """Those that have been told."""

    def note(self, report: BootReport, counts: FleetReport) -> None:
        """Take in a phone's boot."""
        self._texts.append(self.describe(report))
        self._counts.add(report)
        self._counts.seconds = counts.seconds
        self._counts.retransmits = counts.retransmits - self._retransmits

    async def run(self) -> None:
        """Tell from time to time, even if there is nothing: a reader may have died."""
        while True:
            await trio.sleep(_BETWEEN_NEWS_S)
            self.tell()

    def tell(self) -> None:
        """Tell what has been gathered."""
        counts, self._counts = self._counts, FleetReport(0)
        text = "".join(self._texts)
        self._texts.clear()
        self._retransmits += counts.retransmits
        self.pipe.send(_News(text, counts))
