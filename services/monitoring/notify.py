"""Notify systemd: sd_notify(3), over the socket of NOTIFY_SOCKET.

Where there is no such variable, nothing happens. A message that cannot be delivered is
no reason to stop serving phones, so it is logged and forgotten.
"""

import os
import socket
import time
from typing import Final

import trio

from tokenless.services.logs import get_logger

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE: Final = "WATCHDOG_USEC"
_SIGNS_A_PERIOD: Final = 2
_ABSTRACT: Final = "@"


def tell_ready(status: str) -> None:
    """Say that the service serves."""
    _tell("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")


def tell_reloading() -> None:
    """Say that the configuration is being read again; `tell_ready` ends it."""
    _tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def tell_stopping() -> None:
    """Tell systemd that running work is being ended."""
    _tell("STOPPING=1", "STATUS=letting transfers end")


async def show_life() -> None:
    """Give signs of life from this event loop, as often as `WatchdogSec=` asks."""
    microseconds = os.environ.get(WATCHDOG_VARIABLE, "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return
    period_s = int(microseconds) / 1_000_000
    while True:
        _tell("WATCHDOG=1")
        await trio.sleep(period_s / _SIGNS_A_PERIOD)


def _tell(*assignments: str) -> None:
    address = os.environ.get(SOCKET_VARIABLE)
    if not address:
        return
    if address.startswith(_ABSTRACT):
        address = "\0" + address.removeprefix(_ABSTRACT)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        get_logger().warning("systemd was not told", reason=str(error))
