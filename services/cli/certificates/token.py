"""`tokenless token`: security tokens (eTokens)."""

import json
import sys
import time
from pathlib import Path

import click

from tokenless.command_line import FILE, ExitStatus, complain
from tokenless.protocol.certificates.name_text import printable
from tokenless.services.cli.certificates.view import (
    certificate_json,
    export_certificate,
    export_options,
)
from tokenless.services.cli.cluster.administration import OpenedCluster, cluster_options
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.pki.hsm import (
    HsmToken,
    create_hsm_token,
    list_hsm_tokens,
    password_missing,
)
from tokenless.services.pki.tokens import (
    DEFAULT_PASSWORD,
    FileToken,
    Token,
    TokenList,
    create_token,
    delete_token,
    list_tokens,
    open_token,
)

_module = click.option(
    "--module",
    type=FILE,
    help="A PKCS#11 module; NAME is then the label of one of its tokens.",
)
_name = click.argument("name")


@click.group()
def token() -> None:
    """Manage security tokens: PKCS#12 files or PKCS#11 tokens."""


@token.command()
@cluster_options
@_module
@click.option(
    "--password",
    help="The token's password; 15 wrong attempts destroy the token. "
    f"Default: {DEFAULT_PASSWORD}; with --module it must be given.",
)
@_name
def create(
    *,
    opened: OpenedCluster,
    module: Path | None,
    name: str,
    password: str | None,
    as_json: bool,
) -> None:
    """Create a token: a key that never leaves it, and a certificate.

    With --module, the token must already be initialised with this password as its PIN.
    """
    made: Token
    with opened as cluster:
        folder = cluster.tokens_folder
        if module is None:
            chosen = DEFAULT_PASSWORD if password is None else password
            made = create_token(folder, name, chosen, now=time.time())
        elif password is None:
            raise password_missing(name)
        else:
            made = create_hsm_token(module, name, password, folder, now=time.time())
    if as_json:
        described = {"name": made.name} | certificate_json(made.certificate)
        click.echo(json.dumps(described))
    else:
        name, serial = _identify(made)
        click.echo(f"token {made.name} created: {name} {serial}")


@token.command("list")
@cluster_options
@_module
def show_list(*, opened: OpenedCluster, module: Path | None, as_json: bool) -> None:
    """List the tokens; exit 1 when one is damaged."""
    with opened as cluster:
        if module is None:
            tokens = list_tokens(cluster.tokens_folder)
        else:
            tokens = list_hsm_tokens(module)
    _print_list(tokens, as_json=as_json)
    for name, reason in tokens.damaged.items():
        complain(f"token {name}: {reason}")
    if tokens.damaged:
        sys.exit(ExitStatus.FAILED)


@token.command()
@cluster_options
@_module
@_name
@export_options
def export(
    *,
    opened: OpenedCluster,
    module: Path | None,
    name: str,
    output: Path | None,
    der: bool,
    as_json: bool,
) -> None:
    """Write a token's certificate to a file."""
    with opened as cluster:
        certificate = find_token(cluster, name, module).certificate
    export_certificate(certificate, output, der=der, as_json=as_json)


@token.command()
@cluster_options
@_name
def delete(*, opened: OpenedCluster, name: str, as_json: bool) -> None:
    """Delete a token (a PKCS#12 file) and its key."""
    with opened as cluster:
        certificate = delete_token(cluster.tokens_folder, name)
    if as_json:
        described = {} if certificate is None else certificate_json(certificate)
        click.echo(json.dumps({"name": name} | described))
    else:
        click.echo(f"token {name} deleted")


def find_token(cluster: Cluster, name: str, module: Path | None) -> Token:
    """Open the token of this name or label, locked.

    Raises:
        ServiceError: When there is none.
    """
    if module is not None:
        return HsmToken.open(module, name)
    return open_token(cluster.tokens_folder, name)


def _print_list(tokens: TokenList, *, as_json: bool) -> None:
    if as_json:
        listed = [_describe(each) for each in tokens.tokens]
        damaged = [
            {"name": name, "reason": reason} for name, reason in tokens.damaged.items()
        ]
        click.echo(json.dumps({"tokens": listed, "damaged": damaged}))
        return
    for each in tokens.tokens:
        state = "destroyed" if _is_destroyed(each) else "usable"
        click.echo(printable("  ".join((each.name, *_identify(each), state))))


def _describe(token: Token) -> dict[str, object]:
    tries = token.tries_left if isinstance(token, FileToken) else None
    return {
        "name": token.name,
        "destroyed": _is_destroyed(token),
        "tries_left": tries,
        **certificate_json(token.certificate),
    }


def _is_destroyed(token: Token) -> bool:
    return isinstance(token, FileToken) and token.is_destroyed


def _identify(token: Token) -> tuple[str, str]:
    """Return the printed facts of a token's certificate: common name, serial number."""
    certificate = token.certificate
    name = printable(certificate.subject.get("CN") or "").strip()
    return name, certificate.serial_hex
