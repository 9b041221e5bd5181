"""Configurations of lab clusters: any of a user's, on ports that are free now."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tokenless.ground.files import SHIPPED_CONFIGS
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port
from tokenless.services.config import ClusterConfig, load_config

LabConfig = Path | Mapping[str, Any] | None
"""A TOML file; tables that are laid over the lab's; None for the lab as it is."""

_LAB: Final = SHIPPED_CONFIGS / "lab.toml"
_FIRST_HOST: Final = 155
_MOST_MEMBERS: Final = 5
_CALLMANAGER: Final = ("sccp", "sccps", "sip", "sips", "link")


def lab_config(source: LabConfig = None) -> ClusterConfig:
    """Return a configuration whose ports nobody uses.

    A subscriber or publisher in `nodes` needs no address, and a cluster with other
    nodes than the lab's needs no groups: those that are missing are made up.

    Args:
        source: A file, or tables over the lab's:
            `{"cluster": {"version": "14"}, "certificates": {"key_size": 2048}}`.

    Raises:
        ConfigurationError: When it cannot be used; names the key.
        PhoneError: When no ports are free.
    """
    path, tables = (source, {}) if isinstance(source, Path) else (_LAB, source or {})
    if "nodes" in tables:
        tables = _completed(tables)
    addresses = [node.address for node in load_config(path, tables).nodes]
    return load_config(path, _over(tables, _free_ports(addresses)))


def ports_of(config: ClusterConfig) -> dict[str, dict[str, int]]:
    """Return the port of every service of every node, as `serve` announces them."""
    manager = config.callmanager
    everywhere = {
        "tftp": config.tftp.port,
        "tvs": config.tvs.port,
        "sccp": manager.sccp_port,
        "sccps": manager.sccps_port,
        "sip": manager.sip_port,
        "sips": manager.sips_port,
        "link": manager.link_port_or_default,
    }
    if config.http.enabled and config.http.port and config.http.tls_port:
        everywhere |= {"http": config.http.port, "https": config.http.tls_port}
    capf = {"capf": config.capf_port} if config.capf.enabled else {}
    return {
        node.name: everywhere | (capf if node.publisher else {})
        for node in config.nodes
    }


def _free_ports(addresses: Sequence[str]) -> dict[str, dict[str, int]]:
    def free() -> int:
        return free_port(addresses, socket.SOCK_DGRAM, socket.SOCK_STREAM)

    return {
        "tftp": {"port": free()},
        "http": {"port": free(), "tls_port": free()},
        "tvs": {"port": free()},
        "capf": {"port": free()},
        "callmanager": {f"{name}_port": free() for name in _CALLMANAGER},
    }


def _completed(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Add the addresses and the group that nodes need and the tables leave out."""
    nodes = [
        {"address": f"127.0.47.{_FIRST_HOST + number}", **node}
        for number, node in enumerate(tables["nodes"])
    ]
    registering = [
        node["name"]
        for node in nodes
        if "callmanager" in node.get("roles", ("callmanager",))
    ]
    usual = {
        "callmanager_groups": [
            {"name": "Lab-CMG", "members": registering[:_MOST_MEMBERS]}
        ],
    }
    return {**usual, **tables, "nodes": nodes}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    return {**below, **{k: {**below.get(k, {}), **v} for k, v in above.items()}}
