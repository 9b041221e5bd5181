"""`tokenless console`: the administration pages in a browser, and their users."""

import json
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from tokenless.ground.interrupts import cancel_when_stopped, run_trio
from tokenless.inputs import LISTENING_ADDRESS
from tokenless.protocol.host_port import join_host_port
from tokenless.services.changes import console_users
from tokenless.services.cli.cluster.administration import OpenedCluster, cluster_options
from tokenless.services.cli.failures import logged_failures
from tokenless.services.cli.first_user import FirstUser, first_user_options
from tokenless.services.cli.passwords import asked_for
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.logs import configure_logs
from tokenless.services.store.audit import administrator
from tokenless.services.store.console_users import ConsoleRole

if TYPE_CHECKING:
    from tokenless.services.console.server import ConsoleSettings


@click.group(invoke_without_command=True)
@cluster_options
@click.option(
    "--node",
    help="The node whose certificate the console presents; default: the publisher.",
)
@click.option(
    "--address",
    type=LISTENING_ADDRESS,
    help="The address to listen on; default: the node's.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port; default: that of [console], or 8443. 0 takes a free port.",
)
@click.option(
    "--no-sign-in",
    is_flag=True,
    help="Require no sign-in; only on loopback, while no user exists.",
)
@first_user_options
@click.pass_context
def console(
    context: click.Context,
    opened: OpenedCluster,
    node: str | None,
    address: str | None,
    *,
    port: int | None,
    no_sign_in: bool,
    first: FirstUser,
    as_json: bool,
) -> None:
    """Serve the administration pages over HTTPS until Ctrl-C.

    The pages use a running `tokenless serve` if there is one, and the stored state
    otherwise. Create the first user with `tokenless console user add`.
    """
    if context.invoked_subcommand is not None:
        return
    configure_logs()
    # Web libraries take half a second to load: only serving pages needs them.
    from tokenless.services.console.server import ConsoleSettings  # noqa: PLC0415

    with logged_failures(), opened as cluster:
        if not no_sign_in:
            first.add_to(cluster)
        settings = ConsoleSettings.of(
            cluster,
            cluster.node(node),
            address=address,
            port=port,
            asks_nobody=no_sign_in,
        )
        run_trio(partial(_serve, cluster, settings, as_json=as_json))


async def _serve(
    cluster: Cluster, settings: "ConsoleSettings", *, as_json: bool
) -> None:
    from tokenless.services.console.server import serve_console  # noqa: PLC0415

    async with trio.open_nursery() as nursery:
        await nursery.start(cancel_when_stopped, nursery.cancel_scope)
        address, port = await nursery.start(serve_console, cluster, settings)
        if as_json:
            event = {"event": "ready", "node": settings.node.name, "service": "console"}
            click.echo(json.dumps({**event, "address": address, "port": port}))
        else:
            click.echo(f"https://{join_host_port(address, port)}/")


@console.group()
def user() -> None:
    """Manage the users of the console."""


@user.command()
@cluster_options
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in ConsoleRole]),
    default=ConsoleRole.CHANGE.value,
    help="read: see all pages; change: also make changes, and use the shell.",
)
@click.option(
    "--password",
    help="At least 10 characters; asked for when not given. Other users can see a "
    "command's options.",
)
@click.pass_context
def add(
    context: click.Context,
    opened: OpenedCluster,
    name: str,
    role: str,
    password: str | None,
    *,
    as_json: bool,
) -> None:
    """Add a user of the console."""
    chosen = password or asked_for(
        context, "Password", "TOKENLESS_PASSWORD", confirm=True
    )
    with opened as cluster:
        console_users.add_user(
            cluster, name, ConsoleRole(role), chosen, by=administrator()
        )
    _report(name, f"{name} may sign in, with the role {role}", as_json=as_json)


@user.command("list")
@cluster_options
def list_all(opened: OpenedCluster, *, as_json: bool) -> None:
    """List the users, and say which are locked out."""
    with opened as cluster:
        users = console_users.list_users(cluster)
        now = cluster.clock()
    for each in users:
        locked = each.locked_until > now
        if as_json:
            row = {"name": each.name, "role": each.role.value, "locked": locked}
            click.echo(json.dumps(row))
        else:
            click.echo(f"{each.name:<24} {each.role}{'  locked out' if locked else ''}")


@user.command()
@cluster_options
@click.argument("name")
def delete(opened: OpenedCluster, name: str, *, as_json: bool) -> None:
    """Delete a user and end the user's sessions."""
    with opened as cluster:
        console_users.delete_user(cluster, name, by=administrator())
    _report(name, f"deleted {name}", as_json=as_json)


@user.command()
@cluster_options
@click.argument("name")
def unlock(opened: OpenedCluster, name: str, *, as_json: bool) -> None:
    """Let a locked-out user sign in again."""
    with opened as cluster:
        console_users.unlock_user(cluster, name, by=administrator())
    _report(name, f"{name} may try again", as_json=as_json)


def _report(name: str, sentence: str, *, as_json: bool) -> None:
    click.echo(json.dumps({"name": name}) if as_json else sentence)
