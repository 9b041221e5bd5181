"""`tokenless studio`: rehearsals in a browser."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import trio

from tokenless.command_line import json_option
from tokenless.ground.interrupts import cancel_when_stopped, run_trio
from tokenless.parsed import Folder
from tokenless.protocol.host_port import join_host_port
from tokenless.services.cli.failures import logged_failures
from tokenless.services.logs import configure_logs

if TYPE_CHECKING:
    from tokenless.phone_emulator.studio.server import StudioSettings

_FOLDER: Final = "studio"


@click.command()
@click.option(
    "--data",
    type=Folder(),
    default=Path("data"),
    help="The folder in which studies are kept, below `studio`.",
)
@click.option("--address", default="127.0.0.1", help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8444,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--no-sign-in",
    is_flag=True,
    help="Let every browser of this machine in; only on loopback.",
)
@json_option
def studio(
    *, data: Path, address: str, port: int, no_sign_in: bool, as_json: bool
) -> None:
    """Rehearse a change in a browser, over HTTPS, until Ctrl-C.

    Open the printed address: it has a key, which is new at each start. Browsers warn of
    the studio's certificate, which is self-signed.
    """
    configure_logs()
    # Web libraries take half a second to load: only who serves pages needs them.
    from tokenless.phone_emulator.studio.server import StudioSettings  # noqa: PLC0415

    settings = StudioSettings(data / _FOLDER, address, port, asks_nobody=no_sign_in)
    with logged_failures():
        run_trio(partial(_serve, settings, as_json=as_json))


async def _serve(settings: "StudioSettings", *, as_json: bool) -> None:
    from tokenless.phone_emulator.studio.server import serve_studio  # noqa: PLC0415

    async with trio.open_nursery() as nursery:
        await nursery.start(cancel_when_stopped, nursery.cancel_scope)
        address, port = await nursery.start(serve_studio, settings)
        key = "" if settings.asks_nobody else f"sign-in?key={settings.key}"
        url = f"https://{join_host_port(address, port)}/{key}"
        if as_json:
            event = {"event": "ready", "service": "studio", "address": address}
            click.echo(json.dumps({**event, "port": port, "url": url}))
        else:
            click.echo(url)
