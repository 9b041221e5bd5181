"""HTTP as a guest of the stream server: from requests to files, counted and logged.

Contents are sent piece by piece (`body`). What would keep the loop waiting is done by
threads: signatures, by turns of addresses (`tftp.transfers.pending_files`), and blocks
that the page cache lacks.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from tokenless.protocol.http.stream import Refused, Request, ServerStream
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.http.body import Body
from tokenless.services.http.counters import HttpCount
from tokenless.services.http.settings import CLEAR
from tokenless.services.limited_log import shortened
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Guest, GuestTools, Session
from tokenless.services.tftp.files.background import Background
from tokenless.services.tftp.files.source import (
    Content,
    FileSource,
    ReadyContent,
    UnpreparedFile,
)
from tokenless.services.tftp.sockets.listener import Peer
from tokenless.services.tftp.transfers.pending_files import PendingFiles, PendingRequest

_CTL: Final = re.compile(r"CTL[0-9A-Za-z._-]+\.tlv")
# Over TLS phones ask for the signed name and expect the plain file (REFERENCE-3 1.4).
_SIGNED_CONFIG: Final = re.compile(r"(SEP[0-9A-Fa-f]{12}\.cnf\.xml)\.sgn")
_STATUS: Final = {
    TftpErrorCode.FILE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    TftpErrorCode.ACCESS_VIOLATION: HTTPStatus.FORBIDDEN,
}


class HttpGuest(Guest):
    """Answers the requests of all connections from one source."""

    def __init__(
        self,
        source: Callable[[], FileSource],
        missing_ctl: Callable[[], HTTPStatus],
        tools: GuestTools,
    ) -> None:
        """Serve what `source` returns at the moment of a request.

        Args:
            source: Where files come from.
            missing_ctl: The status of a CTL that is not there.
            tools: Of the stream server.
        """
        self.source = source
        self.missing_ctl = missing_ctl
        self.cells = tools.cells
        self.log = tools.log
        self.pending_files = PendingFiles()
        self.loading: Background[HttpSession] = Background()
        self._waiting: dict[Peer, HttpSession] = {}

    def open_session(self, connection: Connection) -> "HttpSession":
        """Return what answers one client."""
        return HttpSession(connection, self)

    def make(
        self, session: "HttpSession", name: str, unprepared: UnpreparedFile
    ) -> bool:
        """Have a file made; return whether there is room to wait for it."""
        peer = session.peer
        if not self.pending_files.put(
            PendingRequest(b"", peer, "", name, unprepared), is_known=True
        ):
            return False
        self._waiting[peer] = session
        return True

    def forget(self, session: "HttpSession") -> None:
        """Make nothing for a client that has gone."""
        if self._waiting.pop(session.peer, None) is not None:
            self.pending_files.forget(session.peer)

    def take_made(self) -> None:
        """Answer those whose files were made."""
        for waiting, result in self.pending_files.finished():
            session = self._waiting.pop(waiting.peer, None)
            file = (
                waiting.unprepared.keep(result) if isinstance(result, bytes) else result
            )
            if session is not None:
                session.take_made(file)

    def take_loaded(self) -> None:
        """Let those go on whose next piece was read."""
        for session, result in self.loading.finished():
            session.take_loaded(result)

    def close(self) -> None:
        """End the threads."""
        self.pending_files.close()
        self.loading.close()


class HttpSession(Session):
    """One client's requests and answers."""

    __slots__ = (
        "_body",
        "_goes_on",
        "_guest",
        "_is_waiting",
        "_request",
        "_stream",
        "peer",
    )

    def __init__(self, connection: Connection, guest: HttpGuest) -> None:
        super().__init__(connection)
        self.peer: Peer = (connection.address, connection.fd)
        """The client, for turns: its address and what tells its connections apart."""
        self._guest = guest
        self._stream = ServerStream()
        self._request = Request("")
        self._body: Body | None = None
        self._goes_on = False
        self._is_waiting = False

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        self._stream.receive(data)

    @property
    def is_between_requests(self) -> bool:
        """Return whether nothing of a request has come, and no answer is due."""
        return self._stream.is_between_requests

    @property
    def is_sending(self) -> bool:
        """Return whether there is more to send, or a file to begin with."""
        return self._goes_on

    def answer(self) -> int:
        """Answer complete requests, and continue answers that were begun."""
        done, connection = 0, self.connection
        while connection.may_send and not self._is_waiting:
            if self._body is not None:
                done += 1
                self._send_piece(self._body)
            elif connection.is_closing:
                break
            else:
                request = self._stream.next_request()
                if request is None:
                    break
                done += 1
                self._begin(request)
        is_behind = self._body is not None or not connection.may_send
        self._goes_on = is_behind and not self._is_waiting
        return done

    def end(self) -> None:
        """Forget files that were to be made."""
        self._body = None
        self._guest.forget(self)

    def take_made(self, result: bytes | Exception) -> None:
        """Answer with the file that was made, or that it could not be."""
        self._is_waiting = False
        if isinstance(result, Exception):
            self._fail(result)
        else:
            self._send_content(result)
        self._go_on()

    def take_loaded(self, result: bytes | Exception) -> None:
        """Send the piece that was read."""
        body = self._body
        if body is None:  # the client has gone meanwhile
            return
        self._is_waiting = False
        if isinstance(result, Exception):
            self._break_off(str(result))
        else:
            body.take(result)
            self._go_on()

    def _go_on(self) -> None:
        """Have `answer` called as soon as the client reads."""
        self._goes_on = True
        self.connection.push(b"")

    def _begin(self, request: Request | Refused) -> None:
        self._guest.cells[HttpCount.REQUESTS] += 1
        if isinstance(request, Refused):
            self._request = Request("?")
            self._send_error(request.status, request.reason)
            return
        self._request = request
        try:
            content = self._find(request.name)
        except TftpError as error:
            is_ctl = error.code == TftpErrorCode.FILE_NOT_FOUND and _CTL.fullmatch(
                request.name
            )
            status = _STATUS.get(
                TftpErrorCode(error.code), HTTPStatus.INTERNAL_SERVER_ERROR
            )
            self._send_error(
                self._guest.missing_ctl() if is_ctl else status, error.message
            )
        except Exception as error:  # noqa: BLE001 (a source's failure ends one request)
            self._fail(error)
        else:
            if not isinstance(content, UnpreparedFile):
                self._send_content(content)
            elif self._guest.make(self, request.name, content):
                self._is_waiting = True
            else:
                self._send_error(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    ("too many files are waiting to be made"),
                )

    def _find(self, name: str) -> Content:
        if self.connection.port != CLEAR:
            match = _SIGNED_CONFIG.fullmatch(name)
            name = name if match is None else match.group(1)
        return self._guest.source().find(name)

    def _send_content(self, content: ReadyContent) -> None:
        size = len(content) if isinstance(content, bytes) else content.size
        request, stream = self._request, self._stream
        offset, length, status = 0, size, HTTPStatus.OK
        more: list[tuple[str, str]] = []
        if request.range is not None:
            part = request.range.within(size)
            if part is None:
                status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                more.append(("Content-Range", f"bytes */{size}"))
                self._send_error(status, "the file has no bytes in this range", more)
                return
            offset, length = part
            status = HTTPStatus.PARTIAL_CONTENT
            end = offset + length - 1
            more.append(("Content-Range", f"bytes {offset}-{end}/{size}"))
        self.connection.send(stream.head(status, length, more))
        if request.is_head or not length:
            self._finish(status, 0)
        else:
            self._body = Body(content, offset, length)

    def _send_piece(self, body: Body) -> None:
        """Send some of a content; a file that cannot be sent ends the connection."""
        try:
            count = body.send(self.connection)
        except OSError as error:
            self._break_off(f"the file cannot be read: {error.strerror}")
        except TftpError as error:
            self._break_off(error.message)
        else:
            if count is None:
                self._is_waiting = True
                self._guest.loading.submit(self, body.load)
            else:
                self._count_sent(body, count)

    def _count_sent(self, body: Body, count: int) -> None:
        self._stream.sent(count)
        self._guest.cells[HttpCount.BYTES] += count
        if not body.left:
            self._body = None
            self._finish(HTTPStatus.OK, body.sent)

    def _finish(self, status: HTTPStatus, sent: int) -> None:
        self._stream.finish()
        if status < HTTPStatus.BAD_REQUEST:
            self._guest.cells[HttpCount.FILES] += 1
            self._inform("http transfer", bytes=sent)
        if self._stream.must_close:
            self.connection.close()

    def _fail(self, error: Exception) -> None:
        """Answer that a file cannot be made; the error of its source is logged."""
        reason = f"{type(error).__name__}: {error}"
        self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, reason)

    def _send_error(
        self, status: HTTPStatus, reason: str, more: list[tuple[str, str]] | None = None
    ) -> None:
        is_missing = status == HTTPStatus.NOT_FOUND
        cells = self._guest.cells
        cells[HttpCount.NOT_FOUND if is_missing else HttpCount.REFUSED] += 1
        self._inform("http refused", status=status.value, reason=shortened(reason))
        self.connection.send(self._stream.head(status, 0, more or ()))
        self._finish(status, 0)

    def _break_off(self, reason: str) -> None:
        """End the connection: the promised bytes cannot be sent any more."""
        self._body = None
        self._guest.cells[HttpCount.REFUSED] += 1
        self._inform("http transfer broken off", reason=shortened(reason))
        self.connection.close()

    def _inform(self, event: str, **about: object) -> None:
        log = self._guest.log
        if log.may_write(event):
            log.log.info(
                event,
                file=shortened(self._request.name),
                client=self.connection.address,
                **about,
            )
