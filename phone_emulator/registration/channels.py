"""Connections of a phone to CallManager: TCP, UDP, and TLS with a pinned certificate.

The server's certificate must be, byte for byte, one that the installed CTL holds with
role CCM or CCM+TFTP; without a CTL, the ITL. Nothing is sent to another server. The
phone shows its LSC, else its MIC (REFERENCE-3 4.7).
"""

import os
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

import trio

from tokenless.ground.tls import limit_versions
from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.tvs_client import TlsChannel, TlsRange, connect
from tokenless.protocol.errors import ProtocolError

_READ_BYTES: Final = 16_384
_SECURITY_LEVEL: Final = "@SECLEVEL=0"
"""Phones accept RSA-1024 and SHA-1; only the pinned certificate is trusted."""
_REFUSED_VERSION: Final = frozenset(
    {
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "WRONG_SSL_VERSION",
    }
)
_NO_AGREEMENT: Final = frozenset(
    {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
        "NO_SHARED_CIPHER",
        "NO_CIPHERS_AVAILABLE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "INSUFFICIENT_SECURITY",
    }
)
_REFUSED_CERTIFICATE: Final = frozenset(
    {
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)


class UnusableServerError(ProtocolError):
    """A CallManager that the phone cannot register at over this connection.

    Attributes:
        failure: Why, for programs.
    """

    def __init__(self, failure: Failure, said: str) -> None:
        super().__init__(said)
        self.failure = failure


@unique
class Carrier(StrEnum):
    """The transport of the signalling, as SIP names it."""

    TCP = "tcp"
    UDP = "udp"
    TLS = "tls"


@dataclass(frozen=True)
class TlsOffer:
    """The versions, ciphers and certificate that a phone offers in a handshake.

    Attributes:
        versions: The oldest and the newest version.
        ciphers: For versions up to 1.2, as OpenSSL names them.
        certificates: The DER of the server's certificates that it accepts.
        own: Its LSC or MIC with the key, PEM in one file; None: it has none.
        distrust: The failure when the server's certificate is another one.
    """

    versions: TlsRange
    ciphers: str
    certificates: Collection[bytes]
    own: Path | None
    distrust: Failure

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The TLS context of its handshakes, for all connections since the last boot.

        Making one costs as much as a handshake: OpenSSL decodes the private key anew.

        Raises:
            UnusableServerError: When the phone's own certificate cannot be used.
        """
        return _context(self)


class Channel(Protocol):
    """A connection that is open; its end is a ProtocolError or an OSError."""

    @property
    def cipher(self) -> str | None:
        """Of TLS; None in clear."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""

    async def receive(self) -> bytes:
        """Return what came next."""


class ClearChannel:
    """A TCP connection, or a UDP socket with one peer."""

    cipher: str | None = None

    def __init__(self, plain: trio.socket.SocketType) -> None:
        self._socket = plain
        self._is_stream = plain.type == socket.SOCK_STREAM

    async def send(self, data: bytes) -> None:
        """Send all of it; a datagram is one message."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._socket.send(rest) :]

    async def receive(self) -> bytes:
        """Return what came next. Raises ProtocolError at the end of a stream."""
        data = await self._socket.recv(_READ_BYTES)
        if not data and self._is_stream:
            raise ProtocolError("it closed the connection")
        return data


class OpenConnection:
    """A channel and the socket below it."""

    def __init__(self, plain: trio.socket.SocketType, channel: Channel) -> None:
        self._plain = plain
        self.channel = channel

    @property
    def local(self) -> tuple[str, int]:
        """The phone's own address and port."""
        host, port = self._plain.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Close the socket."""
        self._plain.close()


async def open_connection(
    server: Server, carrier: Carrier, offer: TlsOffer | None, timeout_s: float
) -> OpenConnection:
    """Connect to a CallManager.

    Args:
        server: Where.
        carrier: How.
        offer: What the phone brings to the handshake, of a TLS connection.
        timeout_s: For all of it.

    Raises:
        UnusableServerError: When there is no such connection, or the server is not one
            that the phone's lists hold.
    """
    try:
        with trio.fail_after(timeout_s):
            return await _open(server, carrier, offer)
    except trio.TooSlowError:
        said = f"no answer within {timeout_s:g} s"
        raise UnusableServerError(Failure.SILENT, said) from None
    except OSError as error:
        said = error.strerror or os.strerror(error.errno or 0)
        raise UnusableServerError(Failure.UNREACHABLE, said) from error
    except UnicodeError:  # names come from configurations: "a..b"
        said = "its name is none that a host can have"
        raise UnusableServerError(Failure.UNREACHABLE, said) from None


async def _open(
    server: Server, carrier: Carrier, offer: TlsOffer | None
) -> OpenConnection:
    plain = await (_datagrams(server) if carrier is Carrier.UDP else connect(server))
    try:
        if offer is None:
            return OpenConnection(plain, ClearChannel(plain))
        channel = TlsChannel(plain, offer.context)
        await _shake_hands(channel, offer)
        return OpenConnection(plain, channel)
    except BaseException:
        plain.close()
        raise


async def _datagrams(server: Server) -> trio.socket.SocketType:
    plain = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        await plain.connect((server.address, server.port))
    except BaseException:
        plain.close()
        raise
    return plain


async def _shake_hands(channel: TlsChannel, offer: TlsOffer) -> None:
    try:
        await channel.handshake()
    except ssl.SSLError as error:
        raise tls_failure(error, offer, channel.cipher) from error
    except ProtocolError as error:
        raise UnusableServerError(Failure.TLS_FAILED, str(error)) from error
    if channel.peer_certificate() not in offer.certificates:
        held = "CTL" if offer.distrust is Failure.NOT_IN_CTL else "ITL"
        said = f"its certificate is no CCM record of the installed {held}"
        raise UnusableServerError(offer.distrust, said)


def tls_failure(
    error: ssl.SSLError, offer: TlsOffer, cipher: str | None
) -> UnusableServerError:
    """Explain what OpenSSL says of a handshake, by its symbol.

    Args:
        error: What was raised.
        offer: What the phone brought.
        cipher: What was agreed on when the server broke off.
    """
    symbol = error.reason or ""
    said = f"TLS: {symbol or error}"
    if symbol in _REFUSED_VERSION:
        return UnusableServerError(Failure.NO_COMMON_TLS_VERSION, said)
    if symbol in _REFUSED_CERTIFICATE or (symbol in _NO_AGREEMENT and cipher):
        # A server that misses a certificate says "handshake failure", too, but it has
        # chosen a cipher by then.
        failure = (
            Failure.NO_OWN_CERTIFICATE
            if offer.own is None
            else Failure.OWN_CERTIFICATE_REFUSED
        )
        return UnusableServerError(failure, said)
    if symbol in _NO_AGREEMENT:
        return UnusableServerError(Failure.NO_COMMON_CIPHER, said)
    return UnusableServerError(Failure.TLS_FAILED, said)


def _context(offer: TlsOffer) -> ssl.SSLContext:
    """Return a context that takes any certificate: the phone compares it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # No session is resumed here, and a ticket costs the server a fifth of a handshake:
    # it holds the phone's certificate.
    context.options |= ssl.OP_NO_TICKET
    try:
        limit_versions(context, *offer.versions)
        context.set_ciphers(f"{offer.ciphers}:{_SECURITY_LEVEL}")
        if offer.own is not None:
            context.load_cert_chain(offer.own)
    except (ssl.SSLError, OSError) as error:
        said = f"the phone's own certificate cannot be used: {error.strerror or error}"
        raise UnusableServerError(Failure.TLS_FAILED, said) from error
    return context
