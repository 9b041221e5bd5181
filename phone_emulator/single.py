"""A phone of its own, in a folder: boots it and keeps what a person may look at later.

report = await boot_in_folder(identity, folder, tls=("1.0", "1.2"))
"""

import time
from pathlib import Path

import msgspec

from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.flash import FolderFlash, PhoneState
from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.secd.events import Identity
from tokenless.phone_emulator.secd.record import BootRecorder
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.secd.status_messages import ERASING_LISTS, line_of
from tokenless.protocol.phone_models import PHONE_MODELS
from tokenless.protocol.trust_anchors import FileKind

_MAX_STATUS_LINES = 30


async def boot_in_folder(
    identity: Identity, folder: Path, network: Network | None = None
) -> BootReport:
    """Boot a phone whose flash is a folder; keep log, record and status messages.

    Raises:
        PhoneError: When the folder cannot be used or is another phone's.
    """
    flash = FolderFlash.create(folder, identity.device, identity.model_name)
    recorder = BootRecorder()
    phone = Phone(identity, flash, recorder)
    report = await phone.boot(network)
    state = flash.state() or PhoneState(report.device, report.model)
    form = identity.model.log_form
    lines = list(lines_of(phone.log, form, state.next_line))
    report.console_log = str(flash.append_log(lines))
    flash.save_record(recorder.finish(report.to_json()))
    said = tuple(line_of(at, text, form) for at, text in report.said)
    flash.save_state(
        msgspec.structs.replace(
            state,
            next_line=state.next_line + len(lines),
            booted_at=time.time(),
            report=report.to_json(),
            status_lines=(state.status_lines + said)[-_MAX_STATUS_LINES:],
        )
    )
    return report


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
