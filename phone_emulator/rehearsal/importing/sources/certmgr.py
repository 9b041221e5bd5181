"""The certificates in use of a running cluster, read over REST (REFERENCE-5 3).

One request a node, `GET snapshot/server`, which a read-only account may make; nothing
else is ever sent. An answer is untrusted: bounded, and checked before it is used.
"""

import base64
import http.client
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from threading import Event, Timer
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError

_PATH: Final = "/platformcom/api/v1/certmgr/config/snapshot/server"
_MAX_BYTES: Final = 8 * 1024 * 1024
_TIMEOUT_S: Final = 20.0
_DEADLINE_S: Final = 60.0
"""The longest time for one answer as a whole."""
_MOST_QUOTED: Final = 200
_OK: Final = 200
_LOGIN: Final = (
    "set TOKENLESS_CERTMGR_LOGIN to NAME:PASSWORD of an OS administrator; a read-only "
    "one is enough"
)
_UNITS: Final = frozenset({"CallManager", "TVS", "CAPF", "ITLRecovery", "tomcat"})
"""Units that lists name, and the one whose certificate CallManager may reuse."""


class _Identity(msgspec.Struct, frozen=True):
    service: str
    certificate: str | None = None


class _Snapshot(msgspec.Struct, frozen=True):
    identities: list[_Identity]
    server: str = ""


@dataclass(frozen=True, slots=True)
class CertmgrAccount:
    """The user and the server certificate for requests to nodes."""

    login: str
    """`NAME:PASSWORD` of an OS administrator; never logged."""
    authority: Path | None = None
    """A PEM file that the nodes' TLS certificates are checked with."""


def fetch_in_use(
    urls: Sequence[str], account: CertmgrAccount
) -> tuple[list[InUse], list[Approximation]]:
    """Return the certificates that nodes use, and the unchecked servers.

    Raises:
        PhoneError: When a node does not answer, refuses, or sends something else.
    """
    found = [each for url in urls for each in _of_node(url, account)]
    if account.authority is not None or not urls:
        return found, []
    unchecked = Approximation(
        Topic.UNVERIFIED,
        "the nodes' certificates in use were read from servers that were not checked",
        "no --certmgr-ca was given: anybody between could have answered",
    )
    return found, [unchecked]


def _of_node(url: str, account: CertmgrAccount) -> list[InUse]:
    return read_snapshot(_get(url, account), url)


def read_snapshot(data: bytes, url: str) -> list[InUse]:
    """Return the certificates of the units that phones act on.

    Args:
        data: The answer of a node.
        url: The node, for what is said of it.

    Raises:
        PhoneError: When it is no snapshot, or a certificate cannot be read.
    """
    try:
        snapshot = decode_json(data, _Snapshot)
        return [
            InUse(Certificate.decode(der), f"{url}/{each.service}.pem")
            for each in snapshot.identities
            if each.service in _UNITS and each.certificate
            for der in read_certificates(each.certificate.encode())[:1]
        ]
    except (msgspec.DecodeError, DecodeError) as error:
        raise PhoneError(
            f"{url} sent no snapshot of certificates: {printable(str(error))}",
            hint="name a node of CUCM 14 or later, or export the certificates: --cert",
        ) from None


def _get(url: str, account: CertmgrAccount) -> bytes:
    address = _address(url)
    if address is None:
        raise PhoneError(
            f"{printable(url)} is not the address of a node",
            hint="write https://NODE or https://NODE:8443",
        )
    token = base64.b64encode(account.login.encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Accept": "application/json"}
    connection = http.client.HTTPSConnection(
        *address, timeout=_TIMEOUT_S, context=_context(account)
    )
    try:
        connection.connect()
        with ended_after(_DEADLINE_S, connection.sock):
            connection.request("GET", _PATH, headers=headers)
            with connection.getresponse() as answer:
                data = answer.read(_MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise PhoneError(
            f"{url} does not answer: {_in_words(error)}",
            hint="check address, port and firewall",
        ) from None
    finally:
        connection.close()
    if answer.status != _OK:
        is_login = answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        raise PhoneError(
            f"{url} refuses with status {answer.status}",
            hint=_LOGIN
            if is_login
            else "name a node of CUCM 14 or later, or use --cert",
        )
    if len(data) > _MAX_BYTES:
        raise PhoneError(f"{url} sent over {_MAX_BYTES} bytes", hint="use --cert")
    return data


def _in_words(error: Exception) -> str:
    """Return what went wrong; it may quote a line of the server, of any length."""
    return printable(str(error) or type(error).__name__)[:_MOST_QUOTED]


def _address(url: str) -> tuple[str, int | None] | None:
    """Return the host and the port of a node, None when the text names none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host is None or parts.scheme != "https" or parts.path.strip("/"):
            return None
        host.encode("idna")  # names come from people: "a..b" has no form in it
    except ValueError:
        return None
    return (host, port) if host.isprintable() and " " not in host else None


@contextmanager
def ended_after(seconds: float, connected: socket.socket) -> Iterator[None]:
    """End a connection that takes too long as a whole, a byte now and then.

    Args:
        seconds: How long it may take.
        connected: The connection.

    Raises:
        TimeoutError: When it was ended.
    """
    is_late = Event()

    def end() -> None:
        is_late.set()
        with suppress(OSError):  # closed meanwhile
            connected.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if is_late.is_set():
            raise TimeoutError(f"no whole answer within {seconds:g} seconds")


def _context(account: CertmgrAccount) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=account.authority)
    except (OSError, ssl.SSLError) as error:
        raise PhoneError(
            f"{account.authority}: {error}", hint="give a PEM file with --certmgr-ca"
        ) from None
    if account.authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
