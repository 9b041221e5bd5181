"""What `warm_start` starts: a process that has `tokenless` loaded, and forks commands.

It reads requests from the socket whose number is its first argument, and ends when the
other side closes that; shells reach it at the path that is its second
(`warm_command`). Its third is the folder of `quick_keys`. It has one thread, as whoever
forks should.
"""

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import tokenless
from tests.rigs import quick_keys, quick_passwords
from tests.rigs.warm_start import MAX_REQUEST

_PASSED: Final = 4
"""Standard input, output and error, and where the end is told."""
_NOT_BEFORE: Final = ("__main__", ".env", ".pytest_plugin")
"""Modules that begin to work when they are imported."""
_NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG


def serve(control: socket.socket, shells: socket.socket) -> None:
    """Serve requests until nobody asks; in a command's process, return."""
    poll = select.poll()  # it has no descriptor that a child would have to close
    poll.register(control, select.POLLIN)
    poll.register(shells, select.POLLIN)
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                poll.unregister(ready)
                _tell_end(ready, *running.pop(ready))
                continue
            asking = control if ready == control.fileno() else shells.accept()[0]
            request, passed, _, _ = socket.recv_fds(asking, MAX_REQUEST, _PASSED)
            if not request:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                for each in {asking, control, shells}:
                    each.detach()
                _become(json.loads(request), passed[:-1])
                return
            for number in passed[:-1]:
                os.close(number)
            watched = os.pidfd_open(pid)
            running[watched] = pid, passed[-1]
            poll.register(watched, select.POLLIN)
            asking.send(str(pid).encode())
            if asking is not control:
                asking.close()


def _tell_end(watched: int, pid: int, told: int) -> None:
    os.close(watched)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(told, str(status).encode())
    os.close(told)


def _become(request: dict[str, object], streams: list[int]) -> None:
    """Make this process what a shell would have started."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if request["network"]:
        network = os.open(str(request["network"]), os.O_RDONLY)
        assert libc.setns(network, _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
    if request["new_session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    folder, environment, words = (
        request[name] for name in ("folder", "environment", "words")
    )
    assert isinstance(environment, dict)
    assert isinstance(words, list)
    os.chdir(str(folder))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[0] = str(folder)
    sys.argv = ["tokenless", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_streams()


def _open_streams() -> None:
    """Open standard streams as Python does at its start."""
    is_unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    raw = io.FileIO(0, "r", closefd=False)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(raw), "utf-8")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)),
        "utf-8",
        line_buffering=os.isatty(1),
        write_through=is_unbuffered,
    )
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)),
        "utf-8",
        errors="backslashreplace",
        line_buffering=True,
        write_through=is_unbuffered,
    )


def _load_everything() -> None:
    """Import all that a command may need, and keep the collector off it."""
    gc.disable()  # modules are no garbage; looking through them is a fifth of it all
    for module in pkgutil.walk_packages(tokenless.__path__, "tokenless."):
        if not module.name.endswith(_NOT_BEFORE):
            with suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    gc.enable()


def _end(status: int) -> None:
    """End as Python does, but without taking hundreds of modules down."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end by it, and so this
    asked = socket.socket(fileno=int(sys.argv[1]))
    _load_everything()
    quick_passwords.make_quick()
    quick_keys.make_quick(Path(sys.argv[3]))
    shells = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    shells.bind(sys.argv[2])
    shells.listen()
    asked.send(b"ready")
    serve(asked, shells)
    try:
        runpy.run_module("tokenless", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        if not isinstance(stop.code, int | None):
            raise
        _end(stop.code or 0)
