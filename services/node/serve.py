"""Serving nodes of a cluster in one process.

All sockets of all nodes are bound first; then the ports that they really have are
recorded in the database, because phone configurations name them; then files are made
and the services begin to answer.

SIGHUP reloads configuration and certificates; phones stay connected. What is bound to a
socket or to a process stays as it is until a restart, and the log names it. A
configuration that cannot be used changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
import trio

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.config.sections import host_tables, settings_at_once
from tokenless.services.errors import ConfigurationError, ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.monitoring.health import Health
from tokenless.services.node.control.unix_socket import serve_lock
from tokenless.services.node.database_thread import in_thread
from tokenless.services.node.follow_up import Pace
from tokenless.services.node.runtime import Listening, NodeRuntime, Reload, ServiceKind

_DRAIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Serving:
    """Nodes that are being served."""

    runtimes: tuple[NodeRuntime, ...]

    @property
    def listening(self) -> list[Listening]:
        """Every socket that phones can reach."""
        return [each for runtime in self.runtimes for each in runtime.listening]

    @property
    def ports(self) -> dict[str, dict[str, int]]:
        """The ports on which the services listen, by node and service."""
        ports: dict[str, dict[str, int]] = {}
        for each in self.listening:
            ports.setdefault(each.node, {})[each.service] = each.port
        return ports

    def health(self) -> Health:
        """Return how the process is now."""
        return Health.of(runtime.health for runtime in self.runtimes)

    async def drain(self) -> None:
        """Let running work end, for a while; nothing new begins."""
        async with trio.open_nursery() as nursery:
            for runtime in self.runtimes:
                nursery.start_soon(runtime.drain, _DRAIN_S)


async def serve_nodes(
    cluster: Cluster,
    names: Sequence[str] = (),
    kinds: frozenset[ServiceKind] = frozenset(ServiceKind),
    *,
    pace: Pace | None = None,
    task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve nodes until cancelled; reports started when every service answers.

    Args:
        cluster: The cluster, opened.
        names: The nodes; all of this host when empty.
        kinds: The services.
        pace: Delays the consequences of changed certificates; None: no delay.
        task_status: Is given what is being served.

    Raises:
        ServiceError: When a node is served already or elsewhere, or a socket cannot
            be had.
    """
    nodes = _choose(cluster, names)
    with _locks(nodes):
        async with trio.open_nursery() as nursery:
            serving = Serving(
                tuple(
                    NodeRuntime(cluster, node, kinds, nursery, pace) for node in nodes
                )
            )
            try:
                await _start(cluster, serving, nursery)
            except BaseException:
                for runtime in serving.runtimes:
                    runtime.close()
                raise
            task_status.started(serving)


def _choose(cluster: Cluster, names: Sequence[str]) -> list[Node]:
    nodes = [cluster.node(name) for name in names]
    for node in nodes:
        if not node.is_here:
            raise ServiceError(
                f"{node.name} is not on this host",
                hint="serve it on the host to which `tokenless node import` moved it",
            )
    chosen = nodes or [node for node in cluster.nodes if node.is_here]
    if not chosen:
        raise ServiceError(
            "this host has no node of the cluster",
            hint="import one with `tokenless node import`",
        )
    return chosen


async def _start(cluster: Cluster, serving: Serving, nursery: trio.Nursery) -> None:
    for runtime in serving.runtimes:
        await runtime.bind()
    told = {node: _told(cluster, ports) for node, ports in serving.ports.items()}
    await in_thread(cluster, cluster.record_ports, told)
    for runtime in serving.runtimes:
        await runtime.start(nursery)


def _told(cluster: Cluster, ports: Mapping[str, int]) -> dict[str, int]:
    """Return the ports that phones are told."""
    instead = cluster.config.advertise
    return {name: getattr(instead, name, None) or ports[name] for name in ports}


@contextmanager
def _locks(nodes: Sequence[Node]) -> Iterator[None]:
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(serve_lock(node.name, node.control_socket))
        yield


async def reload(
    cluster: Cluster,
    serving: Serving,
    path: Path | None,
    others: Mapping[str, Reload] = MappingProxyType({}),
) -> list[str]:
    """Reload settings and certificates; failures are logged, connections stay.

    Args:
        cluster: The cluster that is served.
        serving: What serves it.
        path: Its configuration; None when only certificates can have changed.
        others: For other servers: the console, by the name of the node whose
            certificate it renews.

    Returns:
        What goes on as it was, because it could not be reloaded.
    """
    try:
        changed = await _take_settings(cluster, path)
    except ServiceError as error:
        get_logger().error("configuration not reloaded", reason=error.explain())
        return ["configuration"]
    log = get_logger()
    failed = [
        f"{service} of {node}"
        for node, service, reload_it in _reloads(serving, others)
        if not await _reload_one(node, service, reload_it)
    ]
    if failed:
        log.error("reloaded in part", changed=changed, not_reloaded=failed)
    else:
        log.info("reloaded", changed=changed)
    if waiting := [name for name in changed if name not in settings_at_once()]:
        log.warning("these settings apply after a restart", settings=waiting)
    return failed


def _reloads(
    serving: Serving, others: Mapping[str, Reload]
) -> Iterator[tuple[str, str, Reload]]:
    """Give what reloads each server, with its node and its name."""
    for runtime in serving.runtimes:
        for service, reload_it in runtime.reloads.items():
            yield runtime.node.name, service, reload_it
    for node, reload_it in others.items():
        yield node, "console", reload_it


async def _reload_one(node: str, service: str, reload_it: Reload) -> bool:
    """Reload a server; return whether that could be done, and log it when not."""
    try:
        await reload_it()
    except (ServiceError, OSError) as error:
        reason = error.explain() if isinstance(error, ServiceError) else str(error)
        get_logger(node=node).error("not reloaded", service=service, reason=reason)
        return False
    return True


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
