"""Options of the commands for one phone: its flash, its network, its habits."""

from contextlib import AbstractAsyncContextManager

import click

from tokenless.command_line import gathered
from tokenless.parsed import Folder, Parsed
from tokenless.phone_emulator.addresses import (
    SCCPS_PORT,
    SecurePorts,
    parse_secure_ports,
)
from tokenless.phone_emulator.cli.options import (
    http_port_of,
    http_port_option,
    tftp_only_option,
    tftp_timeout_option,
    tls_option,
    tls_range,
    tvs_timeout_option,
)
from tokenless.phone_emulator.phone import Network, open_network
from tokenless.phone_emulator.secd.events import PhoneBehaviour
from tokenless.protocol.tftp.download import DownloadOptions

flash_option = click.option(
    "--flash",
    type=Folder(),
    required=True,
    help="The folder that is the phone's flash.",
)
sccps_port_option = click.option(
    "--sccps-port",
    type=Parsed("PORT", parse_secure_ports),
    default=str(SCCPS_PORT),
    metavar="PORT | HOST:PORT,…",
    help="The SCCP-over-TLS ports of a lab's CallManagers; real phones use "
    f"{SCCPS_PORT} only.",
)


def _network(
    *,
    tls: str | None,
    tftp_timeout: float,
    tvs_timeout: float,
    http_port: int | None,
    tftp_only: bool,
    sccps_port: SecurePorts,
) -> AbstractAsyncContextManager[Network]:
    return open_network(
        download_options=DownloadOptions(timeout_s=tftp_timeout),
        tvs_timeout_s=tvs_timeout,
        tls=tls_range(tls),
        http_port=http_port_of(http_port, tftp_only=tftp_only),
        secure_ports=sccps_port,
    )


def _habits(
    *,
    ask_next_tvs: bool,
    refuse_expired: bool,
    reinstall_identical: bool,
    any_tftp: bool,
) -> PhoneBehaviour:
    return PhoneBehaviour(
        negative_answer_is_final=not ask_next_tvs,
        refuses_expired_signers=refuse_expired,
        identical_file_is_an_update=reinstall_identical,
        authorises_tftp=not any_tftp,
    )


network_options = gathered(
    "network",
    _network,
    tls_option,
    tftp_timeout_option,
    tvs_timeout_option(10.0, "one question to TVS, and for one file over HTTP"),
    http_port_option,
    tftp_only_option,
    sccps_port_option,
)
habit_options = gathered(
    "habits",
    _habits,
    click.option(
        "--ask-next-tvs",
        is_flag=True,
        help="After a negative answer of TVS, ask the next TVS server.",
    ),
    click.option(
        "--refuse-expired",
        is_flag=True,
        help="Refuse signers with expired certificates.",
    ),
    click.option(
        "--reinstall-identical",
        is_flag=True,
        help="Verify and install a list again that the phone already holds.",
    ),
    click.option(
        "--any-tftp",
        is_flag=True,
        help="Accept configurations from TFTP servers that the CTL does not list.",
    ),
)
