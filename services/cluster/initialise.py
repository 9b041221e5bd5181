"""Make a new cluster's data folder: whole, or not at all.

Everything is built in a temporary folder, which is then renamed. If two processes race,
the loser uses the winner's folder. A shared database commits right after the renaming:
a crash in between leaves a folder without a cluster, which says so and can be deleted,
and never a cluster whose keys are gone.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from tokenless.protocol.codes import TrustStore, units_of
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.cluster.installation import Installation, Node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import issue
from tokenless.services.config import ClusterConfig
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, made_beside, replace_file, sync_folder
from tokenless.services.pki.manufacturer import manufacturer_certificates
from tokenless.services.store import certificates, device_pools, devices, nodes
from tokenless.services.store.access.engine import without_password
from tokenless.services.store.database import Database
from tokenless.services.store.parameters import (
    FALSE,
    SHA1,
    TRUE,
    Parameter,
    add_parameter,
)


def initialise(installation: Installation) -> bool:
    """Make an installation's data folder from its configuration.

    Returns:
        Whether this call made it; False when another process was faster.

    Raises:
        ServiceError: When the folder holds something else already.
        OSError: When it cannot be written; nothing is left behind.
    """
    data = installation.data
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise ServiceError(
            f"{data} is not empty and holds no cluster",
            hint="name another folder with --data",
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        with made_beside(data) as (scratch, real):
            return _build(replace(installation, data=scratch / "data"), real)
    except ServiceError:
        # Another process may have made the folder, and the cluster, meanwhile.
        if not (data / CONFIG_FILE).exists():
            raise
        return False


def _move(scratch: Path, data: Path) -> bool:
    try:
        scratch.rename(data)
    except OSError:
        # Somebody else's folder has appeared meanwhile; if not, the reason counts.
        if not (data / CONFIG_FILE).exists():
            raise
        return False
    sync_folder(data.parent)
    return True


def _build(installation: Installation, target: Path) -> bool:
    installation.data.mkdir(mode=0o755)
    config = installation.config
    store = Database(installation.database_url, clock=installation.clock, founds=True)
    try:
        with store.create_cluster(config.cluster.name, by="setup") as change:
            for row in _add_rows(change.connection, config):
                _create_node_files(
                    installation,
                    change.connection,
                    installation.node_of(row),
                    change.at,
                )
            _share(installation, change.connection, change.at)
            trust_phones(installation, change.connection, change.at)
            save_config(installation)
            if store.is_shared:
                return _move(installation.data, target)
    finally:
        store.close()
    return _move(installation.data, target)


def trust_phones(installation: Installation, connection: Connection, at: int) -> None:
    """Trust the manufacturer's certificates of phones (REFERENCE-5 1.4).

    What a store has already stays as it is.

    Raises:
        ServiceError: When the manufacturer's files are damaged.
        OSError: When they cannot be read or written.
    """
    size = installation.config.certificates.key_size
    trusted = manufacturer_certificates(installation.manufacturer_folder, size)
    for certificate in trusted:
        certificates.trust_for_phones(connection, certificate, at=at)


def save_config(installation: Installation) -> None:
    """Keep what the folder was made from; never a database's password."""
    tables = msgspec.json.encode(saved_tables(installation.config))
    pretty = msgspec.json.format(tables, indent=2)
    replace_file(installation.data / CONFIG_FILE, pretty, mode=PRIVATE)


def saved_tables(config: ClusterConfig) -> dict[str, Any]:
    """Return a configuration as it may be kept and sent: without a password."""
    if (url := config.database.url) is not None:
        bare = msgspec.structs.replace(config.database, url=without_password(url))
        config = msgspec.structs.replace(config, database=bare)
    tables: dict[str, Any] = msgspec.to_builtins(config)
    return tables


def _add_rows(connection: Connection, config: ClusterConfig) -> list[nodes.NodeRow]:
    for name, value in _parameters(config).items():
        add_parameter(connection, name, value)
    ids = {
        node.name: nodes.add_node(
            connection,
            node.name,
            node.address,
            is_publisher=node.publisher,
            roles=node.activated,
        ).id
        for node in config.nodes
    }
    _add_devices(connection, config, ids)
    return nodes.read_nodes(connection)


def _add_devices(
    connection: Connection, config: ClusterConfig, ids: Mapping[str, int]
) -> None:
    """Add CallManager groups, device pools and devices; nodes are known by `ids`."""
    groups = {
        group.name: device_pools.add_group(
            connection, group.name, [ids[member] for member in group.members]
        )
        for group in config.callmanager_groups
    }
    clocks: dict[str | None, device_pools.Clock] = {None: device_pools.Clock()}
    for clock in config.date_time_groups:
        clocks[clock.name] = device_pools.Clock(clock.time_zone, clock.date_template)
    pools = {
        pool.name: device_pools.add_pool(
            connection,
            pool.name,
            groups[pool.callmanager_group],
            pool.model,
            is_default=pool.default,
            clock=clocks[pool.date_time_group],
        )
        for pool in config.device_pools
    }
    for each in config.devices:
        devices.add_device(
            connection,
            each.name,
            each.model,
            pools[each.device_pool],
            each.security_mode,
        )


def _parameters(config: ClusterConfig) -> dict[Parameter, str]:
    section = config.cluster
    return {
        Parameter.CLUSTER_SECURITY_MODE: "0",
        Parameter.VERSION: section.version,
        Parameter.ROLLBACK: FALSE,
        Parameter.EXPORT_CONTROLLED: (
            TRUE if section.export_controlled_functionality else FALSE
        ),
        Parameter.AUTO_REGISTRATION: TRUE if section.auto_registration else FALSE,
        Parameter.SIGNATURE_DIGEST: SHA1,
        Parameter.PHONE_INTERACTION: section.phone_interaction
        or PhoneInteraction.default_of(Release.parse(section.version)),
    }


def _create_node_files(
    installation: Installation, connection: Connection, node: Node, at: int
) -> None:
    """Give a node its folders, keys and first certificates."""
    node.tftp_folder.mkdir(parents=True)
    settings = installation.config.certificates
    release = Release.parse(installation.config.cluster.version)
    for store in units_of(is_publisher=node.is_publisher, release=release):
        if store not in settings.multi_server:
            issue(
                installation,
                connection,
                IssueRequest.usual(node, store, settings.key_size),
                at,
            )


def _share(installation: Installation, connection: Connection, at: int) -> None:
    """Make the multi-server certificates once every node has its folders."""
    settings = installation.config.certificates
    publisher = installation.node_of(nodes.read_nodes(connection)[0])
    release = Release.parse(installation.config.cluster.version)
    there = units_of(is_publisher=True, release=release)
    for name in dict.fromkeys(settings.multi_server):
        if (store := TrustStore(name)) in there:
            order = IssueRequest.usual(publisher, store, settings.key_size, shared=True)
            issue(installation, connection, order, at)
