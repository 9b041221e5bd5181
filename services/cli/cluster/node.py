"""`tokenless node`: nodes on hosts of their own (docs/operations-database.md)."""

import json
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from tokenless.command_line import FILE, json_option
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.codes import EVERY_ROLE, NodeRole
from tokenless.services.changes import membership
from tokenless.services.cli.cluster.administration import OpenedCluster, cluster_options
from tokenless.services.cli.options import data_option, database_url
from tokenless.services.cli.passwords import asked_for
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.cluster.handover import MAX_FILE_BYTES, export_node, import_node
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, write_output
from tokenless.services.node.control.announce import announce
from tokenless.services.store.access.roles import grant as grant_role
from tokenless.services.store.access.roles import grants
from tokenless.services.store.audit import administrator

_DEFAULTS_HERE = (
    "[tftp], [tvs] and [metrics] have their defaults here: serve with a --config of "
    "this host, or import with --host-settings"
)
_file = click.argument("file", type=INPUT_FILE)


def _asked_for(
    ctx: click.Context, _: click.Parameter, value: str | None, *, confirm: bool
) -> str:
    """Ask for the password that was not given."""
    if value is not None:
        return value
    return asked_for(ctx, "Password of the file", "TOKENLESS_PASSWORD", confirm=confirm)


@click.group()
def node() -> None:
    """Add nodes, and move nodes to hosts of their own."""


@node.command()
@cluster_options
@click.option(
    "--role",
    "roles",
    type=click.Choice([NodeRole.TFTP.value, NodeRole.CALLMANAGER.value]),
    multiple=True,
    help="A service to activate on the node; may be repeated. Default: all.",
)
@click.argument("name")
@click.argument("address")
def add(
    *,
    opened: OpenedCluster,
    roles: tuple[str, ...],
    name: str,
    address: str,
    as_json: bool,
) -> None:
    """Add a subscriber with new keys to the cluster.

    The CTL does not list the node until `utils ctl update CTLFile`.
    """
    with opened as cluster:
        chosen = frozenset(map(NodeRole, roles)) or EVERY_ROLE
        made = membership.add_node(
            cluster, name, address, roles=chosen, by=administrator()
        )
        announce(cluster)
    fields: dict[str, object] = {"node": made.name, "address": made.address}
    _tell(fields | {"roles": sorted(made.roles)}, f"{name} added", as_json)


@node.command()
@cluster_options
@click.option(
    "--password",
    callback=partial(_asked_for, confirm=True),
    help="Encrypts the file; at least 12 characters; asked for when not given.",
)
@click.option(
    "--output",
    required=True,
    type=FILE,
    help="The file to write.",
)
@click.argument("name")
def export(
    *,
    opened: OpenedCluster,
    name: str,
    password: str,
    output: Path,
    as_json: bool,
) -> None:
    """Write a node's keys and configuration for its own host.

    This host no longer serves the node. When you later regenerate one of the node's
    certificates here, export and import it again: the node needs the new key.
    """
    with opened as cluster:
        exported = cluster.node(name)
        write_output(output, export_node(cluster, exported, password), mode=PRIVATE)
    _tell({"node": exported.name, "file": str(output)}, f"wrote {output}", as_json)


@node.command("import")
@data_option
@click.option(
    "--password",
    callback=partial(_asked_for, confirm=False),
    help="The password of the export; asked for when not given.",
)
@click.option(
    "--host-settings",
    is_flag=True,
    help="Also take over [tftp], [tvs] and [metrics] of the publisher's configuration.",
)
@json_option
@_file
def import_(
    *, data: Path, password: str, host_settings: bool, file: Path, as_json: bool
) -> None:
    """Create or renew a node's folder here from an exported FILE.

    Name the database by the address and role that this host uses:
    TOKENLESS_DATABASE_URL=postgresql+psycopg://ROLE@HOST/DATABASE
    """
    with file.open("rb") as content:
        read = content.read(MAX_FILE_BYTES + 1)
    if len(read) > MAX_FILE_BYTES:
        raise ServiceError(
            f"{file}: too large to be the file of a node",
            hint="make it with `tokenless node export`",
        )
    is_new = not (data / CONFIG_FILE).exists()
    cluster, arrived = import_node(
        data,
        read,
        password,
        database_url=database_url(),
        host_settings=host_settings,
    )
    with closing(cluster):
        if is_new and not host_settings:
            click.echo(_DEFAULTS_HERE, err=True)
        _tell(
            {"node": arrived.name, "data": str(data)},
            f"{arrived.name} is here: tokenless serve --node {arrived.name}",
            as_json,
        )


@node.command()
@cluster_options
@click.option("--role", required=True, help="An existing PostgreSQL role.")
@click.option("--show", is_flag=True, help="Print the SQL only.")
@click.argument("name")
def grant(
    *,
    opened: OpenedCluster,
    name: str,
    role: str,
    show: bool,
    as_json: bool,
) -> None:
    """Give a database role the rights that a node's host needs."""
    if show:
        _tell({"sql": grants(role)}, ";\n".join([*grants(role), ""]).rstrip(), as_json)
        return
    with opened as cluster:
        found = cluster.node(name)
        if not cluster.store.is_shared:
            raise ServiceError(
                "roles are PostgreSQL's; this cluster is on SQLite",
                hint="see docs/operations-database.md",
            )
        detail = f"{found.name}: {role}"
        with cluster.store.change("grant", detail, by=administrator()) as change:
            grant_role(change.connection, found.id, role)
    _tell({"node": found.name, "role": role}, f"{role} may serve {name}", as_json)


def _tell(report: dict[str, object], line: str, as_json: bool) -> None:
    click.echo(json.dumps(report) if as_json else line)
