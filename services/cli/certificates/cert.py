"""`tokenless cert`: own certificates of nodes, and trust stores."""

import json
import sys
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import ExitStatus, complain
from tokenless.ground.files import naming
from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.certificate_text import certificate_text
from tokenless.services.changes import certificates, trust_stores
from tokenless.services.cli.certificates.replacing import (
    regenerate_certificate,
    restore_certificate,
)
from tokenless.services.cli.certificates.requests import (
    import_certificate,
    request_certificate,
    reuse_certificate,
)
from tokenless.services.cli.certificates.view import (
    certificate_json,
    export_certificate,
    export_options,
    node_option,
    placed_json,
    print_certificates,
    print_one,
    store_argument,
)
from tokenless.services.cli.cluster.administration import (
    OpenedCluster,
    StoreType,
    announce_change,
    cluster_options,
)
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import open_token
from tokenless.services.pki.uploads import MAX_UPLOAD_BYTES, load_upload
from tokenless.services.store.audit import administrator
from tokenless.services.store.certificates import StoredCertificate

_TOKEN_SOURCE: Final = "token:"  # noqa: S105 - a prefix
_STORES: Final = ", ".join(TrustStore)


@click.group(epilog=f"STORE is one of {_STORES}.")
def cert() -> None:
    """Manage certificates of nodes, and the cluster's trust stores."""


cert.add_command(request_certificate)
cert.add_command(import_certificate)
cert.add_command(reuse_certificate)
cert.add_command(regenerate_certificate)
cert.add_command(restore_certificate)


@cert.command("list")
@cluster_options
@click.option("--store", type=StoreType(), help="List only this unit or trust store.")
@click.option(
    "--node",
    "node_name",
    help="List only this node's certificates, and the trust stores.",
)
@click.option(
    "--history", is_flag=True, help="List the replaced certificates of nodes instead."
)
def list_certificates(
    *,
    opened: OpenedCluster,
    store: TrustStore | None,
    node_name: str | None,
    history: bool,
    as_json: bool,
) -> None:
    """List certificates and the roles that TVS answers for them."""
    with opened as cluster:
        node = None if node_name is None else cluster.node(node_name)
        if history:
            placed = certificates.history(cluster, node)
        else:
            placed = certificates.own(cluster, node) + certificates.trust(cluster)
        chosen = [each for each in placed if store in {None, each.store}]
        _print(chosen, _names(cluster), as_json=as_json)


@cert.command()
@cluster_options
@node_option
@store_argument
@click.argument("serial", required=False)
def show(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    serial: str | None,
    as_json: bool,
) -> None:
    """Show a certificate; SERIAL selects one of a trust store."""
    with opened as cluster:
        placed = _find(cluster, node_name, store, serial)
        if as_json:
            click.echo(json.dumps(placed_json(placed, _names(cluster))))
        else:
            click.echo(certificate_text(placed.certificate, cluster.release))


@cert.command()
@cluster_options
@node_option
@store_argument
@click.argument("serial", required=False)
@export_options
def export(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    serial: str | None,
    output: Path | None,
    der: bool,
    as_json: bool,
) -> None:
    """Write a certificate to a file, never its key."""
    with opened as cluster:
        certificate = _find(cluster, node_name, store, serial).certificate
    export_certificate(certificate, output, der=der, as_json=as_json)


