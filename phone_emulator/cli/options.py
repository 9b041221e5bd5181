"""Options that the phone and the fleet commands share, and what they mean."""

from typing import Final

import click

from phone_emulator.tvs_client import TlsRange

_TLS_RANGES: Final[dict[str, TlsRange]] = {
    "1.0": ("1.0", "1.0"),
    "1.1": ("1.0", "1.1"),
    "1.2": ("1.0", "1.2"),
    "1.3": ("1.0", "1.3"),
}


def tls_range(newest: str | None) -> TlsRange | None:
    """Return the versions up to the one named; None leaves it to the model."""
    return None if newest is None else _TLS_RANGES[newest]


tls_option = click.option(
    "--tls",
    type=click.Choice(list(_TLS_RANGES)),
    default=None,
    help="Newest TLS version for TVS, instead of the model's.",
)
tftp_option = click.option(
    "--tftp",
    required=True,
    metavar="HOST[:PORT],…",
    help="TFTP servers in the order in which the phone tries them.",
)
