"""The lab's nodes in a test's process: their configuration, their administrator."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tokenless.services.node.control.requests import Request

LAB: Final = Path(__file__).parents[2] / "configs/lab.toml"
FREE_PORTS: Final[dict[str, Any]] = {
    "tftp": {"port": 0},
    "tvs": {"port": 0},
    "callmanager": {
        "sccp_port": 0,
        "sccps_port": 0,
        "sip_port": 0,
        "sips_port": 0,
    },
}

Ask = Callable[[Request], Awaitable[dict[str, Any]]]
"""Asks a node's server over its control socket."""
