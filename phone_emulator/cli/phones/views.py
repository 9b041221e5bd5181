"""Commands for one phone: show, log, erase, replay, web."""

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.ground.interrupts import cancel_when_stopped, run_trio
from tokenless.inputs import INPUT_FILE, LISTENING_ADDRESS
from tokenless.phone_emulator.cli.phones.options import flash_option
from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.flash import FolderFlash, PhoneState, read_record
from tokenless.phone_emulator.folder_boot import delete_trust
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.screen import describe, draw
from tokenless.phone_emulator.secd.record import Replay
from tokenless.phone_emulator.security_screen import kept, security_lines
from tokenless.phone_emulator.web.http_server import serve_site
from tokenless.phone_emulator.web.pages import PhoneSite
from tokenless.protocol.certificates.name_text import printable, printable_lines
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.phones.models import PHONE_MODELS


@click.command()
@flash_option
@json_option
def show(*, flash: Path, as_json: bool) -> None:
    """Draw the phone's security screens and status messages."""
    folder = FolderFlash.open(flash)
    state = folder.known_state()
    model = PHONE_MODELS[state.model]
    contents = folder.load()
    if as_json:
        mic, lsc = kept(folder.certificates)
        shown = {
            "device": state.device,
            "model": state.model,
            "checksum": model.checksum,
            "files": describe(model, contents),
            "mic": mic.describe(),
            "lsc": lsc.describe(),
            "status_messages": list(state.status_lines),
            "report": state.report,
            "registration": _registration(folder, state),
        }
        click.echo(json.dumps(shown))
    else:
        security = security_lines(
            folder.certificates, contents.configuration, state.report, time.time()
        )
        click.echo(
            draw(
                state.device,
                model,
                contents,
                state.status_lines,
                registration=_registration(folder, state),
                security=list(security),
            )
        )


def _registration(folder: FolderFlash, state: PhoneState) -> dict[str, Any]:
    """Return the registration of now; a phone whose process was killed has none."""
    known = state.registration
    if known.get("node") is None or folder.is_registered:
        return known
    return RegistrationReport(state.device, state.model).to_json()


@click.command()
@flash_option
def log(*, flash: Path) -> None:
    """Print the phone's console log in the format of its model."""
    click.echo(printable_lines(FolderFlash.open(flash).read_log()), nl=False)


@click.command("delete-trust")
@flash_option
def delete_trust_lists(*, flash: Path) -> None:
    """Erase CTL and ITL only, as the phone's softkey does."""
    erased = delete_trust(flash)
    click.echo(f"erased: {', '.join(erased) or 'there were none'}")


@click.command("factory-reset")
@flash_option
def factory_reset(*, flash: Path) -> None:
    """Erase everything, as 123456789*0# at power-up does."""
    erased = FolderFlash.open(flash).factory_reset()
    click.echo(f"erased: {', '.join(erased) or 'there was nothing'}")


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.option("--log", "with_log", is_flag=True, help="Also print the console log.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per step.")
def replay(*, file: Path, with_log: bool, as_json: bool) -> None:
    """Play a recorded boot (`last-boot.jsonl`) again and compare.

    Exit status 0 when every step and the report are the same as recorded.
    """
    the_replay = Replay(read_record(file))
    for step in the_replay:
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(step)))
            continue
        mark = "differs" if step.differs else ""
        effects = ", ".join(step.effects)
        line = f"{step.number:3} {step.event:16} {step.state:26} {effects} {mark}"
        click.echo(printable(line.rstrip()))
    if with_log:
        form = the_replay.start.identity.model.log_form
        click.echo("\n".join(lines_of(the_replay.secd.log, form, 1)))
    if not the_replay.is_same:
        complain(
            "the replay differs from the record; the record was changed, or "
            "this version of the program decides differently"
        )
        sys.exit(ExitStatus.FAILED)


@click.command()
@flash_option
@click.option(
    "--address",
    type=LISTENING_ADDRESS,
    default="127.0.0.1",
    help="The address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port; 0 takes a free one.",
)
def web(*, flash: Path, address: str, port: int) -> None:
    """Serve the phone's web pages until interrupted.

    Prints one JSON line with the address when it listens.
    """
    site = PhoneSite(FolderFlash.open(flash))
    try:
        run_trio(_serve_until_stopped, site, address, port)
    except* OSError as error:
        raise PhoneError(
            f"cannot listen on {join_host_port(address, port)}: {error.exceptions[0]}",
            hint="choose another --port or --address",
        ) from error


async def _serve_until_stopped(site: PhoneSite, address: str, port: int) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(cancel_when_stopped, nursery.cancel_scope)
        serve = partial(serve_site, site, address=address, port=port)
        host, bound = await nursery.start(serve)
        click.echo(json.dumps({"event": "ready", "address": host, "port": bound}))
