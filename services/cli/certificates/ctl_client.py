"""`tokenless ctl-client`: the CTL Client with security tokens, by flags or dialogs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import FILE, ExitStatus, complain, gathered
from tokenless.ground.files import naming
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import ctl_client as operations
from tokenless.services.changes.ctl_entries import draft_entries, entries_of
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cli.certificates.ctl_client_dialog import (
    CtlClientDialog,
    show_entries,
)
from tokenless.services.cli.certificates.token import find_token
from tokenless.services.cli.cluster.administration import OpenedCluster, cluster_options
from tokenless.services.cli.file.json_output import describe_file
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import Delivery, NodeDelivery, announce
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, Token
from tokenless.services.pki.uploads import load_upload
from tokenless.services.publishing.ctl import OtherServer
from tokenless.services.store.audit import administrator

_MODES: Final = {
    "mixed-mode": SecurityMode.MIXED,
    "non-secure-mode": SecurityMode.NON_SECURE,
}
_PASSED: Final = "Passed"
_FAILED: Final = "Failed"


@dataclass(frozen=True, slots=True)
class _Inserted:
    """The tokens, the server and its new entries, as a person names them."""

    names: Sequence[str]
    password: str | None
    module: Path | None
    server: str | None
    ignore_missing_file: bool
    tftp: Sequence[str]
    firewall: Sequence[str]


_token_options = gathered(
    "inserted",
    _Inserted,
    click.option(
        "--token",
        "names",
        multiple=True,
        help="An inserted token; may be repeated. Asked for when not given.",
    ),
    click.option(
        "--password",
        help="Password of the signing token; "
        f"{DEFAULT_PASSWORD} when it is not asked for, but never with --module.",
    ),
    click.option(
        "--module",
        type=FILE,
        help="The PKCS#11 module of the tokens.",
    ),
    click.option(
        "--node", "server", help="The server to connect to; default: the publisher."
    ),
    click.option(
        "--ignore-missing-file",
        is_flag=True,
        help="Continue when the cluster is in mixed mode but has no CTL file.",
    ),
    click.option(
        "--add-tftp",
        "tftp",
        multiple=True,
        metavar="ADDRESS=FILE",
        help="List another cluster's TFTP server, with its certificate.",
    ),
    click.option(
        "--add-firewall",
        "firewall",
        multiple=True,
        metavar="ADDRESS=FILE",
        help="List a firewall, with its certificate.",
    ),
)


@click.group()
def ctl_client() -> None:
    """Sign the cluster's CTL with tokens, as the CTL Client does."""


@ctl_client.command("set-mode")
@cluster_options
@_token_options
@click.argument("mode", type=click.Choice(list(_MODES)))
def set_mode(
    *, mode: str, opened: OpenedCluster, inserted: _Inserted, as_json: bool
) -> None:
    """Set the cluster's security mode and make the CTL for it."""
    with opened as cluster:
        _run(cluster, _MODES[mode], inserted, as_json=as_json)


@ctl_client.command()
@cluster_options
@_token_options
def update(*, opened: OpenedCluster, inserted: _Inserted, as_json: bool) -> None:
    """Make a new CTL and keep the security mode."""
    with opened as cluster:
        _run(cluster, None, inserted, as_json=as_json)


@ctl_client.command()
@cluster_options
@click.option(
    "--node", "server", help="The server to connect to; default: the publisher."
)
def show(*, opened: OpenedCluster, server: str | None, as_json: bool) -> None:
    """Show the CTL entries of the server's file."""
    with opened as cluster:
        node = cluster.node(server)
        present = operations.check_server(cluster, server=node, ignore_missing=True)
        mode = "mixed" if cluster.is_mixed else "non-secure"
    if as_json:
        now = datetime.now(UTC)
        listed = None if present is None else describe_file(present, at=now)
        click.echo(json.dumps({"node": node.name, "mode": mode, "ctl": listed}))
        return
    click.echo(f"Cluster security mode: {mode}")
    if present is None:
        click.echo(f"No CTL File exists on {node.name}")
    else:
        show_entries(entries_of(present.records))


