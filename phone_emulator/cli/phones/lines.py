"""`tokenless phone run` and `tokenless phone call`: phones that register."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import trio

from tokenless.command_line import ExitStatus, NumberRange, complain, json_option
from tokenless.ground.interrupts import run_trio, until_stopped
from tokenless.ground.terminal import slow_view
from tokenless.phone_emulator.cli.options import tftp_option
from tokenless.phone_emulator.cli.phones.options import (
    flash_option,
    habit_options,
    network_options,
)
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import Network
from tokenless.phone_emulator.registration.call import CallReport
from tokenless.phone_emulator.registration.call import call as place_call
from tokenless.phone_emulator.registration.folder_line import (
    line_in_folder,
    run_in_folder,
)
from tokenless.phone_emulator.registration.line import Line
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    PhoneEvent,
    RegistrationStateChanged,
    ResetOrdered,
)
from tokenless.phone_emulator.secd.events import PhoneBehaviour, PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.certificates.name_text import printable

_seconds_option = click.option(
    "--seconds",
    type=NumberRange(0.1, 3600),
    default=3.0,
    help="Seconds that the call lasts.",
)


@click.command()
@flash_option
@tftp_option
@network_options
@habit_options
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per change."
)
def run(
    *,
    flash: Path,
    tftp: tuple[Server, ...],
    network: AbstractAsyncContextManager[Network],
    habits: PhoneBehaviour,
    as_json: bool,
) -> None:
    """Keep a phone up and registered until Ctrl-C.

    The phone must have been booted in this flash before.
    """
    identity = _identity(flash, tftp, habits)
    with ExitStack() as waiting:
        tell = waiting.enter_context(slow_view(f"booting {identity.device}"))
        view = _View(as_json=as_json, on_first_boot=waiting.close)
        run_trio(_run, identity, flash, network, view, tell)


async def _run(
    identity: PhoneIdentity,
    flash: Path,
    network: AbstractAsyncContextManager[Network],
    view: "_View",
    tell: Callable[[str], None],
) -> None:
    async with network as silent, trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(
                run_in_folder,
                identity,
                flash,
                replace(silent, tell=tell),
                on_boot=view.booted,
                on_change=view.changed,
            )
        )
        await until_stopped()
        nursery.cancel_scope.cancel()  # the phone says goodbye


@click.command()
@flash_option
@click.option(
    "--to",
    "other",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The flash of the phone that is called.",
)
@tftp_option
@network_options
@habit_options
@_seconds_option
@json_option
def call(
    *,
    flash: Path,
    other: Path,
    tftp: tuple[Server, ...],
    network: AbstractAsyncContextManager[Network],
    habits: PhoneBehaviour,
    seconds: float,
    as_json: bool,
) -> None:
    """Let one phone call another for some seconds.

    Both phones must have booted in their flash before. Exit status 0 when each phone
    has heard the other.
    """
    phones = [(_identity(each, tftp, habits), each) for each in (flash, other)]
    caller, called = (identity.device for identity, _ in phones)
    if caller == called:
        raise click.UsageError(
            f"--flash and --to are both of {caller}; a call needs two phones"
        )
    with slow_view("booting both phones") as tell:
        report = run_trio(_call, phones, network, seconds, tell)
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        _print_call(report)
    if not report.was_heard:
        why = "the phones did not hear each other"
        if report.failure is not None:
            why = f"the call failed: {report.failure}"
        complain(f"{why}; see `tokenless phone log` of both phones")
        sys.exit(ExitStatus.FAILED)


async def _call(
    phones: list[tuple[PhoneIdentity, Path]],
    network: AbstractAsyncContextManager[Network],
    seconds: float,
    tell: Callable[[str], None],
) -> CallReport:
    async with network as silent:
        opened = replace(silent, tell=tell)
        for identity, flash in phones:
            await boot_in_folder(identity, flash, opened)
        caller, called = (
            line_in_folder(identity, flash, opened) for identity, flash in phones
        )
        tell("registering, and calling")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            nursery.start_soon(called.run)
            report = await place_call(caller, called, seconds)
            nursery.cancel_scope.cancel()
    return report


def _identity(
    flash: Path, tftp: tuple[Server, ...], habits: PhoneBehaviour
) -> PhoneIdentity:
    state = FolderFlash.open(flash).known_state()
    return PhoneIdentity(
        device=state.device,
        model_name=state.model,
        servers=tftp,
        habits=habits,
    )


def _print_call(report: CallReport) -> None:
    if report.level is not None:
        click.echo(report.level)
    for side in report.sides:
        click.echo(
            f"  {side.device} {side.number}: {side.level}, {side.packets_sent} packets "
            f"sent, {side.packets_received} received, {side.refused} refused"
        )


class _View:
    """Prints what happens to a phone, a line a change."""

    def __init__(self, *, as_json: bool, on_first_boot: Callable[[], None]) -> None:
        """Begin with nothing printed.

        Args:
            as_json: Whether each line is a JSON object.
            on_first_boot: Is called before the first boot is printed; may be called
                again.
        """
        self._as_json = as_json
        self._on_first_boot = on_first_boot
        self._printed = ""

    def booted(self, report: BootReport) -> None:
        """Print that the phone has booted."""
        self._on_first_boot()
        line = f"{report.device} ({report.model}): {report.outcome}"
        self._print(line, {"event": "booted", "outcome": report.outcome.value})

    def changed(self, _line: Line, change: PhoneEvent | RegistrationReport) -> None:
        """Print a change that a person would see."""
        match change:
            case RegistrationReport() as report:
                self._print(
                    _registration_words(report),
                    {"event": "registration", **report.to_json()},
                )
            case RegistrationStateChanged(state=state, why=why) if why:
                self._print(f"{state}: {why}", {"event": state.value, "why": why})
            case ResetOrdered(last=last):
                self._print(f"ordered: {last}", {"event": "reset", "last": last.value})
            case CallShown(call=shown):
                stage = "idle" if shown is None else shown.stage.value
                self._print(f"call: {stage}", {"event": "call", "stage": stage})
            case _:
                pass

    def _print(self, line: str, entry: dict[str, object]) -> None:
        text = json.dumps(entry) if self._as_json else printable(line)
        if text != self._printed:
            self._printed = text
            click.echo(text)


def _registration_words(report: RegistrationReport) -> str:
    tried = "".join(
        f"; not at {each.node or 'any node'}: {each.failure} {each.said}".rstrip()
        for each in report.attempts
    )
    if report.node is None:
        return f"{report.outcome}{tried}"
    cipher = f" ({report.cipher})" if report.cipher else ""
    return f"{report.outcome}{cipher} at {report.node} {report.address}{tried}"
