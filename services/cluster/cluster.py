"""An open cluster: its database and its nodes' folders."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import Connection

from tokenless.ground.json_input import decode_json
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.cluster.data_folder import CONFIG_FILE, no_cluster_in
from tokenless.services.cluster.identity import check_identity
from tokenless.services.cluster.initialise import initialise
from tokenless.services.cluster.installation import Installation, Node
from tokenless.services.config import (
    ClusterConfig,
    check_tables,
    host_tables,
    load_config,
)
from tokenless.services.errors import ConfigurationError, ServiceError
from tokenless.services.store import nodes as node_rows
from tokenless.services.store.database import Database
from tokenless.services.store.devices import Device, read_devices
from tokenless.services.store.nodes import NodeRow
from tokenless.services.store.parameters import (
    MIXED,
    Parameter,
    TlsCiphers,
    read_parameter,
    read_parameters,
)

__all__ = ["Cluster", "Node"]


class Cluster:
    """An open cluster. Nodes and parameters are read again each time."""

    def __init__(self, installation: Installation, store: Database) -> None:
        self.installation = installation
        self.store = store

    @classmethod
    def open(
        cls,
        data: Path,
        config: Path | ClusterConfig | None = None,
        *,
        database_url: str | None = None,
        clock: Callable[[], float] = time.time,
        makes: bool = True,
    ) -> Self:
        """Open a data folder; make it first when it does not exist.

        Args:
            data: The folder.
            config: Where a new cluster's description comes from; for an existing one,
                how its services run. None: `configs/lab.toml`, or what the folder was
                made from.
            database_url: Where the database is, whatever the configuration says.
            clock: Tells the time.
            makes: Whether a folder that does not exist is made.

        Raises:
            ConfigurationError: When the configuration cannot be used, or describes
                another cluster.
            ServiceError: When the folder holds something else, cannot be read, or does
                not exist and may not be made.
        """
        if isinstance(config, Path):
            config = load_config(config)
        if not (data / CONFIG_FILE).exists():
            if not makes:
                raise no_cluster_in(data)
            _make(data, config, database_url, clock)
        return cls._open_existing(data, config, database_url, clock)

    @classmethod
    def create(
        cls, data: Path, config: Path | None = None, *, database_url: str | None = None
    ) -> Self:
        """Make a data folder that does not exist, and open it; arguments as `open`.

        Raises:
            ConfigurationError, ServiceError: As `open`, and when it exists already,
                though another process made it only now.
        """
        described = None if config is None else load_config(config)
        is_there = (data / CONFIG_FILE).exists()
        if is_there or not _make(data, described, database_url, time.time):
            raise ServiceError(
                f"{data} holds a cluster already",
                hint="name another folder with --data",
            )
        return cls._open_existing(data, described, database_url, time.time)

    @classmethod
    def _open_existing(
        cls,
        data: Path,
        config: ClusterConfig | None,
        database_url: str | None,
        clock: Callable[[], float],
    ) -> Self:
        made_from = load_saved(data / CONFIG_FILE)
        if config is None:
            config = made_from
        elif config.cluster.name != made_from.cluster.name:
            raise ConfigurationError(
                f"{data} holds cluster {made_from.cluster.name!r}, the configuration "
                f"describes {config.cluster.name!r}",
                hint="name another folder with --data",
            )
        url = database_url or config.database.url or made_from.database.url
        installation = Installation(data, _at(config, url), clock)
        store = Database(
            installation.database_url,
            busy_timeout_s=config.database.busy_timeout_s,
            clock=clock,
        )
        try:
            store.check(config.cluster.name)
            check_identity(store, data, config.cluster.name)
        except BaseException:
            store.close()
            raise
        return cls(installation, store)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, the publisher first."""
        with self.store.read() as connection:
            rows = node_rows.read_nodes(connection)
        return tuple(map(self.node_of, rows))

    @property
    def publisher(self) -> Node:
        """The node that administers the cluster."""
        return self.nodes[0]

    def node(self, name: str | None) -> Node:
        """Return a node by its name; the publisher for None.

        Raises:
            ServiceError: When the cluster has none of this name.
        """
        if name is None:
            return self.publisher
        nodes = self.nodes
        for node in nodes:
            if node.name.lower() == name.lower():
                return node
        raise ServiceError(
            f"there is no node {name}",
            hint=f"nodes: {', '.join(node.name for node in nodes)}",
        )

    def node_of(self, row: NodeRow) -> Node:
        """Return a node's row with its places on the disk."""
        return self.installation.node_of(row)

    @property
    def data(self) -> Path:
        """The folder of all that is stored."""
        return self.installation.data

    @property
    def config(self) -> ClusterConfig:
        """Configuration of the services; the cluster itself is in the database."""
        return self.installation.config

    @property
    def clock(self) -> Callable[[], float]:
        """Tells the time, Unix seconds."""
        return self.installation.clock

    @property
    def tokens_folder(self) -> Path:
        """Folder of this cluster's security tokens."""
        return self.data / "tokens"

    @property
    def version(self) -> str:
        """The release that the cluster behaves as, as text."""
        with self.store.read() as connection:
            return read_parameter(connection, Parameter.VERSION)

    @property
    def release(self) -> Release:
        """The release that the cluster behaves as."""
        return Release.parse(self.version)

    @property
    def is_mixed(self) -> bool:
        """Return whether ClusterSecurityMode is 1."""
        with self.store.read() as connection:
            mode = read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE)
        return mode == MIXED

    @property
    def tls_ciphers(self) -> TlsCiphers:
        """The cipher suites of Cisco CallManager's TLS ports (REFERENCE-5 4.1)."""
        with self.store.read() as connection:
            return TlsCiphers(read_parameter(connection, Parameter.TLS_CIPHERS))

    @property
    def phone_interaction(self) -> PhoneInteraction:
        """Return the setting for resets of phones after a change (REFERENCE-2 3.4)."""
        with self.store.read() as connection:
            release = Release.parse(read_parameter(connection, Parameter.VERSION))
            value = read_parameter(connection, Parameter.PHONE_INTERACTION)
        if not release.has_phone_interaction:
            return PhoneInteraction.MANUAL
        return PhoneInteraction(value)

    def parameters(self) -> dict[str, str]:
        """Return all parameters by name."""
        with self.store.read() as connection:
            return read_parameters(connection)

    def devices(self) -> list[Device]:
        """Return the phones that are configured by hand."""
        with self.store.read() as connection:
            return read_devices(connection)

    def record_ports(self, ports: Mapping[str, Mapping[str, int]]) -> None:
        """Record the ports that nodes' services have, in one transaction.

        Phone configurations name them. Nothing is written when nothing differs. It is
        a change of the cluster, except on a host that may only follow it.

        Args:
            ports: By node name; the inner keys are `tftp`, `tvs`, `sccp` and so on.
        """
        changed = {
            name: dict(inner)
            for name, inner in ports.items()
            if not _has_ports(self.node(name), inner)
        }
        if not changed:
            return
        with self._recording(changed) as connection:
            for row in node_rows.read_nodes(connection):
                if row.name in changed:
                    node_rows.write_ports(connection, row.id, changed[row.name])

    @contextmanager
    def _recording(
        self, ports: Mapping[str, Mapping[str, int]]
    ) -> Iterator[Connection]:
        if not self.store.may_change:
            with self.store.write_node_state() as connection:
                yield connection
            return
        detail = "; ".join(
            f"{name}: " + ", ".join(f"{each} {port}" for each, port in inner.items())
            for name, inner in ports.items()
        )
        with self.store.change("record ports", detail, by="serve") as change:
            yield change.connection

    def listening_address(self, node: Node) -> str:
        """Return where a node's services listen; phones are told `node.address`."""
        return self.config.listen.address or node.address

    def take_settings(self, config: ClusterConfig) -> None:
        """Run the services as a configuration says that was read again."""
        tables = {name: getattr(config, name) for name in host_tables()}
        tables["database"] = self.config.database  # it is open
        settings = msgspec.structs.replace(self.config, **tables)
        self.installation = replace(self.installation, config=settings)

    def close(self) -> None:
        """Give back the database."""
        self.store.close()


