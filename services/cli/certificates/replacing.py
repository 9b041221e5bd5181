"""`tokenless cert regenerate` and `restore`: new keys for nodes, and old ones again."""

import click

from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cli.certificates.view import (
    node_option,
    print_one,
    store_argument,
)
from tokenless.services.cli.cluster.administration import (
    OpenedCluster,
    announce_change,
    cluster_options,
)
from tokenless.services.cli.options import key_size_type
from tokenless.services.cluster.issue_request import RSA_SIZES
from tokenless.services.pki.keys import EC_SIZES
from tokenless.services.store.audit import administrator


@click.command("regenerate")
@cluster_options
@node_option
@store_argument
@click.option(
    "--key-size",
    type=key_size_type(RSA_SIZES, EC_SIZES),
    help="Key size in bits; default: that of the cluster.",
)
@click.option(
    "--key-type",
    type=click.Choice(["RSA", "EC"]),
    default="RSA",
    help="Key type; EC only where the release and the phones support it.",
)
@click.option(
    "--days", type=click.IntRange(1, 36500), help="Validity of the certificate in days."
)
@click.option(
    "--san",
    "names",
    multiple=True,
    help="A DNS name or address for the certificate; may be repeated.",
)
@click.option(
    "--multi-server/--single-server",
    "shared",
    default=None,
    help="Make one certificate for all nodes (release 14 and later); default: as "
    "before.",
)
def regenerate_certificate(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    key_size: int | None,
    key_type: str,
    days: int | None,
    names: tuple[str, ...],
    shared: bool | None,
    as_json: bool,
) -> None:
    """Replace a node's certificate and key; the old ones are kept.

    `cert restore` puts the old ones into use again.
    """
    with opened as cluster:
        certificate = certificates.regenerate(
            cluster,
            cluster.node(node_name),
            store,
            key_size=key_size,
            key_type=key_type,
            validity_days=days,
            alternative_names=names,
            shared=shared,
            by=administrator(),
        )
        announce_change(cluster)
    print_one(
        certificate,
        f"Successfully Regenerated Certificate for {store}.",
        as_json=as_json,
    )


@click.command("restore")
@cluster_options
@node_option
@store_argument
@click.argument("serial")
def restore_certificate(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    serial: str,
    as_json: bool,
) -> None:
    """Put a replaced certificate of a node into use again."""
    with opened as cluster:
        node = cluster.node(node_name)
        certificate = certificates.restore(
            cluster, node, store, serial, by=administrator()
        )
        announce_change(cluster)
    print_one(
        certificate, f"Restored {store} {certificate.serial_hex}.", as_json=as_json
    )