@cert.command()
@cluster_options
@store_argument
@click.argument("source", metavar="FILE|token:NAME")
def upload(
    *,
    opened: OpenedCluster,
    store: TrustStore,
    source: str,
    as_json: bool,
) -> None:
    """Put a certificate or a chain (PEM, DER, PKCS#7) into a store.

    `token:NAME` takes the certificate of one of this cluster's tokens, `-` standard
    input.
    """
    with opened as cluster:
        content = _read(cluster, source)
        result = trust_stores.upload(cluster, store, content, by=administrator())
        announce_change(cluster)
    if result.warning is not None:
        click.echo(f"warning: {result.warning}", err=True)
    for line in result.explain():
        click.echo(f"warning: {line}", err=True)
    uploaded = [certificate_json(each) for each in result.certificates]
    if as_json:
        fields = {"store": store.value, "roles": list(store.roles)}
        click.echo(
            json.dumps(
                fields
                | {"certificates": uploaded, "warning": result.warning}
                | {"replaced": [each.serial_hex for each in result.replaced]}
                | {"kept_out": [each.serial_hex for each in result.kept_out]}
            )
        )
    else:
        click.echo("Success: Certificate Uploaded")


@cert.command()
@cluster_options
@node_option
@store_argument
@click.argument("serial")
def delete(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    serial: str,
    as_json: bool,
) -> None:
    """Delete a trust store's certificate, or a node's replaced one."""
    by = administrator()
    with opened as cluster:
        if store.is_trust_store:
            gone = trust_stores.delete(cluster, store, serial, by=by)
        else:
            node = cluster.node(node_name)
            gone = certificates.delete_history(cluster, node, store, serial, by=by)
        announce_change(cluster)
    print_one(gone, f"Deleted {gone.serial_hex} from {store}.", as_json=as_json)


@cert.command()
@cluster_options
@click.option(
    "--within",
    "days",
    type=click.IntRange(min=0),
    help="Only certificates that expire within this many days, or are not valid yet.",
)
def expiry(*, opened: OpenedCluster, days: int | None, as_json: bool) -> None:
    """Report when certificates end; exit 1 when one is not valid."""
    with opened as cluster:
        report = certificates.expiry(cluster, within_days=days)
        names = _names(cluster)
    if as_json:
        listed = [
            placed_json(each.placed, names)
            | {"days_left": each.days_left, "begins_later": each.begins_later}
            for each in report
        ]
        click.echo(json.dumps({"certificates": listed}))
    else:
        print_certificates([each.placed for each in report], names)
    ended = sum(each.days_left < 0 for each in report)
    later = sum(each.begins_later for each in report)
    if later:
        both = f"{ended} have ended, " * bool(ended)
        what = f"{both}{later} are not valid yet; correct the clock, or regenerate them"
    else:
        what = f"{ended} have ended; regenerate them"
    if ended or later:
        complain(what)
        sys.exit(ExitStatus.FAILED)


def _read(cluster: Cluster, source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read(MAX_UPLOAD_BYTES + 1)
    if source.startswith(_TOKEN_SOURCE):
        name = source.removeprefix(_TOKEN_SOURCE)
        return open_token(cluster.tokens_folder, name).certificate.der
    with naming(f"FILE {source}"):
        return load_upload(Path(source))


def _find(
    cluster: Cluster, node_name: str | None, store: TrustStore, serial: str | None
) -> StoredCertificate:
    if store.is_trust_store:
        if serial is None:
            raise click.UsageError(f"{store} may hold several: name a SERIAL")
        return certificates.find_by_serial(certificates.trust(cluster, store), serial)
    node = cluster.node(node_name)
    certificates.check_unit(node, store, cluster.release)
    placed = [each for each in certificates.own(cluster, node) if each.store is store]
    if serial is not None:
        placed += certificates.history(cluster, node, store)
        return certificates.find_by_serial(placed, serial)
    if not placed:
        raise ServiceError(
            f"{node.name} has no {store} certificate",
            hint=f"make one with `tokenless cert regenerate {store}`",
        )
    return placed[0]


def _names(cluster: Cluster) -> dict[int, str]:
    return {node.id: node.name for node in cluster.nodes}


def _print(
    placed: list[StoredCertificate], names: dict[int, str], *, as_json: bool
) -> None:
    if as_json:
        listed = [placed_json(each, names) for each in placed]
        click.echo(json.dumps({"certificates": listed}))
    else:
        print_certificates(placed, names)
