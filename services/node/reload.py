"""SIGHUP: the configuration and the certificates are read again, phones stay connected.

What is bound to a socket or to a process stays as it is until a restart, and the log
names it. A configuration that cannot be used changes nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trio

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.errors import ConfigurationError, ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.node.runtime import NodeRuntime
from tokenless.services.node.serve import Serving

_AT_ONCE: Final = frozenset(
    [
        "tftp.reload",
        "tftp.max_transfers",
        "tftp.max_transfers_per_address",
        "tftp.allow",
        "tftp.log_lines_per_s",
        "tftp.max_block_size",
        "tftp.max_window",
        "tftp.timeout_s",
        "http.connections",
        "http.connections_per_address",
        "http.request_s",
        "http.idle_s",
        "http.log_lines_per_s",
        "http.missing_ctl",
        "callmanager.max_devices",
        "callmanager.connections",
        "callmanager.connections_per_address",
        "callmanager.handshakes_per_address",
        "callmanager.handshakes_per_address_s",
        "tvs.connections",
        "tvs.connections_per_address",
        "tvs.handshakes_per_address",
        "tvs.handshakes_per_address_s",
        "tvs.log_lines_per_s",
        "tvs.first_byte_s",
        "tvs.handshake_s",
        "tvs.request_s",
        "tvs.idle_s",
    ]
)


async def reload(cluster: Cluster, serving: Serving, path: Path | None) -> None:
    """Take settings and certificates anew; what fails is logged, and nothing ends.

    Args:
        cluster: The cluster that is served.
        serving: What serves it.
        path: Its configuration; None when only certificates can have changed.
    """
    try:
        changed = await _take_settings(cluster, path)
    except ServiceError as error:
        get_logger().error("configuration not reloaded", reason=error.explain())
        return
    for runtime in serving.runtimes:
        await _reload_node(runtime)
    get_logger().info("reloaded", changed=changed)
    if waiting := [name for name in changed if name not in _AT_ONCE]:
        get_logger().warning("these settings wait for a restart", settings=waiting)


async def _reload_node(runtime: NodeRuntime) -> None:
    try:
        await runtime.reload()
    except ServiceError as error:
        get_logger(node=runtime.node.name).error(
            "certificate not reloaded", reason=error.explain()
        )


async def _take_settings(cluster: Cluster, path: Path | None) -> list[str]:
    """Return the names of the settings that have changed."""
    if path is None:
        return []
    config = await trio.to_thread.run_sync(load_config, path)
    if config.cluster.name != cluster.config.cluster.name:
        raise ConfigurationError(f"{path} describes another cluster")
    changed = list(_differences(cluster.config, config))
    cluster.take_settings(config)
    return changed


def _differences(old: ClusterConfig, new: ClusterConfig) -> Iterator[str]:
    sections = {
        "tftp": (old.tftp, new.tftp),
        "http": (old.http, new.http),
        "tvs": (old.tvs, new.tvs),
        "callmanager": (old.callmanager, new.callmanager),
    }
    for section, (before, after) in sections.items():
        for name in before.__struct_fields__:
            if getattr(before, name) != getattr(after, name):
                yield f"{section}.{name}"
    if old.metrics != new.metrics:
        yield "metrics"
