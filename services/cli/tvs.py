"""`tokenless tvs`: ask any TVS server about a certificate, as a phone would."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from string import hexdigits

import click

from tokenless.command_line import NumberRange, gathered, json_option
from tokenless.ground.tls import TlsVersion
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.checksums import sha1_of
from tokenless.protocol.codes import role_name
from tokenless.protocol.host_port import AddressError, split_host_port
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID, Query, Verify
from tokenless.protocol.tvs.stream import Request
from tokenless.services.cli.file.input import (
    MAX_CERTIFICATE_FILE,
    name_file_in_errors,
    read_bounded,
)
from tokenless.services.cli.options import ParamType
from tokenless.services.errors import ServiceError
from tokenless.services.tvs.client import ServerAddress, TvsClient
from tokenless.services.tvs.settings import DEFAULT_PORT

_DEFAULT_DEVICE = "CP-7975-SEP001122334455"
_MAX_REPEAT = 1_000_000


class ServerAddressType(ParamType[ServerAddress]):
    """HOST or HOST:PORT; an IPv6 address with a port stands in brackets."""

    name = "HOST[:PORT]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ServerAddress:
        """Read it; fail as wrong usage."""
        if isinstance(value, ServerAddress):
            return value
        try:
            return ServerAddress(*split_host_port(str(value), DEFAULT_PORT))
        except AddressError as error:
            self.fail(error.explain(), param, ctx)


class _HexType(ParamType[bytes]):
    """Bytes in hexadecimal, with or without colons."""

    name = "HEX"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        if isinstance(value, bytes):
            return value
        text = str(value).replace(":", "")
        try:
            digits = bytes.fromhex(text)
        except ValueError:
            halves = len(text) % 2 and not text.strip(hexdigits)
            why = "has an odd number of digits" if halves else "is not hexadecimal"
            self.fail(f"{value} {why}", param, ctx)
        if not digits:
            self.fail("no digits are here", param, ctx)
        return digits


@dataclass(frozen=True, slots=True)
class _Asking:
    """Connection options that `query` and `verify` have in common."""

    server: ServerAddress
    ca: Path | None
    device: str
    version: TlsVersion | None
    repeat: int
    same_connection: bool
    timeout_s: float
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Timing:
    """The answer to one request, and its time."""

    answer: Answer
    handshake_s: float
    request_s: float
    tls_version: str


_asking_options = gathered(
    "asking",
    _Asking,
    click.option(
        "--server",
        type=ServerAddressType(),
        required=True,
        help="The TVS server to ask.",
    ),
    click.option(
        "--ca",
        type=INPUT_FILE,
        help="The certificate (PEM) that the server's certificate must verify against.",
    ),
    click.option(
        "--device",
        default=_DEFAULT_DEVICE,
        help="The device name that the server logs.",
    ),
    click.option(
        "--tls",
        "version",
        type=click.Choice([each.value for each in TlsVersion]),
        callback=lambda _context, _option, given: given and TlsVersion(given),
        help="Use exactly this TLS version; 1.0 for an old server.",
    ),
    click.option(
        "--repeat",
        type=click.IntRange(1, _MAX_REPEAT),
        default=1,
        help="Ask this many times and report how long the answers took.",
    ),
    click.option(
        "--same-connection",
        is_flag=True,
        help="Use one connection for all repetitions.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=NumberRange(0.1, 600),
        default=10.0,
        help="Seconds for the connection and for each answer.",
    ),
    json_option,
)


@click.group()
def tvs() -> None:
    """Ask a TVS server about a certificate."""


@tvs.command()
@_asking_options
@click.option(
    "--subject",
    required=True,
    help="Subject of the certificate, written as in a list's signer.",
)
@click.option(
    "--issuer",
    required=True,
    help="Issuer of the certificate, such as `CN=…;OU=…;O=…`.",
)
@click.option(
    "--serial", type=_HexType(), required=True, help="Serial number of the certificate."
)
def query(*, subject: str, issuer: str, serial: bytes, asking: _Asking) -> None:
    """Ask about a certificate by names and serial number (QUERY).

    Exit status 0 when it is trusted; 1 when it is not, or when the server does not
    answer: to a phone both are a no.
    """
    _run(asking, lambda n: Query(n, asking.device, subject, issuer, serial))


@tvs.command()
@_asking_options
@click.argument("certificate", type=INPUT_FILE)
def verify(*, certificate: Path, asking: _Asking) -> None:
    """Ask whether a certificate, PEM or DER, may be trusted (VERIFY).

    Exit status 0 when it is trusted; 1 when it is not, or when the server does not
    answer: to a phone both are a no.
    """
    der = _load_der(certificate)
    _run(asking, lambda n: Verify(n, asking.device, der), certificate=der)


def _load_der(path: Path) -> bytes:
    """Read a certificate without judging it: that is what the server is asked for."""
    data = read_bounded(path, MAX_CERTIFICATE_FILE)
    with name_file_in_errors(path):
        return read_certificates(data)[0]


def _run(
    asking: _Asking,
    request: Callable[[int], Request],
    *,
    certificate: bytes | None = None,
) -> None:
    """Ask as often as wanted; exit 1 unless every answer is that it is trusted."""
    # What no message can hold is refused before anybody is connected to.
    request(FIRST_SESSION_ID).encode()
    timings = list(_timings(asking, request))
    answer = decisive([each.answer for each in timings])
    der = answer.certificate if certificate is None else certificate
    report = _report(answer, der)
    if asking.repeat > 1:
        report |= _statistics(timings)
    report["tls"] = timings[-1].tls_version
    # Without authorities anybody on the way could have answered.
    report["server_verified"] = asking.ca is not None
    click.echo(json.dumps(report) if asking.as_json else _text(report))
    if not answer.is_trusted:
        raise ServiceError(
            f"{asking.server} does not vouch for this certificate",
            hint="see `show tvs cache` on that node for what it knows",
        )


def decisive(answers: Sequence[Answer]) -> Answer:
    """Return the first answer that is no, else the last: one no is enough to refuse."""
    refusals = (each for each in answers if not each.is_trusted)
    return next(refusals, answers[-1])


def _timings(asking: _Asking, request: Callable[[int], Request]) -> Iterator[_Timing]:
    sessions = count(FIRST_SESSION_ID)
    on_one = asking.repeat if asking.same_connection else 1
    for _ in range(asking.repeat // on_one):
        client = TvsClient(
            asking.server,
            ca=asking.ca,
            version=asking.version,
            timeout_s=asking.timeout_s,
        )
        with client:
            for _ in range(on_one):
                begun = time.perf_counter()
                answer = client.ask(request(next(sessions)))
                took = time.perf_counter() - begun
                yield _Timing(answer, client.handshake_s, took, client.tls_version)


def _report(answer: Answer, der: bytes | None) -> dict[str, object]:
    trusted = answer.is_trusted
    return {
        "status": "trusted" if trusted else "untrusted",
        "roles": list(answer.roles),
        "role_names": [role_name(role) for role in answer.roles],
        "ttl": answer.ttl,
        "certificate_sha1": None if der is None else sha1_of(der),
    }


def _statistics(timings: list[_Timing]) -> dict[str, object]:
    """Say how often each answer came and how long it took, in milliseconds."""
    trusted = sum(each.answer.is_trusted for each in timings)
    return {
        "requests": len(timings),
        "trusted": trusted,
        "untrusted": len(timings) - trusted,
        "handshake_ms": _spread([each.handshake_s for each in timings]),
        "request_ms": _spread([each.request_s for each in timings]),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    figures = {
        "min": ordered[0],
        "median": median(ordered),
        "p99": ordered[(len(ordered) - 1) * 99 // 100],
        "max": ordered[-1],
    }
    return {name: round(value * 1000, 3) for name, value in figures.items()}


def _text(report: dict[str, object]) -> str:
    return "\n".join(f"{name}: {_plain(value)}" for name, value in report.items())


def _plain(value: object) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return "  ".join(f"{name} {figure}" for name, figure in value.items())
        case list():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
