"""Server of the control socket: reads lines, calls a handler, answers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from tokenless.protocol.errors import TokenlessError
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.metrics import CONTROL_REQUESTS
from tokenless.services.node.control.requests import (
    MAX_REQUEST_BYTES,
    Request,
    decode_request_untrusted,
    encode_answer,
    encode_refusal,
)
from tokenless.services.node.control.unix_socket import listen
from tokenless.services.reserved import serve_reserved

Handler = Callable[[Request], Awaitable[Mapping[str, object]]]

_IDLE_S: Final = 30.0
_CHUNK: Final = 1024


async def serve_control(
    node: str,
    path: Path,
    handle: Handler,
    *,
    task_status: trio.TaskStatus[
        Sequence[trio.SocketListener]
    ] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests at `path` until cancelled; the caller holds the node's lock."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listen(path)))

    async def talk(stream: trio.SocketStream) -> None:
        await _talk(node, stream, handle)

    await serve_reserved(talk, [listener], task_status=task_status)


async def _talk(node: str, stream: trio.SocketStream, handle: Handler) -> None:
    """Serve one connection until it closes or times out."""
    buffered = bytearray()
    with suppress(trio.BrokenResourceError, trio.TooSlowError):
        try:
            while line := await _read_line(stream, buffered):
                await stream.send_all(await _answer(node, line, handle))
        except ServiceError as error:
            await stream.send_all(encode_refusal(str(error), error.hint))


async def _answer(node: str, line: bytes, handle: Handler) -> bytes:
    try:
        answer = encode_answer(await handle(decode_request_untrusted(line)))
    except TokenlessError as error:
        CONTROL_REQUESTS.labels(node, "refused").inc()
        return encode_refusal(str(error), error.hint)
    except Exception as error:  # noqa: BLE001  # one request must not end the server
        CONTROL_REQUESTS.labels(node, "failed").inc()
        get_logger(node=node).exception("control request failed")
        return encode_refusal(
            f"{type(error).__name__}: {error}", "look at the server's log"
        )
    CONTROL_REQUESTS.labels(node, "done").inc()
    return answer


async def _read_line(stream: trio.SocketStream, buffered: bytearray) -> bytes:
    """Return the next line, or nothing at the end.

    Raises:
        ServiceError: When the line is longer than any request.
        TooSlowError: When it does not come.
    """
    with trio.fail_after(_IDLE_S):
        while (end := buffered.find(b"\n")) < 0:
            if len(buffered) > MAX_REQUEST_BYTES:
                raise ServiceError(f"a request has at most {MAX_REQUEST_BYTES} bytes")
            chunk = await stream.receive_some(_CHUNK)
            if not chunk:
                return b""
            buffered += chunk
    line = bytes(buffered[: end + 1])
    del buffered[: end + 1]
    return line