def _run(
    cluster: Cluster, mode: SecurityMode | None, inserted: _Inserted, *, as_json: bool
) -> None:
    server, names = inserted.server, inserted.names
    if cluster.release.has_tokens and not cluster.release.supports_ctl_client:
        complain(operations.UNSUPPORTED)
    node = cluster.node(server)
    dialog = CtlClientDialog(
        is_interactive=not names and sys.stdin.isatty(), password=inserted.password
    )
    ignore = dialog.connect(cluster, node, ignore_missing=inserted.ignore_missing_file)
    present = operations.check_server(cluster, server=node, ignore_missing=ignore)
    others = _others(cluster, present, inserted)
    tokens = dialog.insert_tokens(
        names,
        present,
        lambda name: find_token(cluster, name, inserted.module),
        lambda added: draft_entries(
            cluster, present, [each.certificate for each in added], others
        ),
    )
    _unlock(dialog, present, tokens)
    ctl = operations.update(
        cluster,
        tokens,
        mode=mode,
        ignore_missing=ignore,
        server=node,
        others=others,
        by=administrator(),
    )
    _report(cluster, ctl, announce(cluster), as_json=as_json)


def _others(
    cluster: Cluster, present: TrustList | None, inserted: _Inserted
) -> list[OtherServer]:
    """Return the servers outside of the cluster: those of the file, and new ones."""
    others = [] if present is None else operations.others_of(cluster, present)
    others += [_other(cluster, Role.TFTP, each) for each in inserted.tftp]
    others += [_other(cluster, Role.FIREWALL, each) for each in inserted.firewall]
    return others


def _other(cluster: Cluster, role: Role, text: str) -> OtherServer:
    address, equals, file = text.partition("=")
    if not equals:
        raise ServiceError(
            f"{text!r} names no file", hint="write ADDRESS=FILE, as 192.0.2.9=tftp.pem"
        )
    with naming(f"ADDRESS=FILE {text}"):
        certificate = load_upload(Path(file))
    return operations.other_server(cluster, role, address, certificate)


def _unlock(
    dialog: CtlClientDialog, present: TrustList | None, tokens: Sequence[Token]
) -> None:
    """Ask for the password of the one token that signs."""
    if not tokens:
        raise ServiceError("no token was inserted", hint="name them with --token")
    chosen = operations.choose_signer(present, [each.certificate for each in tokens])
    signer = next(each for each in tokens if each.certificate == chosen)
    signer.unlock(dialog.password_of(signer))


def _report(
    cluster: Cluster, ctl: TrustList, deliveries: list[NodeDelivery], *, as_json: bool
) -> None:
    """Show the table of servers; exit 1 when one does not have the file."""
    addresses = {node.name: node.address for node in cluster.nodes}
    done = {Delivery.APPLIED, Delivery.OFFLINE}
    rows = [
        {
            "server": addresses[each.node],
            "node": each.node,
            "file_location": operations.FILE_LOCATION,
            "status": _PASSED if each.outcome in done else _FAILED,
            "reason": each.explain(),
        }
        for each in deliveries
    ]
    if as_json:
        summary = {"length": len(ctl.data), "md5": ctl.md5, "sha1": ctl.sha1}
        click.echo(json.dumps({"servers": rows, "ctl": summary}))
    else:
        click.echo(f"{'Server':<16} {'File Location':<34} Status")
        for row in rows:
            click.echo(
                f"{row['server']:<16} {row['file_location']:<34} {row['status']}"
            )
        click.echo(operations.RESTART_REMINDER)
    failed = [str(row["reason"]) for row in rows if row["status"] == _FAILED]
    if failed:
        complain("; ".join(failed))
        sys.exit(ExitStatus.FAILED)
