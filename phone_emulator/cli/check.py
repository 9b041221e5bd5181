"""`tokenless check`: inspect a cluster from outside, as its phones see it."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.ground.files import TooLongError, read_bounded
from tokenless.ground.interrupts import run_trio
from tokenless.ground.terminal import result_console, slow_view
from tokenless.inputs import INPUT_FILE
from tokenless.parsed import Parsed
from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    SecurePorts,
    parse_device,
    parse_secure_ports,
    parse_servers,
    silence_advice,
)
from tokenless.phone_emulator.check.findings.finding import Finding
from tokenless.phone_emulator.check.inspect import (
    inspect,
    is_answered,
    locks_phones_out,
    to_json,
    why_unknown,
)
from tokenless.phone_emulator.check.observing.fetching import Patience
from tokenless.phone_emulator.check.observing.observation import Observation
from tokenless.phone_emulator.check.observing.observe import (
    CAPF_PORT,
    TVS_PORT,
    observe,
)
from tokenless.phone_emulator.check.view import WIDTH_IN_FILES, check_view
from tokenless.phone_emulator.cli.options import (
    ModelName,
    http_port_of,
    http_port_option,
    tftp_only_option,
    tftp_timeout_option,
    tvs_timeout_option,
)
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError

_MODELS = ("7975", "8861")
_MAX_PEM_BYTES: Final = 64 * 1024


def _servers_at(default_port: int) -> Parsed:
    return Parsed("HOST[:PORT][,…]", partial(parse_servers, default_port=default_port))


@click.command()
@click.option(
    "--tftp",
    required=True,
    type=_servers_at(DEFAULT_TFTP_PORT),
    multiple=True,
    metavar="HOST[:PORT][,…]",
    help="The TFTP nodes. Name all of them: repeat the option, or separate them by "
    "commas.",
)
@click.option(
    "--device",
    type=Parsed("NAME", parse_device),
    default="SEP001122334455",
    help="The phone whose files are fetched; some clusters serve files for existing "
    "phones only.",
)
@click.option(
    "--model",
    "models",
    type=ModelName(),
    multiple=True,
    default=_MODELS,
    help="A phone model in use; may be repeated.",
)
@click.option(
    "--tvs",
    type=_servers_at(TVS_PORT),
    multiple=True,
    metavar="HOST[:PORT][,…]",
    help="The TVS members to ask; default: those that the phone's configuration lists.",
)
@click.option(
    "--capf",
    type=_servers_at(CAPF_PORT),
    multiple=True,
    metavar="HOST[:PORT][,…]",
    help="The CAPF servers to inspect; default: those that the phone's configuration "
    "lists.",
)
@click.option(
    "--lsc",
    type=INPUT_FILE,
    help="The certificate (PEM or DER) of the phone of --device, to compare with "
    "certHash of its configuration. Keys in the file are not read.",
)
@click.option(
    "--sccps-port",
    type=Parsed("PORT", parse_secure_ports),
    metavar="PORT|HOST:PORT[,…]",
    help="The port of SCCP over TLS; default: 2443, if SCCP in clear is at 2000.",
)
@tftp_timeout_option
@tvs_timeout_option(10.0, "one question to TVS, and for one file over HTTP")
@http_port_option
@tftp_only_option
@json_option
def check(
    *,
    tftp: tuple[tuple[Server, ...], ...],
    device: str,
    models: tuple[str, ...],
    tvs: tuple[tuple[Server, ...], ...],
    capf: tuple[tuple[Server, ...], ...],
    lsc: Path | None,
    sccps_port: SecurePorts | None,
    tftp_timeout: float,
    tvs_timeout: float,
    http_port: int | None,
    tftp_only: bool,
    as_json: bool,
) -> None:
    """Inspect a cluster from outside, as its phones see it.

    It reads files, signatures, checksums, TVS answers and expiry dates of any cluster,
    changing nothing. Exit status: 0 when no phone is locked out or would be at its next
    start; 1 when one is or would be, or secure phones do not register; 3 when no TFTP
    node answers or none serves anything.
    """
    own = None if lsc is None else _read_certificate(lsc)
    with slow_view("asking TFTP nodes") as progress:
        seen = run_trio(
            lambda: observe(
                _each_once(tftp),
                device,
                tvs=_each_once(tvs),
                capf=_each_once(capf),
                patience=Patience(tftp_timeout, tvs_timeout),
                http_port=http_port_of(http_port, tftp_only=tftp_only),
                models=models,
                secure_ports=sccps_port,
                progress=progress,
            )
        )
    findings = inspect(seen, models, own)
    _say(seen, findings, as_json=as_json)
    _exit(seen, findings)


def _say(seen: Observation, findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(to_json(seen, findings)))
    else:
        result_console(WIDTH_IN_FILES).print(check_view(seen, findings))


def _exit(seen: Observation, findings: Sequence[Finding]) -> None:
    """End with the status of the verdict; say on standard error what is wrong."""
    if not is_answered(seen):
        complain(_nothing_answered([node.server for node in seen.nodes]))
        sys.exit(ExitStatus.CANNOT_TELL)
    if (unknown := why_unknown(seen)) is not None:
        complain(f"{unknown}; check the addresses; --device names an existing phone")
        sys.exit(ExitStatus.CANNOT_TELL)
    if locks_phones_out(findings):
        first = findings[0]
        where = f"{first.where}: " if first.where else ""
        advice = f"; {first.advice}" if first.advice else ""
        complain(f"{where}{first.message}{advice}")
        sys.exit(ExitStatus.FAILED)


def _read_certificate(path: Path) -> Certificate:
    """Read the phone's certificate.

    Raises:
        UnreadableFileError: When it cannot be read.
        PhoneError: When there is none in the file.
    """
    try:
        return Certificate.decode(
            read_certificates(read_bounded(path, _MAX_PEM_BYTES))[0]
        )
    except OSError as error:
        raise UnreadableFileError(
            f"{path}: {error.strerror}", hint="name the phone's certificate"
        ) from None
    except (DecodeError, TooLongError) as error:
        raise PhoneError(
            f"{path}: no certificate ({error})",
            hint="give the phone's LSC (or MIC, where it has no LSC) as PEM or DER",
        ) from None


def _nothing_answered(servers: Sequence[Server]) -> str:
    """Say that no address answered, and which port may be missing."""
    said = f"no TFTP server answered at {', '.join(map(str, servers))}"
    return f"{said}; {silence_advice(servers)}"


def _each_once(given: tuple[tuple[Server, ...], ...]) -> list[Server]:
    return list(dict.fromkeys(chain.from_iterable(given)))
