"""Client of the control socket: blocking, one request a connection."""

import socket
from pathlib import Path
from typing import Any, Final

from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import (
    MAX_ANSWER_BYTES,
    Request,
    decode_answer,
    encode_request,
)
from tokenless.services.node.control.unix_socket import connect

_CHUNK: Final = 64 * 1024
DEFAULT_TIMEOUT_S: Final = 30.0


class NodeDownError(ServiceError):
    """No process serves the node."""


def request(
    node: str, path: Path, what: Request, *, timeout_s: float = DEFAULT_TIMEOUT_S
) -> dict[str, Any]:
    """Ask the server of `node`, whose control socket is `path`.

    Raises:
        NodeDownError: When no process serves the node.
        ServiceError: When the server refuses, with its reason, or does not answer in
            time.
    """
    try:
        with connect(path, timeout_s=timeout_s) as server:
            server.sendall(encode_request(what))
            return decode_answer(_read_line(server))
    except TimeoutError:
        raise ServiceError(
            f"node {node} did not answer within {timeout_s:g} s",
            hint="look at the log of its `tokenless serve`",
        ) from None
    except OSError:
        raise NodeDownError(
            f"node {node} is down", hint="start it with `tokenless serve`"
        ) from None


def _read_line(server: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        chunk = server.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError
        received += chunk
        if len(received) > MAX_ANSWER_BYTES:
            raise ServiceError(
                "the answer of the node's server is too long",
                hint="restart its `tokenless serve` with this version",
            )
    return bytes(received)
