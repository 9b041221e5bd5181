"""A node's shell in a page: the same shell as `tokenless admin`, over one WebSocket.

browser  {"node": "…"}              opens the shell
{"line": "show ctl"}       a typed line
{"answer": "y"}            to a question
console  {"say": "…"}               printed while a command runs
{"ask": "…", "secret": false}
{"done": 0, "error": null}
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import msgspec
import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from tokenless.ground.json_input import decode_json
from tokenless.protocol.errors import TokenlessError
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.texts import text

_Text = Annotated[str, msgspec.Meta(max_length=16_384)]
_MAX_MESSAGE: Final = 64 * 1024
_QUEUE: Final = 256
_PIECE: Final = 32 * 1024


class _Typed(msgspec.Struct, forbid_unknown_fields=True):
    """A message of the browser: one of its members."""

    node: _Text | None = None
    line: _Text | None = None
    answer: _Text | None = None


class _Left(Exception):  # noqa: N818 - it is not an error
    """The browser has left in the middle of a question."""


async def talk(
    cluster: Cluster,
    socket: WebSocket,
    by: str,
    limiter: trio.CapacityLimiter,
    may_go_on: Callable[[], Awaitable[bool]],
) -> None:
    """Serve one browser's shell until it leaves.

    Args:
        cluster: The cluster.
        socket: Accepted here; who it is was checked before.
        by: The user, for the audit log.
        limiter: Bounds how many commands run at once; what exceeds it is refused.
        may_go_on: Tells whether the user is still signed in, and may change; asked
            about each line and each answer.
    """
    await socket.accept()
    typed_in, typed_out = trio.open_memory_channel[_Typed](_QUEUE)
    terminal = _Terminal(socket, typed_out)
    with TemporaryDirectory(prefix="tokenless-shell-") as folder:
        try:
            async with trio.open_nursery() as nursery:
                scope = nursery.cancel_scope
                nursery.start_soon(_receive, socket, typed_in, scope, may_go_on)
                first = await typed_out.receive()
                open_shell = partial(
                    AdminShell,
                    cluster,
                    first.node or cluster.publisher.name,
                    ask=terminal.ask,
                    ask_secret=terminal.ask_secret,
                    echo=terminal.say,
                    folder=Path(folder),
                    by=by,
                )
                await _serve(terminal, open_shell, limiter)
                nursery.cancel_scope.cancel()
        except* (_Left, WebSocketDisconnect, trio.EndOfChannel):
            pass
    with suppress(RuntimeError, WebSocketDisconnect):  # the browser may have left
        await socket.close()


async def _receive(
    socket: WebSocket,
    typed: trio.MemorySendChannel[_Typed],
    scope: trio.CancelScope,
    may_go_on: Callable[[], Awaitable[bool]],
) -> None:
    """Pass on typed lines; the end of input ends every waiting question."""
    async with typed:
        while True:
            try:
                message = await socket.receive_text()
                # A message of bytes has None for its text.
                if not message or len(message) > _MAX_MESSAGE:
                    break
                if not await may_go_on():
                    ended = {"done": 1, "error": text("cli.ended")}
                    await socket.send_json(ended)
                    break
                typed.send_nowait(decode_json(message, _Typed))
            except (WebSocketDisconnect, msgspec.DecodeError, trio.WouldBlock):
                break
            except (KeyError, RuntimeError):  # a frame without text; already closed
                break
    scope.cancel()


async def _serve(
    terminal: "_Terminal",
    open_shell: Callable[[], AdminShell],
    limiter: trio.CapacityLimiter,
) -> None:
    socket = terminal.socket
    try:
        shell = await trio.to_thread.run_sync(open_shell)
    except TokenlessError as error:
        await socket.send_json({"done": 1, "error": error.explain()})
        await socket.close()
        return
    async for message in terminal.typed:
        if message.line is None:
            continue
        if limiter.available_tokens < 1:
            # Not queued: it would run at some later time, when nobody looks.
            full = text("cli.full", number=int(limiter.total_tokens))
            await socket.send_json({"done": 1, "error": full})
            continue
        result = await trio.to_thread.run_sync(shell.run, message.line, limiter=limiter)
        await socket.send_json({"done": result.status, "error": result.error})


class _Terminal:
    """The shell's end, in its thread: its output and questions go to the browser."""

    def __init__(
        self, socket: WebSocket, typed: trio.MemoryReceiveChannel[_Typed]
    ) -> None:
        self.socket = socket
        self.typed = typed

    def say(self, words: str) -> None:
        """Print."""
        for piece in range(math.ceil(len(words) / _PIECE)):
            part = words[piece * _PIECE : (piece + 1) * _PIECE]
            trio.from_thread.run(self.socket.send_json, {"say": part})

    def ask(self, question: str) -> str:
        """Put a question and wait for its answer."""
        return trio.from_thread.run(self._ask, question, False)

    def ask_secret(self, question: str) -> str:
        """Put a question whose answer is not shown."""
        return trio.from_thread.run(self._ask, question, True)

    async def _ask(self, question: str, secret: bool) -> str:
        await self.socket.send_json({"ask": question, "secret": secret})
        while True:
            try:
                message = await self.typed.receive()
            except trio.EndOfChannel:
                raise _Left from None
            if message.answer is not None:
                return message.answer