def _at(config: ClusterConfig, url: str | None) -> ClusterConfig:
    """Return a configuration whose database is at `url`, if that is given."""
    if url is None:
        return config
    database = msgspec.structs.replace(config.database, url=url)
    return msgspec.structs.replace(config, database=database)


def _has_ports(node: Node, ports: Mapping[str, int]) -> bool:
    known = {**node.ports, "tftp": node.tftp_port, "tvs": node.tvs_port}
    return all(known.get(service) == port for service, port in ports.items())


def load_saved(path: Path) -> ClusterConfig:
    """Load the configuration that a data folder keeps.

    Raises:
        ServiceError: When it is damaged.
        OSError: When it cannot be read.
    """
    try:
        tables = decode_json(path.read_bytes(), dict[str, Any])
    except msgspec.DecodeError as error:
        raise ServiceError(
            f"{path}: {error}", hint="restore the data folder from a backup"
        ) from None
    # Earlier versions wrote what nobody had set as null: it is left out, as in TOML.
    return check_tables(_without_nulls(tables), str(path))


def _without_nulls(tables: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in tables.items()
        if value is not None
    }


def _make(
    data: Path,
    config: ClusterConfig | None,
    database_url: str | None,
    clock: Callable[[], float],
) -> bool:
    """Make a data folder; return whether no other process was faster."""
    described = load_config() if config is None else config
    return initialise(Installation(data, _at(described, database_url), clock))
