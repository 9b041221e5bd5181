"""`tokenless cert request`, `import` and `reuse`: own certificates from a CA."""

import json
from pathlib import Path
from typing import BinaryIO

import click

from tokenless.inputs import InputFile, read_input
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import identities
from tokenless.services.cli.certificates.view import (
    certificate_json,
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
from tokenless.services.files import PUBLIC, write_output
from tokenless.services.pki.keys import EC_SIZES
from tokenless.services.pki.uploads import MAX_UPLOAD_BYTES
from tokenless.services.store.audit import administrator


@click.command("request")
@cluster_options
@node_option
@store_argument
@click.option("--multi-server", is_flag=True, help="One key for all nodes.")
@click.option("--cn", "common_name", help="The common name, if not the node's.")
@click.option(
    "--san",
    "names",
    multiple=True,
    help="A further DNS name or address; may be repeated.",
)
@click.option(
    "--key-size",
    type=key_size_type(RSA_SIZES, EC_SIZES),
    help="Key size in bits; default: 2048, for EC 256.",
)
@click.option(
    "--ou/--no-ou",
    "includes_ou",
    default=None,
    help="Include the organizational unit (OU).",
)
@click.option("--show", is_flag=True, help="Print the pending request; make none.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
def request_certificate(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    multi_server: bool,
    common_name: str | None,
    names: tuple[str, ...],
    key_size: int | None,
    includes_ou: bool | None,
    show: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a signing request (CSR) for a unit.

    With --show, print the pending request and make none.
    """
    wanted = identities.RequestOrder(
        multi_server, common_name, key_size, includes_ou, names
    )
    with opened as cluster:
        node = cluster.node(node_name)
        made = (
            identities.pending(node, store)
            if show
            else identities.request(cluster, node, store, wanted, by=administrator())
        )
    pem = made.pem
    if output is not None:
        write_output(output, pem, mode=PUBLIC)
    elif as_json:
        fields = {"store": store.value, "csr": pem.decode()}
        click.echo(json.dumps(fields | {"names": sorted(made.names)}))
    else:
        click.echo(pem.decode(), nl=False)


@click.command("import")
@cluster_options
@node_option
@store_argument
@click.argument("file", type=InputFile())
def import_certificate(
    *,
    opened: OpenedCluster,
    node_name: str | None,
    store: TrustStore,
    file: BinaryIO,
    as_json: bool,
) -> None:
    """Import the certificate that a CA issued for a request.

    FILE is PEM, DER or PKCS#7, with or without the chain, or - for standard input.
    """
    content = read_input(file, MAX_UPLOAD_BYTES)
    with opened as cluster:
        node = cluster.node(node_name)
        taken = identities.import_own(cluster, node, store, content, by=administrator())
        announce_change(cluster)
    if taken.warning is not None:
        click.echo(f"warning: {taken.warning}", err=True)
    if as_json:
        fields = certificate_json(taken.certificate) | {"nodes": list(taken.nodes)}
        also = [unit.value for unit in taken.also]
        click.echo(json.dumps(fields | {"reused_for": also, "warning": taken.warning}))
        return
    click.echo(f"Certificate upload operation successful: {', '.join(taken.nodes)}")
    for unit in taken.also:
        click.echo(f"{unit} reuses it and has changed, too")


@click.command("reuse")
@cluster_options
@store_argument
def reuse_certificate(
    *, opened: OpenedCluster, store: TrustStore, as_json: bool
) -> None:
    """Use tomcat's certificate for CallManager, too.

    Release 14 and later. CallManager-ECDSA uses the certificate of tomcat-ECDSA.
    """
    with opened as cluster:
        certificate = identities.reuse_tomcat(cluster, store, by=administrator())
        announce_change(cluster)
    sentence = f"{store} has {certificate.serial_hex} now"
    print_one(certificate, sentence, as_json=as_json)
