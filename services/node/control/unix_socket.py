"""The Unix socket on which a node's server accepts control connections.

A socket's address in the kernel has 108 bytes, less than many a path of a data folder.
A longer one is reached through the open folder (`/proc/self/fd/N/control.sock`), so
that the socket always lies in the node's folder and its permissions are the folder's.

Which process serves a node is decided by a lock on a file next to the socket, which the
kernel drops with the process: what a killed server left behind is taken over, a live
server is never disturbed.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tokenless.services.errors import ServiceError

_MAX_PATH_BYTES: Final = 107
_BACKLOG: Final = 16


class NodeServedError(ServiceError):
    """Another process serves this node already."""


def connect(path: Path, *, timeout_s: float) -> socket.socket:
    """Connect to the socket at `path`; blocking calls give up after `timeout_s`.

    Raises:
        OSError: When no process listens there.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(timeout_s)
        with _short(path) as address:
            client.connect(address)
    except BaseException:
        client.close()
        raise
    return client


def listen(path: Path) -> socket.socket:
    """Listen at `path`, only for this user; replaces what a dead server left there.

    The caller holds the node's lock (`serve_lock`).
    """
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            with _short(path) as address:
                server.bind(address)
        finally:
            os.umask(before)
        server.listen(_BACKLOG)
    except BaseException:
        server.close()
        raise
    return server


@contextmanager
def serve_lock(node: str, path: Path) -> Iterator[None]:
    """Be the one process that serves `node`, whose control socket is `path`.

    Raises:
        NodeServedError: When another process is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(
        path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        _lock(descriptor, node)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            # While the lock is still held: never a successor's socket.
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, node: str) -> None:
    import fcntl  # noqa: PLC0415 - not on every system

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        raise NodeServedError(
            f"node {node} is already served by process {holder or 'unknown'}",
            hint="stop it, or serve other nodes with --node",
        ) from None


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give an address for `path` that the kernel's structure can hold."""
    if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
