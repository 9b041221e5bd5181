"""Pages in a browser, as console and studio serve them: HTTPS, and routes of pages."""

import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

import structlog
import trio
from hypercorn import protocol
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.protocol import h2, h11
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from tokenless.services.console.bounds.answers import BoundedAnswer
from tokenless.services.console.bounds.browsers import Browsers, only_for_readers
from tokenless.services.console.bounds.http2 import BoundedBuffer, BoundedHttp2
from tokenless.services.console.bounds.websockets import BoundedWebSocket
from tokenless.services.limited_log import LimitedLog
from tokenless.services.listening import listen_tcp

_SHELL_MESSAGE_BYTES: Final = 64 * 1024
_BACKLOG: Final = 256
_DRAIN_S: Final = 1.0
_HANDSHAKE_S: Final = 10
_ANSWERS_AT_ONCE: Final = 32
"""Of one HTTP/2 connection: every open page of a browser has a stream of events."""
_LINES_PER_S: Final = 5
_USUAL_LEVEL: Final = 2
_FILES: Final = 64
"""How many files of pages are kept in memory."""


VisitT = TypeVar("VisitT")
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Do: TypeAlias = Callable[[VisitT], Response]
"""Shows a page or carries out its form; it runs in a thread and may block."""


@dataclass(frozen=True, slots=True)
class BrowserPage(Generic[VisitT]):
    """A page: its path, a function that shows it, one that carries out its form."""

    path: str
    """With parts in braces, as starlette has them."""
    show: Do[VisitT] | None = None
    """Answers GET; changes nothing."""
    act: Do[VisitT] | None = None
    """Answers POST."""
    back: str = "/"
    """The path to which a refused form sends the browser, with the same parts."""


def routes_of(
    pages: Iterable[BrowserPage[VisitT]],
    showing: Callable[[BrowserPage[VisitT], Do[VisitT]], Endpoint],
    acting: Callable[[BrowserPage[VisitT], Do[VisitT]], Endpoint],
) -> Iterator[Route]:
    """Yield the routes of pages; the functions return what answers a request."""
    for page in pages:
        if page.show is not None:
            yield Route(page.path, showing(page, page.show), methods=["GET"])
        if page.act is not None:
            yield Route(page.path, acting(page, page.act), methods=["POST"])


class HttpsConfig(Config):
    """Hypercorn's settings: no log of its own, a context made by us."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.context = context
        self.socket: socket.socket | None = None
        """The listening socket, once `listen` has taken it."""
        self.accesslog = self.errorlog = None
        self.backlog = _BACKLOG
        self.graceful_timeout = _DRAIN_S
        self.ssl_handshake_timeout = _HANDSHAKE_S
        self.include_server_header = False
        self.h2_max_concurrent_streams = _ANSWERS_AT_ONCE
        self.websocket_max_message_size = _SHELL_MESSAGE_BYTES

    def listen(self, what: str, address: str, port: int) -> tuple[str, int]:
        """Take the socket; return its address.

        Raises:
            ServiceError: When it cannot be had; `what` names the server in it.
        """
        (self.socket,) = listen_tcp(what, address, port, 1)
        self.socket.listen(self.backlog)
        address, port, *_ = self.socket.getsockname()
        return address, port

    @property
    def ssl_enabled(self) -> bool:
        """There are no pages without TLS."""
        return True


def server_context(level: int = _USUAL_LEVEL) -> ssl.SSLContext:
    """Return a context that waits for its certificate.

    Args:
        level: OpenSSL's security level: 1 takes short keys.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL={level}")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class KeptFiles(StaticFiles):
    """Files of pages, read whole: a slow reader must not hold a descriptor."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the answer: the file, or that the browser has it already."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        if not isinstance(answer, FileResponse):
            return answer
        changed = stat_result.st_mtime_ns, stat_result.st_size
        content = _content_of(Path(full_path), changed)
        return Response(content, status_code, answer.headers)


@lru_cache(maxsize=_FILES)
def _content_of(path: Path, _changed: tuple[int, int]) -> bytes:
    """Return a file's content: the same bytes for all who read it slowly."""
    return path.read_bytes()


async def serve_pages(
    app: ASGIApp, config: HttpsConfig, log: structlog.typing.FilteringBoundLogger
) -> None:
    """Serve an application on the socket that `config` has taken, until cancelled.

    Hypercorn's own loop lets an error of one connection end all of them, and bytes
    that a browser sends can cause one: data for an HTTP/2 stream that was answered
    already, a path that is not ASCII. Here it ends that connection.
    """
    assert config.socket is not None  # noqa: S101  # `listen` comes first
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(config.socket))
    _use_bounded_protocols()
    patient = only_for_readers(app)
    context = WorkerContext(None)
    browsers = Browsers()
    limited = LimitedLog(log, _LINES_PER_S, summary="more connections failed")

    async def serve_one(stream: trio.SocketStream) -> None:
        try:
            with browsers.admit(stream) as browser:
                tls = trio.SSLStream(
                    browser, config.context, server_side=True, https_compatible=True
                )
                wrapped = ASGIWrapper(browser.bounded(patient))  # type: ignore[arg-type]  # starlette's types are wider
                await TCPServer(wrapped, config, context, ConnectionState({}), tls)  # type: ignore[arg-type]  # any transport with a socket
        except* Exception as errors:  # noqa: BLE001  # whatever it is, it is logged
            if limited.may_write("failed", time.monotonic()):
                log.warning("a connection failed", reason=repr(errors.exceptions[0]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(browsers.cut_at_end, _DRAIN_S)
        await trio.serve_listeners(serve_one, [listener], handler_nursery=nursery)


def _use_bounded_protocols() -> None:
    """Let hypercorn use our classes: its modules name its own, without a setting."""
    vars(protocol)["H2Protocol"] = BoundedHttp2
    vars(h2)["StreamBuffer"] = BoundedBuffer
    for module in (h11, h2):
        vars(module)["HTTPStream"] = BoundedAnswer
        vars(module)["WSStream"] = BoundedWebSocket
