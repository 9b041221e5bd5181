"""A small blocking TVS client, for the command line.

It shows no certificate and judges the server's only when it is given authorities: who
asks by hand wants to see what a server answers, also one with a lab's certificate.
"""

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tokenless.ground.files import unreadable
from tokenless.ground.tls import TlsVersion, limit_versions
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.stream import ClientStream, Request
from tokenless.services.errors import ServiceError

_READ_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Address of a TVS server."""

    host: str
    port: int

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)


class NoAnswerError(ServiceError):
    """A TVS server that told nothing: not reached, or no answer came."""


class WrongServerError(ServiceError):
    """A server that showed a certificate of which no given authority knows."""


class TvsClient:
    """One connection to a TVS server, opened by `with`."""

    def __init__(
        self,
        server: ServerAddress,
        *,
        ca: Path | None = None,
        version: TlsVersion | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._server = server
        self._context = _context(ca, version)
        self._timeout_s = timeout_s
        self._tls: ssl.SSLSocket | None = None
        self._stream = ClientStream()
        self.handshake_s = 0.0
        """How long connecting and the handshake took."""

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            NoAnswerError: When the server cannot be reached or the handshake fails.
            WrongServerError: When its certificate is not accepted.
        """
        begun = time.perf_counter()
        address = (self._server.host, self._server.port)
        try:
            tcp = socket.create_connection(address, self._timeout_s)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._tls = self._context.wrap_socket(tcp)
            except BaseException:
                tcp.close()
                raise
        except OSError as error:
            raise self._failed(error) from error
        except UnicodeError as error:  # "a..b" has no form in IDNA
            raise NoAnswerError(
                f"TVS server {self._server}: not a valid host name",
                hint="check the spelling, or give the address",
            ) from error
        self.handshake_s = time.perf_counter() - begun
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tls is not None:
            self._tls.close()

    @property
    def tls_version(self) -> str:
        """Negotiated TLS version: `TLSv1.3`."""
        return "" if self._tls is None else self._tls.version() or ""

    @property
    def server_certificate(self) -> bytes | None:
        """The server's certificate, in DER."""
        return None if self._tls is None else self._tls.getpeercert(binary_form=True)

    def ask(self, request: Request) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            NoAnswerError: When the connection ends or the answer takes too long.
            ProtocolError: When the server sends something that does not answer it.
        """
        if self._tls is None:
            raise RuntimeError(
                "ask() needs an open connection: use the client in a with statement"
            )
        try:
            self._tls.settimeout(self._timeout_s)
            self._tls.sendall(self._stream.send(request))
            answer = self._receive(self._tls)
        except OSError as error:
            raise self._failed(error) from error
        if answer.session_id != request.session_id:
            raise ProtocolError(
                f"{self._server} answered session {answer.session_id}, "
                f"not {request.session_id}"
            )
        return answer

    def _receive(self, tls: ssl.SSLSocket) -> Answer:
        deadline = time.monotonic() + self._timeout_s
        while (answer := self._stream.next_event()) is None:
            # For all of it: a server may send a byte now and then for hours.
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError(f"no whole answer within {self._timeout_s:g} s")
            tls.settimeout(left)
            data = tls.recv(_READ_BYTES)
            if not data:
                raise NoAnswerError(
                    f"{self._server} closed the connection without an answer",
                    hint="see the server's log for the reason",
                )
            self._stream.receive(data)
        return answer

    def _failed(self, error: OSError) -> ServiceError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return WrongServerError(
                f"TVS server {self._server}: the server's certificate is not accepted: "
                f"{error.verify_message}",
                hint="give the certificate that the server should show",
            )
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        hint = "check the address and that TVS runs there"
        if isinstance(error, ssl.SSLError):
            hint = "try another --tls version"
        return NoAnswerError(f"TVS server {self._server}: {reason}", hint=hint)


def _context(ca: Path | None, version: TlsVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A TVS certificate names the node, not the address that phones connect to.
    context.check_hostname = False
    if version is TlsVersion.TLS_1_0:
        context.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
    else:
        # Labs have RSA-1024 certificates, which level 2 refuses.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if version is not None:
        limit_versions(context, version, version)
    if ca is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    # The server's own certificate is as good as its issuer's.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise ServiceError(
            f"{ca}: not a file of certificates", hint="give a PEM file"
        ) from error
    except OSError as error:
        raise unreadable(str(ca), error) from error
    return context
