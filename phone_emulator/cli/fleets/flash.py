"""The flash of a fleet: `tokenless fleet show` and `delete-trust`."""

import json
from collections import Counter
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import click

from tokenless.ground.counting import counted
from tokenless.parsed import Folder
from tokenless.phone_emulator.fleet.store import FleetStore, StoredPhone
from tokenless.phone_emulator.secd.report import Outcome
from tokenless.protocol.checksums import md5_of

flash_option = click.option(
    "--flash",
    type=Folder(),
    required=True,
    help="The folder with the flash of all phones.",
)
_stuck_option = click.option(
    "--stuck", is_flag=True, help="Only phones that refused a file in their last boot."
)


@click.command()
@flash_option
@_stuck_option
@click.option(
    "--each", is_flag=True, help="Print one line per phone instead of a summary."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per phone."
)
def show(*, flash: Path, stuck: bool, each: bool, as_json: bool) -> None:
    """Show the phones' lists and the results of their last boots."""
    with closing(FleetStore.open_to_read(flash)) as store:
        chosen = (p for p in store.phones() if not stuck or _refused(p))
        if as_json:
            for phone in chosen:
                click.echo(json.dumps({**phone.report, "holds": _held_by(phone)}))
        elif each:
            for phone in chosen:
                click.echo("  ".join((phone.device, *_columns(phone))))
        else:
            for columns, count in Counter(map(_columns, chosen)).most_common():
                phones = "phone " if count == 1 else "phones"
                click.echo("  ".join((f"{count:6} {phones}", *columns)))


@click.command("delete-trust")
@flash_option
@_stuck_option
def delete_trust(*, flash: Path, stuck: bool) -> None:
    """Erase CTL and ITL on all phones; keep their configurations."""
    with closing(FleetStore.open_existing(flash)) as store:
        chosen = None
        if stuck:
            chosen = [phone.device for phone in store.phones() if _refused(phone)]
        number = store.delete_trust(chosen)
        click.echo(f"erased: the lists of {counted(number, 'phone')}")


def _refused(phone: StoredPhone) -> bool:
    return phone.outcome == Outcome.REJECTED


def _columns(phone: StoredPhone) -> tuple[str, ...]:
    """Return model, outcome and the MD5 of both lists."""
    lists = (
        f"{name.removesuffix('File.tlv')} {checksum or '-'}"
        for name, checksum in _held_by(phone).items()
    )
    return f"{phone.model:6}", f"{phone.outcome or '-':11}", *lists


def _held_by(phone: StoredPhone) -> dict[str, str | None]:
    """Return the MD5 of both lists: now, not after the last boot."""
    contents = phone.contents
    return {"CTLFile.tlv": _md5(contents.ctl), "ITLFile.tlv": _md5(contents.itl)}


@lru_cache(maxsize=64)
def _md5(data: bytes | None) -> str | None:
    return None if data is None else md5_of(data)
