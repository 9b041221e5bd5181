"""The phone's side of TVS: one TLS connection for one question (REFERENCE 3.7).

The server's certificate must be, byte for byte, one of those that the installed ITL has
for role 21; nothing else makes it a TVS server, and nothing is sent to it before that.
"""

import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import trio

from tokenless.ground.tls import limit_versions
from tokenless.phone_emulator.secd.events import AskTvsServer, Server, TvsStage
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.models import TlsVersion
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.stream import ClientStream

TlsRange = tuple[TlsVersion, TlsVersion]
# All that a 79xx was seen to offer (REFERENCE 4.3).
_OLD_CIPHERS: Final = "AES256-SHA:AES128-SHA"
# What 2445 was seen to agree on (AES256-SHA) and what newer releases list.
_CIPHERS: Final = (
    "ECDHE+AESGCM:AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:"
    f"ECDHE+SHA:{_OLD_CIPHERS}"
)
# Phones take RSA-1024 and SHA-1; the pinned certificate is what is believed.
_ANY_LEVEL: Final = "@SECLEVEL=0"
_OLD_TLS: Final = "1.0"
_READ_BYTES: Final = 16_384
NOT_IN_ITL: Final = "its certificate is no TVS record (role 21) of the installed ITL"
"""Said of a server whose certificate the phone does not know."""


class TvsUnreachableError(ProtocolError):
    """A TVS server that cannot be used: down, another one, or not speaking TVS.

    Attributes:
        stage: How far the conversation came.
        code: One of `TVS_FAILURES`, for programs.
    """

    def __init__(
        self, reason: str, stage: TvsStage, code: Reason = Reason.TVS_UNUSABLE
    ) -> None:
        super().__init__(reason)
        self.stage = stage
        self.code = code


class _NotInItlError(ProtocolError):
    """The server is not one that the phone knows."""

    def __init__(self) -> None:
        super().__init__(NOT_IN_ITL)


