"""`tokenless backup` and `restore`: a data folder, copied and brought back."""

import json
import time
from pathlib import Path

import click

from tokenless.command_line import json_option
from tokenless.ground.terminal import slow_view
from tokenless.inputs import InputPath
from tokenless.protocol.certificates.name_text import printable
from tokenless.services.backup.manifest import Manifest
from tokenless.services.backup.restore import restore_backup
from tokenless.services.backup.take import take_backup
from tokenless.services.cli.options import data_option
from tokenless.services.cluster.cluster import load_saved
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.config import host_settings

_SHARED = (
    "the database is not in this folder: back it up where it runs (pg_dump), "
    "right after this"
)


@click.command()
@data_option
@json_option
@click.argument("target", type=click.Path(path_type=Path))
def backup(*, data: Path, as_json: bool, target: Path) -> None:
    """Copy the data folder into TARGET: a new folder or NAME.tar.

    Services keep running during a backup; changes by administrators wait until it ends.
    TARGET holds private keys: protect it as you protect keys.
    """
    with slow_view("copying files") as progress:
        manifest = take_backup(data, target, now=time.time(), progress=progress)
    if not manifest.has_database:
        click.echo(_SHARED, err=True)
    _tell(manifest, target, f"wrote {target}", as_json=as_json)


@click.command()
@data_option
@json_option
@click.argument("source", type=InputPath(folders=True))
def restore(*, data: Path, as_json: bool, source: Path) -> None:
    """Create the data folder from a backup made by `tokenless backup`.

    SOURCE is the folder or file of the backup. The data folder must not exist yet, or
    be empty. Nothing is written when the backup is damaged. Check the host settings
    that are printed: they decide which files this host serves, and anyone who can write
    the backup can change them.
    """
    with slow_view("copying files") as progress:
        manifest = restore_backup(source, data, progress=progress)
    if not manifest.has_database:
        click.echo("the database has a backup of its own; restore it, too", err=True)
    settings = host_settings(load_saved(data / CONFIG_FILE))
    for name, value in settings.items():
        click.echo(f"host setting: {name} = {printable(json.dumps(value))}", err=True)
    _tell(manifest, data, f"restored {data}", as_json=as_json, host_settings=settings)


def _tell(
    manifest: Manifest, path: Path, line: str, *, as_json: bool, **more: object
) -> None:
    size = manifest.size
    if not as_json:
        made = f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
        files = len(manifest.files)
        cluster = printable(manifest.cluster)
        click.echo(f"{line}: {cluster} of {made}, {files} files, {size} bytes")
        return
    report = {
        "path": str(path),
        "cluster": manifest.cluster,
        "made_at": manifest.made_at.isoformat(),
        "files": len(manifest.files),
        "bytes": size,
        "has_database": manifest.has_database,
        **more,
    }
    click.echo(json.dumps(report))
