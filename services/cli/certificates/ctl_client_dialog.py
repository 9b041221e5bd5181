"""The CTL Client's dialogs, on a terminal (REFERENCE 6.5).

Without a terminal, or with tokens named by flags, nothing is asked: what would be a
question is an error that says which flag answers it.
"""

from collections.abc import Callable, Sequence

import click

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import ctl_client as operations
from tokenless.services.changes.ctl_entries import COLUMNS, CtlEntry, token_information
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.pki.hsm import HsmToken, password_missing
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, Token


class CtlClientDialog:
    """Asks what flags did not say."""

    def __init__(self, *, is_interactive: bool, password: str | None) -> None:
        self._is_interactive = is_interactive
        self._password = password

    def connect(self, cluster: Cluster, server: Node, *, ignore_missing: bool) -> bool:
        """Connect to the server; return whether a missing file is ignored.

        Raises:
            NoFileError: Error 2, without --ignore-missing-file.
        """
        try:
            operations.check_server(
                cluster, server=server, ignore_missing=ignore_missing
            )
        except operations.NoFileError as error:
            if not self._is_interactive:
                raise
            click.echo(str(error), err=True)
            if not click.confirm("OK", default=True, err=True):
                raise
            return True
        return ignore_missing

    def insert_tokens(
        self,
        names: Sequence[str],
        present: TrustList | None,
        find: Callable[[str], Token],
        entries: Callable[[Sequence[Token]], Sequence[CtlEntry]],
    ) -> list[Token]:
        """Return the tokens that flags name, or those that are inserted one by one.

        The entries of the file to be are shown after each, as in the client's windows.
        """
        tokens = [find(name) for name in names]
        if not self._is_interactive:
            return tokens
        while True:
            click.echo("Please insert a Security Token. Click Ok when done.", err=True)
            name = click.prompt(
                "Token (empty to finish)", default="", show_default=False, err=True
            )
            if not name:
                return tokens
            try:
                self._add(find(name), tokens, present)
            except ServiceError as error:
                click.echo(error.explain(), err=True)
                continue
            if tokens:
                click.echo("CTL Entries", err=True)
                show_entries(entries(tokens), err=True)

    def password_of(self, token: Token) -> str:
        """Return the password of the token that signs.

        Raises:
            ServiceError: When a PKCS#11 token's password was not given.
        """
        if self._password is not None:
            return self._password
        if not self._is_interactive:
            if isinstance(token, HsmToken):
                raise password_missing(token.name)
            return DEFAULT_PASSWORD
        click.echo(f"Token {token.name}", err=True)
        answer: str = click.prompt(
            "Please enter the Security Token password", hide_input=True, err=True
        )
        return answer

    def _add(
        self, token: Token, tokens: list[Token], present: TrustList | None
    ) -> None:
        """Show a token's certificate and take it when the user says Add."""
        certificate = token.certificate
        click.echo("Security Token Information", err=True)
        for label, text in token_information(certificate):
            click.echo(f"{label + ':':<13} {printable(text)}", err=True)
        if present is not None and not tokens:
            operations.choose_signer(present, [certificate])
        if any(each.certificate == certificate for each in tokens):
            raise ServiceError("this token was added already", hint="insert another")
        if click.confirm("Add", default=True, err=True):
            tokens.append(token)


def show_entries(entries: Sequence[CtlEntry], *, err: bool = False) -> None:
    """Print the client's list: Type, Hostname/IP, Issuer, Subject."""
    click.echo(_row(*COLUMNS), err=err)
    for each in entries:
        click.echo(_row(each.type, each.host, each.issuer, each.subject), err=err)


def _row(kind: str, host: str, issuer: str, subject: str) -> str:
    texts = (printable(host), printable(issuer), printable(subject))
    return f"{kind:<15} {texts[0]:<20} {texts[1]:<42} {texts[2]}"
