"""SIGHUP: reload the configuration and certificates; phones stay connected.

What is bound to a socket or to a process stays as it is until a restart, and the log
names it. A configuration that cannot be used changes nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import trio

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.config.sections import host_tables, settings_at_once
from tokenless.services.errors import ConfigurationError, ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.node.runtime import NodeRuntime
from tokenless.services.node.serve import Serving


async def reload(cluster: Cluster, serving: Serving, path: Path | None) -> None:
    """Reload settings and certificates; failures are logged, connections stay.

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
    if waiting := [name for name in changed if name not in settings_at_once()]:
        get_logger().warning("these settings apply after a restart", settings=waiting)


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
    # Its URL may come from a flag or the environment, which are not read again.
    database = msgspec.structs.replace(config.database, url=cluster.config.database.url)
    config = msgspec.structs.replace(config, database=database)
    changed = list(_differences(cluster.config, config))
    cluster.take_settings(config)
    return changed


def _differences(old: ClusterConfig, new: ClusterConfig) -> Iterator[str]:
    """Give the names of this host's settings that differ; a table that came or went."""
    for table in host_tables():
        before, after = getattr(old, table), getattr(new, table)
        if before is None or after is None:
            if before != after:
                yield table
            continue
        for name in before.__struct_fields__:
            if getattr(before, name) != getattr(after, name):
                yield f"{table}.{name}"
