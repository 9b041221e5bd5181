"""`tokenless phone boot` and `tokenless phone capf`: one boot, and what it shows."""

import json
import sys
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.ground.files import TooLongError, read_bounded
from tokenless.ground.interrupts import run_trio
from tokenless.ground.terminal import slow_view
from tokenless.inputs import INPUT_FILE, INPUT_FOLDER
from tokenless.parsed import Parsed
from tokenless.phone_emulator.addresses import parse_phone_name
from tokenless.phone_emulator.cli.options import (
    CHECK_SERVER,
    ONLY_SIGNED,
    ModelName,
    tftp_option,
)
from tokenless.phone_emulator.cli.phones.capf_complaint import (
    capf_complaint,
    no_certificate_advice,
)
from tokenless.phone_emulator.cli.phones.options import (
    flash_option,
    habit_options,
    network_options,
)
from tokenless.phone_emulator.enrolment import CHANGED
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.flash import FolderFlash, model_in
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import Network
from tokenless.phone_emulator.secd.events import PhoneBehaviour, PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import (
    ADVICE,
    BootReport,
    FileAction,
    FileReport,
    Outcome,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import FAULTS_OF_THE_FILE, TVS_FAILURES, Reason

_FIRST_MODEL: Final = "7975"
_MOST_DIGITS: Final = 16
"""Of an authentication string; servers take fewer (REFERENCE-3 3.3)."""
_MAX_PEM_BYTES: Final = 64 * 1024
_MAKE_ANEW: Final = {
    FileKind.CTL: "`utils ctl update CTLFile`, then restart Cisco Tftp",
    FileKind.ITL: "restart Cisco Tftp",
}
_ON_THE_SERVER: Final = TVS_FAILURES | {Reason.DIGEST, Reason.NOT_AUTHORISED}
"""Reasons that an upload of the signer would not change."""


@click.command()
@click.option(
    "--device",
    type=Parsed("NAME", parse_phone_name),
    required=True,
    help="The phone's device name, such as SEP001122334455.",
)
@click.option(
    "--model",
    type=ModelName(),
    default=None,
    help="The phone's model; default: as before in this flash, "
    f"{_FIRST_MODEL} in a new one.",
)
@flash_option
@tftp_option
@network_options
@habit_options
@click.option(
    "--mic",
    type=INPUT_FILE,
    help="Give the phone this MIC: PEM with key and certificate.",
)
@click.option(
    "--manufacturer",
    type=INPUT_FOLDER,
    help="Give the phone a MIC from this emulated manufacturer, unless it has one: "
    "DATA/manufacturer of a cluster.",
)
@json_option
def boot(
    *,
    device: str,
    model: str | None,
    flash: Path,
    tftp: tuple[Server, ...],
    network: AbstractAsyncContextManager[Network],
    habits: PhoneBehaviour,
    mic: Path | None,
    manufacturer: Path | None,
    as_json: bool,
) -> None:
    """Boot a phone: fetch, verify and install its files.

    The phone then connects to CAPF if its configuration says so. Exit status 0 when the
    phone holds what the server serves, 3 when no server answers or has a file for it.
    """
    identity = PhoneIdentity(
        device=device,
        model_name=model or model_in(flash) or _FIRST_MODEL,
        servers=tftp,
        habits=habits,
    )
    _give_mic(identity, flash, mic, manufacturer)
    report = _boot(identity, flash, network, None)
    _show(report, as_json=as_json)
    _judge(report)


@click.command()
@click.option(
    "--string", required=True, help="The authentication string, as a person types it."
)
@flash_option
@tftp_option
@network_options
@habit_options
@json_option
def capf(
    *,
    string: str,
    flash: Path,
    tftp: tuple[Server, ...],
    network: AbstractAsyncContextManager[Network],
    habits: PhoneBehaviour,
    as_json: bool,
) -> None:
    """Type the authentication string for CAPF on a phone.

    Exit status 0 when CAPF has installed or deleted the phone's LSC.
    """
    if not (string.isascii() and string.isdigit()):
        raise click.UsageError("an authentication string consists of digits only")
    if len(string) > _MOST_DIGITS:
        raise click.UsageError(
            f"an authentication string has at most {_MOST_DIGITS} digits"
        )
    state = FolderFlash.open(flash).known_state()
    identity = PhoneIdentity(
        device=state.device,
        model_name=state.model,
        servers=tftp,
        habits=habits,
    )
    report = _boot(identity, flash, network, string)
    _show(report, as_json=as_json)
    if report.capf is None:
        _judge(report)  # without files it does not know whether CAPF waits for it
    if report.capf is None or report.capf["result"] not in CHANGED:
        complain(capf_complaint(report))
        sys.exit(ExitStatus.FAILED)
    _judge(report)


def _give_mic(
    identity: PhoneIdentity, flash: Path, mic: Path | None, manufacturer: Path | None
) -> None:
    """Do what the factory does."""
    if mic is None and manufacturer is None:
        return
    folder = FolderFlash.create(flash, identity.device, identity.model_name)
    if mic is not None:
        folder.certificates.install_mic(_read_pem(mic), str(mic))
    elif manufacturer is not None:
        folder.certificates.make_mic(
            identity.device, identity.model_name, manufacturer, time.time()
        )


def _read_pem(path: Path) -> bytes:
    """Read a key with its certificate.

    Raises:
        UnreadableFileError: When it cannot be read.
        PhoneError: When it is longer than such a file.
    """
    try:
        return read_bounded(path, _MAX_PEM_BYTES)
    except OSError as error:
        raise UnreadableFileError(
            f"{path}: {error.strerror}", hint="name the phone's MIC with its key"
        ) from None
    except TooLongError as error:
        raise PhoneError(
            f"{path} {error}", hint="name the phone's MIC with its key"
        ) from None


def _show(report: BootReport, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        _print_report(report)


def _judge(report: BootReport) -> None:
    """Exit with 1 or 3 when the phone lacks the served files, or none is served."""
    if not report.holds_what_is_served:
        complain(complaint(report))
        is_silent = report.outcome is Outcome.UNREACHABLE
        sys.exit(ExitStatus.CANNOT_TELL if is_silent else ExitStatus.FAILED)
    if report.found_nothing:
        complain(_nothing_found(report))
        sys.exit(ExitStatus.CANNOT_TELL)


def _nothing_found(report: BootReport) -> str:
    asked = report.file(FileKind.CONFIGURATION).requested or ""
    if not asked.endswith(".sgn"):
        return f"no TFTP server has a file for {report.device}; {CHECK_SERVER}"
    advice = f"{CHECK_SERVER}; {ONLY_SIGNED}"
    return f"no TFTP server has a signed file for {report.device}; {advice}"


def _boot(
    identity: PhoneIdentity,
    flash: Path,
    network: AbstractAsyncContextManager[Network],
    string: str | None,
) -> BootReport:
    """Boot the phone; while that is slow, show what it waits for."""

    async def boot() -> BootReport:
        async with network as opened:
            told = replace(opened, tell=tell)
            return await boot_in_folder(identity, flash, told, string=string)

    with slow_view(f"booting {identity.device}") as tell:
        return run_trio(boot)


def _print_report(report: BootReport) -> None:
    click.echo(f"{report.device} ({report.model}): {report.outcome}")
    for kind, file in report.files.items():
        by = f" by {file.verified_by}" if file.verified_by else ""
        click.echo(f"  {kind:14} {file.action}{by}")
        if file.finding:
            click.echo(f"  {'':14} note: {printable(file.finding)}")
    for query in report.tvs:
        said = f"{query.status} {list(query.roles)}"
        if query.reason is not None:
            said = f"{query.status}: {printable(query.reason)}"
        click.echo(f"  TVS {printable(query.server)}: {said}")
    for server, why in report.http.items():
        click.echo(f"  HTTP {server}: {printable(why)}; asked by TFTP instead")
    if report.capf is not None:
        why = report.capf["reason"]
        more = f": {printable(why)}" if why else ""
        click.echo(f"  CAPF {report.capf['result']}{more}")
    for message in report.status_messages:
        click.echo(f"  {printable(message)}")


def complaint(report: BootReport) -> str:
    """Return one line with the fault and the remedy."""
    for kind, file in report.files.items():
        if file.action in (FileAction.REJECTED, FileAction.FAILED):
            name = file.requested or kind.value
            advice = _advice(kind, file)
            if file.code is Reason.NOT_DECRYPTED:
                advice = no_certificate_advice(report)
            return f"{name} {file.action}: {file.reason}; {advice}"
    return "the phone does not hold what the server serves"


def _advice(kind: FileKind, file: FileReport) -> str:
    if file.action is FileAction.FAILED:
        return "check address and port, and that the TFTP service runs there"
    if kind is FileKind.CONFIGURATION:
        return "the phone keeps the configuration that it had"
    return f"the phone keeps its lists; {_advice_about_a_list(kind, file.code)}"


def _advice_about_a_list(kind: FileKind, code: Reason | None) -> str:
    if code is Reason.CANNOT_ASK:
        return "delete its CTL with `tokenless phone delete-trust`"
    if code in FAULTS_OF_THE_FILE:
        # Neither TVS nor an empty phone makes such a file good.
        again = f"make it again on its node: {_MAKE_ANEW[kind]}"
        return f"find out how the file was changed, and {again}"
    if code in _ON_THE_SERVER:
        return f"to change that, {ADVICE[code]}"
    return (
        "to change that, upload the signer's certificate to Phone-SAST-trust or run "
        "`tokenless phone delete-trust`"
    )
