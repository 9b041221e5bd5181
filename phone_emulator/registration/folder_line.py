"""A phone in a folder that stays up: boots, registers, and boots again when ordered.

What a person may look at later is kept in the folder: console log, status messages, and
where the phone is registered.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.registration.line import Line, LineSettings, OnChange
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.registration.report import (
    Attempt,
    Failure,
    RegistrationReport,
)
from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    NumberKnown,
    PhoneEvent,
    RegistrationStateChanged,
    ResetOrdered,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.secd.status_messages import line_of

_MAX_STATUS_LINES: Final = 30
REGISTRATION_REJECTED: Final = "Registration Rejected"
"""The vendor's word for alarm 24 (REFERENCE-3 4.5); as a status message inferred."""
_MOMENTS: Final = {
    Failure.NOT_IN_CTL: LogEvent.SERVER_NOT_TRUSTED,
    Failure.NOT_IN_ITL: LogEvent.SERVER_NOT_TRUSTED,
    Failure.OWN_CERTIFICATE_REFUSED: LogEvent.OWN_CERTIFICATE_REFUSED,
    Failure.NO_OWN_CERTIFICATE: LogEvent.OWN_CERTIFICATE_REFUSED,
}


async def run_in_folder(
    identity: PhoneIdentity,
    folder: Path,
    network: Network,
    *,
    settings: LineSettings | None = None,
    on_boot: Callable[[BootReport], None] = lambda _report: None,
    on_change: OnChange = lambda _line, _change: None,
) -> None:
    """Keep a phone up until cancelled.

    Args:
        identity: Which phone it is.
        folder: Its flash.
        network: What it shares with others.
        settings: How patiently it looks for a server.
        on_boot: Is told of each boot.
        on_change: Is told of each event of its line.

    Raises:
        PhoneError: When the folder cannot be used or is another phone's.
    """
    last = LastOut.INITIALIZED
    while True:
        on_boot(await boot_in_folder(identity, folder, network))
        line = line_in_folder(
            identity, folder, network, settings=settings, on_change=on_change
        )
        last = await line.run(last)


def line_in_folder(
    identity: PhoneIdentity,
    folder: Path,
    network: Network,
    *,
    settings: LineSettings | None = None,
    on_change: OnChange = lambda _line, _change: None,
) -> Line:
    """Return the line of a phone that has booted; the folder keeps what happens."""
    flash = FolderFlash.open(folder)
    diary = _Diary(flash, identity, network)

    def note(line: Line, change: PhoneEvent | RegistrationReport) -> None:
        diary.note(line, change)
        on_change(line, change)

    phone = Phone(identity, flash, flash.certificates)
    settings = settings or LineSettings(timeout_s=network.register_timeout_s)
    return Line(identity, group_of(phone, network), settings, note)


class _Diary:
    """Writes what happens to a phone into its flash."""

    def __init__(
        self, flash: FolderFlash, identity: PhoneIdentity, network: Network
    ) -> None:
        self._flash = flash
        self._form = identity.model.log_form
        self._clock = network.clock

    def note(self, line: Line, change: PhoneEvent | RegistrationReport) -> None:
        """Keep a change that a person may ask for."""
        now = self._clock()
        match change:
            case RegistrationReport() as report:
                entries = [_failed(each, now) for each in report.attempts]
                if report.is_registered:
                    entries += _registered(report, now)
                is_rejected = report.failure is Failure.REJECTED
                said = (REGISTRATION_REJECTED,) if is_rejected else ()
                self._write(entries, report, said)
            case RegistrationStateChanged(last=LastOut() as last):
                alarm = {"alarm": f"{last.code}: Last={last.value}"}
                self._write(
                    [LogEntry(LogEvent.OUT_OF_SERVICE, now, alarm)], line.report
                )
            case ResetOrdered(last=last):
                alarm = {"alarm": f"{last.code}: Last={last.value}"}
                self._write([LogEntry(LogEvent.RESET_ORDERED, now, alarm)], line.report)
            case NumberKnown():
                self._write([], line.report)
            case _:
                pass

    def _write(
        self,
        entries: list[LogEntry],
        report: RegistrationReport,
        said: tuple[str, ...] = (),
    ) -> None:
        self._flash.mark_registered(is_registered=report.is_registered)
        state = self._flash.known_state()
        lines = list(lines_of(entries, self._form, state.next_line))
        if lines:
            self._flash.append_log(lines)
        now = self._clock()
        shown = tuple(line_of(now, text, self._form) for text in said)
        self._flash.save_state(
            msgspec.structs.replace(
                state,
                next_line=state.next_line + len(lines),
                status_lines=(state.status_lines + shown)[-_MAX_STATUS_LINES:],
                registration=report.to_json(),
            )
        )


def _failed(attempt: Attempt, now: float) -> LogEntry:
    moment = _MOMENTS.get(attempt.failure, LogEvent.NOT_REGISTERED)
    details = {
        "node": attempt.node,
        "address": attempt.address,
        "reason": attempt.said or attempt.failure.value,
    }
    return LogEntry(moment, now, details)


def _registered(report: RegistrationReport, now: float) -> list[LogEntry]:
    signalling = report.signalling
    details = {
        "node": report.node or "",
        "address": report.address,
        "cipher": report.cipher or "none",
        "protocol": "" if signalling is None else signalling.value,
    }
    return [
        LogEntry(LogEvent.REGISTERING, now, details),
        LogEntry(LogEvent.REGISTERED, now, details),
    ]