@lru_cache(maxsize=16)
def context_for(tls: TlsRange) -> ssl.SSLContext:
    """Return a context that takes any certificate: the phone compares it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    limit_versions(context, *tls)
    ciphers = _OLD_CIPHERS if tls[1] == _OLD_TLS else _CIPHERS
    context.set_ciphers(f"{ciphers}:{_ANY_LEVEL}")
    return context


async def ask_tvs(request: AskTvsServer, tls: TlsRange, timeout_s: float) -> Answer:
    """Ask one server about one signer.

    Args:
        request: The server, the question, and the certificates that it may have.
        tls: The oldest and the newest version that the phone speaks.
        timeout_s: For all of it.

    Raises:
        TvsUnreachableError: When no answer can be had or the server is another one.
    """
    with _explained(timeout_s) as reached:
        async with _connected(request.server, tls, reached) as connection:
            if connection.peer_certificate() not in request.certificates:
                raise _NotInItlError
            reached.stage = TvsStage.ANSWER
            stream = ClientStream()
            await connection.send(stream.send(request.query))
            while (answer := stream.next_event()) is None:
                stream.receive(await connection.receive())
    return answer


async def show_certificate(server: Server, tls: TlsRange, timeout_s: float) -> bytes:
    """Make a TLS handshake with a server and return the certificate that it shows.

    Args:
        server: The TVS server.
        tls: The oldest and the newest version that is offered to it.
        timeout_s: For all of it.

    Raises:
        TvsUnreachableError: When no such connection can be had.
    """
    with _explained(timeout_s) as reached:
        async with _connected(server, tls, reached) as connection:
            certificate = connection.peer_certificate()
            if certificate is None:
                raise ProtocolError("it shows no certificate")
    return certificate


@dataclass(slots=True)
class _Progress:
    """The progress of a conversation, to explain its failure."""

    stage: TvsStage = TvsStage.CONNECT


@contextmanager
def _explained(timeout_s: float) -> Iterator[_Progress]:
    """Limit the time, and turn every failure into a TvsUnreachableError."""
    reached = _Progress()
    try:
        with trio.fail_after(timeout_s):
            yield reached
    except trio.TooSlowError as error:
        reason = f"no answer within {timeout_s:g} s"
        raise TvsUnreachableError(reason, reached.stage) from error
    except ssl.SSLError as error:
        raise _tls_failure(error, reached.stage) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise TvsUnreachableError(reason, reached.stage) from error
    except UnicodeError as error:  # names come from configurations: "a..b"
        reason = "its name is none that a host can have"
        raise TvsUnreachableError(reason, reached.stage) from error
    except _NotInItlError as error:
        raise TvsUnreachableError(
            str(error), reached.stage, Reason.TVS_NOT_IN_ITL
        ) from error
    except ProtocolError as error:
        raise TvsUnreachableError(str(error), reached.stage) from error


def _tls_failure(error: ssl.SSLError, stage: TvsStage) -> TvsUnreachableError:
    """Explain what OpenSSL said; before TLS is agreed on, the versions do not fit."""
    said = error.reason or error
    if stage is TvsStage.ANSWER:
        return TvsUnreachableError(f"TLS failed: {said}", stage)
    return TvsUnreachableError(f"TLS handshake failed: {said}", stage, Reason.TVS_TLS)


@asynccontextmanager
async def _connected(
    server: Server, tls: TlsRange, reached: _Progress
) -> "AsyncIterator[TlsChannel]":
    """Connect and make the TLS handshake; nothing is trusted yet."""
    with await connect(server) as plain:
        reached.stage = TvsStage.HANDSHAKE
        connection = TlsChannel(plain, context_for(tls))
        await connection.handshake()
        yield connection


async def connect(server: Server) -> trio.socket.SocketType:
    """Connect to the first address of a name that answers, in order."""
    resolved = await trio.socket.getaddrinfo(
        server.address, server.port, type=socket.SOCK_STREAM
    )
    failure = OSError(f"{server.address} has no address")
    for family, kind, protocol, _, where in resolved:
        plain = trio.socket.socket(family, kind, protocol)
        try:
            await plain.connect(where)
        except OSError as error:
            plain.close()
            # Trio's words have the address in them, as Python writes it.
            failure = OSError(error.errno, os.strerror(error.errno or 0))
        except BaseException:
            plain.close()
            raise
        else:
            return plain
    try:
        raise failure
    finally:
        # Its traceback holds this call, and so all that the callers hold: a phone's
        # TLS context would stay in memory until the collector runs.
        del failure


class TlsChannel:
    """TLS over a trio socket, as little of it as TVS, CAPF and CallManager need.

    trio.SSLStream would do; ten thousand phones would feel its cost (locks on every
    call, half a millisecond a connection).
    """

    def __init__(self, plain: trio.socket.SocketType, context: ssl.SSLContext) -> None:
        self._socket = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    async def handshake(self) -> None:
        """Agree on keys. Raises ssl.SSLError when that fails."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                await self._flush()  # the alert that says why
                raise
            else:
                await self._flush()
                return

    def peer_certificate(self) -> bytes | None:
        """Return the server's certificate as DER."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def cipher(self) -> str | None:
        """The name of the agreed cipher, None before there is one."""
        agreed = self._tls.cipher()
        return None if agreed is None else agreed[0]

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        self._tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """Return what came next. Raises ProtocolError at the end."""
        while True:
            try:
                data = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._fill()
            else:
                if data:
                    return data
                raise ProtocolError("it closed the connection without an answer")

    async def _fill(self) -> None:
        data = await self._socket.recv(_READ_BYTES)
        if not data:
            raise ProtocolError("it closed the connection")
        self._incoming.write(data)

    async def _flush(self) -> None:
        data = memoryview(self._outgoing.read())
        while data:
            data = data[await self._socket.send(data) :]
