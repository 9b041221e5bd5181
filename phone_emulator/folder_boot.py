"""A phone of its own, in a folder: boots it and keeps what a person may look at later.

report = await boot_in_folder(identity, folder, tls=("1.0", "1.2"))
"""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.enrolling_boot import boot_and_enrol
from tokenless.phone_emulator.enrolment import Sleep
from tokenless.phone_emulator.flash import FolderFlash, PhoneState
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.log_events import LogEntry
from tokenless.phone_emulator.secd.record import BootRecorder
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.secd.status_messages import ERASING_LISTS, line_of
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.anchors import FileKind

_MAX_STATUS_LINES = 30


async def boot_in_folder(
    identity: PhoneIdentity,
    folder: Path,
    network: Network | None = None,
    *,
    string: str | None = None,
    sleep: Sleep = trio.sleep,
) -> BootReport:
    """Boot a phone whose flash is a folder; keep log, record and status messages.

    After the boot it goes to CAPF, if its configuration says so, and boots again when
    that changed its certificate (REFERENCE-3 2.5).

    Args:
        identity: Which phone it is.
        folder: Its flash.
        network: What it shares with others; its own when None.
        string: The authentication string that a person types.
        sleep: Waits between tries of CAPF.

    Raises:
        PhoneError: When the folder cannot be used or is another phone's.
    """
    flash = FolderFlash.create(folder, identity.device, identity.model_name)
    if network is None:
        async with open_network() as own:
            return await _boot_and_keep(identity, flash, own, string, sleep)
    return await _boot_and_keep(identity, flash, network, string, sleep)


async def _boot_and_keep(
    identity: PhoneIdentity,
    flash: FolderFlash,
    network: Network,
    string: str | None,
    sleep: Sleep,
) -> BootReport:
    recorder = BootRecorder()
    phone = Phone(identity, flash, flash.certificates, recorder)
    report = await boot_and_enrol(phone, network, string=string, sleep=sleep)
    _keep(flash, identity, report, phone.log, report.said)
    flash.save_record(recorder.finish(report.to_json()))
    return report


def _keep(
    flash: FolderFlash,
    identity: PhoneIdentity,
    report: BootReport,
    log: Sequence[LogEntry],
    said: Sequence[tuple[float, str]],
) -> None:
    """Write what a person may look at later."""
    state = flash.state() or PhoneState(report.device, report.model)
    form = identity.model.log_form
    lines = list(lines_of(log, form, state.next_line))
    report.console_log = str(flash.append_log(lines))
    shown = tuple(line_of(at, text, form) for at, text in said)
    flash.save_state(
        msgspec.structs.replace(
            state,
            next_line=state.next_line + len(lines),
            booted_at=time.time(),
            report=report.to_json(),
            # Its last registration says nothing of a phone that was switched on.
            registration=state.registration if flash.is_registered else {},
            status_lines=(state.status_lines + shown)[-_MAX_STATUS_LINES:],
        )
    )


def delete_trust(folder: Path) -> tuple[FileKind, ...]:
    """Erase the lists as the softkey Erase does; say which there were.

    Raises:
        PhoneError: When no phone, or none of a known model, keeps its flash there.
    """
    flash = FolderFlash.open(folder)
    state = flash.known_state()
    erased = flash.delete_trust()
    line = line_of(time.time(), ERASING_LISTS, PHONE_MODELS[state.model].log_form)
    lines = (*state.status_lines, line)[-_MAX_STATUS_LINES:]
    flash.save_state(msgspec.structs.replace(state, status_lines=lines))
    return erased
