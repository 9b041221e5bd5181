"""Checks between parts of a configuration, beyond types and ranges."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address, ip_network
from typing import Any, NamedTuple

from tokenless.protocol.codes import NodeRole
from tokenless.protocol.phones.models import PHONE_MODELS, hint_for_unknown_models
from tokenless.protocol.release import Release
from tokenless.services.addresses import why_not_of_a_node
from tokenless.services.config.host_sections import Ports
from tokenless.services.config.sections import ClusterConfig
from tokenless.services.store.parameters import SHA1, SHA512


class ConfigFault(NamedTuple):
    """Something that cannot be used."""

    path: str
    reason: str
    hint: str


def check_references(config: ClusterConfig) -> Iterator[ConfigFault]:
    """Find contradictions: names that do not exist, nodes that are listed twice."""
    yield from _check_cluster(config)
    yield from _check_nodes(config)
    yield from _check_callmanager_groups(config)
    yield from _check_pools(config)
    yield from _check_devices(config)
    yield from _check_names(config)
    yield from _check_networks(config.tftp.allow)
    yield from _check_listening(config)


def _check_cluster(config: ClusterConfig) -> Iterator[ConfigFault]:
    try:
        release = Release.parse(config.cluster.version)
    except ValueError as error:
        yield ConfigFault("cluster.version", str(error), 'write it as "10.5(1)"')
        return
    if config.cluster.phone_interaction == "automatic" and (
        not release.has_phone_interaction
    ):
        yield ConfigFault(
            "cluster.phone_interaction",
            f"{config.cluster.version} cannot reset phones automatically",
            "leave it out: releases from 12.5 on can be automatic",
        )


def check_own_release(
    config: ClusterConfig, tables: Mapping[str, Any]
) -> Iterator[ConfigFault]:
    """Find what the release that a file names does not have.

    A file that names none leaves the cluster's as it is. What a data folder keeps is
    not judged: earlier versions took it, and it had no effect.

    Args:
        config: The file's configuration.
        tables: The same as it is written.
    """
    told = config.parameters.tftp_file_signature_algorithm
    if told != SHA512 or "version" not in tables.get("cluster", {}):
        return
    if not Release.parse(config.cluster.version).chooses_digest:
        yield ConfigFault(
            "parameters.tftp_file_signature_algorithm",
            f"{config.cluster.version} signs with {SHA1} only",
            f"leave it out, or write {SHA1}: releases from 12.0 on have a choice",
        )


def _check_nodes(config: ClusterConfig) -> Iterator[ConfigFault]:
    nodes = config.nodes
    if (publishers := sum(node.publisher for node in nodes)) != 1:
        yield ConfigFault(
            "nodes",
            f"{publishers} publishers",
            "exactly one node has publisher = true",
        )
    yield from _check_unique("nodes", "name", (node.name.lower() for node in nodes))
    yield from _check_unique("nodes", "address", (node.address for node in nodes))
    for number, node in enumerate(nodes):
        if (reason := why_not_of_a_node(node.address)) is not None:
            hint = "write it as 127.0.47.155; `[listen]` may have 0.0.0.0"
            yield ConfigFault(f"nodes[{number}].address", reason, hint)
    yield from _check_roles(config)


def _check_roles(config: ClusterConfig) -> Iterator[ConfigFault]:
    """Find clusters that serve no phone, and CAPF where phones do not look for it."""
    for number, node in enumerate(config.nodes):
        if NodeRole.CAPF in (node.roles or ()) and not node.publisher:
            yield ConfigFault(
                f"nodes[{number}].roles",
                f"{node.name} is not the publisher, where CAPF serves phones",
                "leave capf out",
            )
    for role in (NodeRole.TFTP, NodeRole.CALLMANAGER):
        if not any(role in node.activated for node in config.nodes):
            yield ConfigFault(
                "nodes", f"no node has the role {role}", "give it to one at least"
            )


def _check_callmanager_groups(config: ClusterConfig) -> Iterator[ConfigFault]:
    nodes = {node.name for node in config.nodes}
    calls = {n.name for n in config.nodes if NodeRole.CALLMANAGER in n.activated}
    for number, group in enumerate(config.callmanager_groups):
        path = f"callmanager_groups[{number}].members"
        for member in group.members:
            yield from _check_known(path, member, nodes, "node")
            if member in nodes - calls:
                yield ConfigFault(
                    path,
                    f"{member} does not process calls",
                    f"give it the role callmanager, or name {', '.join(sorted(calls))}",
                )


def _check_pools(config: ClusterConfig) -> Iterator[ConfigFault]:
    clocks = {group.name for group in config.date_time_groups}
    groups = {group.name for group in config.callmanager_groups}
    for number, pool in enumerate(config.device_pools):
        path = f"device_pools[{number}]"
        yield from _check_known(
            f"{path}.callmanager_group", pool.callmanager_group, groups, "group"
        )
        yield from _check_model(f"{path}.model", pool.model)
        if pool.date_time_group is not None:
            path = f"{path}.date_time_group"
            yield from _check_known(path, pool.date_time_group, clocks, "group")


def _check_devices(config: ClusterConfig) -> Iterator[ConfigFault]:
    pools = {pool.name for pool in config.device_pools}
    for number, device in enumerate(config.devices):
        path = f"devices[{number}]"
        yield from _check_known(
            f"{path}.device_pool", device.device_pool, pools, "pool"
        )
        yield from _check_model(f"{path}.model", device.model)


def _check_names(config: ClusterConfig) -> Iterator[ConfigFault]:
    yield from _check_unique("devices", "name", (each.name for each in config.devices))
    yield from _check_unique(
        "device_pools", "name", [p.name for p in config.device_pools]
    )
    yield from _check_unique(
        "date_time_groups", "name", [g.name for g in config.date_time_groups]
    )
    yield from _check_unique(
        "callmanager_groups", "name", [g.name for g in config.callmanager_groups]
    )
    if config.device_pools and sum(pool.default for pool in config.device_pools) != 1:
        yield ConfigFault(
            "device_pools",
            "there must be exactly one default pool",
            "set default = true in one pool",
        )


def _check_networks(networks: Iterable[str]) -> Iterator[ConfigFault]:
    for number, network in enumerate(networks):
        try:
            ip_network(network)
        except ValueError as error:
            yield ConfigFault(f"tftp.allow[{number}]", str(error), "write 10.0.0.0/8")


def _check_listening(config: ClusterConfig) -> Iterator[ConfigFault]:
    try:
        IPv4Address(config.listen.address or "0.0.0.0")  # noqa: S104 - only parsed
    except AddressValueError:
        yield ConfigFault(
            "listen.address",
            f"{config.listen.address!r} is not an IPv4 address",
            "write 0.0.0.0 for all addresses of this host",
        )
    told = config.advertise.tftp
    is_single = config.tftp.ports is Ports.SINGLE
    if told not in (None, config.tftp.port) and not is_single:
        yield ConfigFault(
            "advertise.tftp",
            "a published port carries no transfers from ports of their own",
            'set ports = "single" in [tftp]',
        )


def _check_known(
    path: str, name: str, known: Iterable[str], what: str
) -> Iterator[ConfigFault]:
    if name in known:
        return
    listed = ", ".join(known) or f"there is no {what}"
    meant = get_close_matches(name, known, 1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"known: {listed}"
    yield ConfigFault(path, f"there is no {what} {name!r}", hint)


def _check_model(path: str, name: str) -> Iterator[ConfigFault]:
    if name not in PHONE_MODELS:
        reason = f"there is no phone model {name!r}"
        yield ConfigFault(path, reason, hint_for_unknown_models(name))


def _check_unique(path: str, key: str, names: Iterable[str]) -> Iterator[ConfigFault]:
    for name, count in Counter(names).items():
        if count > 1:
            yield ConfigFault(
                path, f"{count} entries with {key} {name!r}", "change one"
            )
