"""A cluster's stored state, opened: its database and its nodes' folders.

DATA/cluster.json            the configuration it was made from
DATA/cluster.db              the database (SQLite, unless configured otherwise)
DATA/nodes/NODE/keys/        private keys, 0600
DATA/nodes/NODE/tftp/        CTLFile.tlv, ITLFile.tlv, static files
DATA/tokens/                 security tokens
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from services.config import ClusterConfig, load_config
from services.errors import ConfigurationError, ServiceError
from services.pki.keys import KeyFolder
from services.release import Release
from services.store import nodes as node_rows
from services.store.database import Database
from services.store.devices import Device, read_devices
from services.store.nodes import NodeRow
from services.store.parameters import Parameter, read_parameter, read_parameters

DATABASE_FILE: Final = "cluster.db"
CONFIG_FILE: Final = "cluster.json"


@dataclass(frozen=True, slots=True)
class Node:
    """One server of the cluster, and where its files lie."""

    id: int
    name: str
    address: str
    is_publisher: bool
    folder: Path
    tftp_port: int | None
    """The port that its TFTP service really has, once it was served."""
    tvs_port: int | None

    @property
    def tftp_folder(self) -> Path:
        """What TFTP serves: trust lists and static files."""
        return self.folder / "tftp"

    @property
    def keys_folder(self) -> Path:
        """The node's private keys."""
        return self.folder / "keys"

    @property
    def ctl_file(self) -> Path:
        """The node's copy of the CTL."""
        return self.tftp_folder / "CTLFile.tlv"

    @property
    def itl_file(self) -> Path:
        """The node's ITL."""
        return self.tftp_folder / "ITLFile.tlv"

    @property
    def control_socket(self) -> Path:
        """Where the node's server takes requests of administrators."""
        return self.folder / "control.sock"

    @property
    def keys(self) -> KeyFolder:
        """The node's private keys, to sign with."""
        return KeyFolder(self.keys_folder)


class Cluster:
    """A cluster, opened. Nodes and parameters are read anew each time."""

    def __init__(
        self,
        data: Path,
        config: ClusterConfig,
        store: Database,
        clock: Callable[[], float],
    ) -> None:
        self.data = data
        self.config = config
        """What `[tftp]` and `[tvs]` say; the cluster itself is in the database."""
        self.store = store
        self.clock = clock

    @classmethod
    def open(
        cls,
        data: Path,
        config: Path | ClusterConfig | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open a data folder; make it first when it does not exist.

        Args:
            data: The folder.
            config: Where a new cluster's description comes from; for an existing one,
                how its services run. None: `configs/lab.toml`, or what the folder was
                made from.
            clock: Tells the time.

        Raises:
            ConfigurationError: When the configuration cannot be used, or describes
                another cluster.
            ServiceError: When the folder holds something else, or cannot be read.
        """
        if isinstance(config, Path):
            config = load_config(config)
        if not (data / CONFIG_FILE).exists():
            from services.cluster.initialise import initialise  # noqa: PLC0415

            initialise(data, load_config() if config is None else config, clock)
        return cls._open_existing(data, config, clock)

    @classmethod
    def _open_existing(
        cls, data: Path, config: ClusterConfig | None, clock: Callable[[], float]
    ) -> Self:
        made_from = _load_saved(data / CONFIG_FILE)
        if config is None:
            config = made_from
        elif config.cluster.name != made_from.cluster.name:
            raise ConfigurationError(
                f"{data} holds cluster {made_from.cluster.name!r}, the configuration "
                f"describes {config.cluster.name!r}",
                hint="name another folder with --data",
            )
        store = Database(
            database_url(data, made_from),
            busy_timeout_s=config.database.busy_timeout_s,
            clock=clock,
        )
        try:
            store.check()
        except BaseException:
            store.close()
            raise
        return cls(data, config, store, clock)

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

    def node(self, name: str) -> Node:
        """Return a node by its name.

        Raises:
            ServiceError: When the cluster has none of this name.
        """
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
        return Node(
            id=row.id,
            name=row.name,
            address=row.address,
            is_publisher=row.is_publisher,
            folder=self.data / "nodes" / row.folder,
            tftp_port=row.tftp_port,
            tvs_port=row.tvs_port,
        )

    @property
    def tokens_folder(self) -> Path:
        """Where security tokens of this cluster are kept."""
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
        """Whether ClusterSecurityMode is 1."""
        with self.store.read() as connection:
            mode = read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE)
        return mode == "1"

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

        Phone configurations name them. Nothing is written when nothing differs.

        Args:
            ports: By node name; the inner keys are `tftp` and `tvs`.
        """
        changed = {
            name: dict(inner)
            for name, inner in ports.items()
            if not _has_ports(self.node(name), inner)
        }
        if not changed:
            return
        detail = ", ".join(f"{name} {inner}" for name, inner in changed.items())
        with self.store.change("record ports", detail, by="serve") as change:
            for row in node_rows.read_nodes(change.connection):
                if row.name in changed:
                    node_rows.write_ports(change.connection, row.id, changed[row.name])

    def close(self) -> None:
        """Give back the database."""
        self.store.close()


def database_url(data: Path, config: ClusterConfig) -> str:
    """Return where the cluster's database is."""
    return config.database.url or f"sqlite:///{data.resolve() / DATABASE_FILE}"


def _has_ports(node: Node, ports: Mapping[str, int]) -> bool:
    known = {"tftp": node.tftp_port, "tvs": node.tvs_port}
    return all(known[service] == port for service, port in ports.items())


def _load_saved(path: Path) -> ClusterConfig:
    try:
        tables = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(
            f"{path}: {error}", hint="restore the data folder from a backup"
        ) from None
    return ClusterConfig.from_tables(tables, str(path))


def names_of(nodes: Iterable[Node]) -> str:
    """Return nodes' names for a sentence."""
    return ", ".join(node.name for node in nodes)
