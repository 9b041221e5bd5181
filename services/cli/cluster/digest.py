"""`tokenless device digest`: Digest authentication of SIP phones."""

import json
import re
from typing import Final

import click

from tokenless.command_line import gathered
from tokenless.ground.counting import counted
from tokenless.protocol.sip.digest import DigestAccount, ha1_of
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.cli.cluster.administration import (
    OpenedCluster,
    announce_change,
    cluster_options,
)
from tokenless.services.cli.passwords import asked_for
from tokenless.services.store.audit import administrator

_USER: Final = re.compile(r"[A-Za-z0-9._@-]{1,128}")
_PASSWORD: Final = re.compile(r"(?! )[ -~]{1,128}(?<! )")
"""Characters that an XML element of the configuration returns unchanged."""


def _account(
    *, user: str | None, password: str | None, remove: bool, in_configuration: bool
) -> DigestAccount:
    """Return the account that the options describe; without a user, none."""
    if remove is (user is not None):
        raise click.UsageError("give either --user or --remove")
    if user is None:
        if in_configuration:
            raise click.UsageError("--in-configuration needs --user")
        return DigestAccount("", "")
    if not _USER.fullmatch(user):
        raise click.UsageError("a Digest user has 1 to 128 letters, digits, ._-@")
    typed = password or asked_for(
        click.get_current_context(),
        "Digest password",
        "TOKENLESS_DIGEST_PASSWORD",
        confirm=False,
    )
    if in_configuration and not _PASSWORD.fullmatch(typed):
        raise click.UsageError(
            "a password in a configuration has 1 to 128 printable ASCII "
            "characters, and no space at either end"
        )
    published = typed if in_configuration else ""
    return DigestAccount(user, ha1_of(user, typed), published)


@click.command()
@click.argument("names", nargs=-1, required=True)
@cluster_options
@gathered(
    "account",
    _account,
    click.option("--user", help="The Digest user whose password the phones must know."),
    click.option(
        "--password",
        envvar="TOKENLESS_DIGEST_PASSWORD",
        help="The user's password; asked for when not given. Other users can see a "
        "command's options: prefer TOKENLESS_DIGEST_PASSWORD.",
    ),
    click.option(
        "--remove", is_flag=True, help="Do not require a password from these phones."
    ),
    click.option(
        "--in-configuration",
        is_flag=True,
        help="Put the password into the phones' configurations: emulated phones answer "
        "with it. Anyone can read a configuration that is not encrypted.",
    ),
)
def digest(
    *,
    names: tuple[str, ...],
    opened: OpenedCluster,
    account: DigestAccount,
    as_json: bool,
) -> None:
    """Require a password of SIP phones (Digest authentication).

    The cluster keeps H(A1) of the password, and the password itself only with
    `--in-configuration`.
    """
    change = DeviceChange(digest=account)
    with opened as cluster:
        changed = set_devices(cluster, Selection(names), change, by=administrator())
        announce_change(cluster)
    said = [each.name for each in changed]
    if as_json:
        click.echo(json.dumps({"devices": said, "digest_user": account.user or None}))
    else:
        click.echo(f"{counted(len(said), 'device')} changed")
