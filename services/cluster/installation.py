"""The data folder of a cluster: its files and folders, its configuration, its clock.

DATA/cluster.json            the configuration it was made from
DATA/cluster.db              the database (SQLite, unless configured otherwise)
DATA/identity                the cluster's, where hosts share the database
DATA/nodes/NODE/keys/        private keys, 0600
DATA/nodes/NODE/elsewhere    there when another host serves the node
DATA/nodes/NODE/tftp/        CTLFile.tlv, ITLFile.tlv, static files
DATA/tokens/                 security tokens
DATA/manufacturer/           the emulated manufacturer of phones, unless shared
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.ground.files import followed
from tokenless.services.cluster.data_folder import ELSEWHERE, KEYS, is_node_here
from tokenless.services.config import ClusterConfig
from tokenless.services.pki.keys import KeyFolder
from tokenless.services.store.nodes import NodeFacts, NodeRow

DATABASE_FILE: Final = "cluster.db"


@dataclass(frozen=True, slots=True)
class Node(NodeFacts):
    """One server of the cluster, with the paths of its files."""

    folder: Path

    @property
    def is_here(self) -> bool:
        """Tell whether this host serves it: the keys are here, and not handed over."""
        return is_node_here(self.folder)

    @property
    def served_elsewhere_marker(self) -> Path:
        """The file that exists when another host serves the node."""
        return self.folder / ELSEWHERE

    @property
    def tftp_folder(self) -> Path:
        """The folder that TFTP serves: trust lists and static files."""
        return self.folder / "tftp"

    @property
    def keys_folder(self) -> Path:
        """The node's private keys."""
        return self.folder / KEYS

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
        """Control socket of the node's server."""
        return self.folder / "control.sock"

    @property
    def keys(self) -> KeyFolder:
        """The node's private keys, to sign with."""
        return KeyFolder(self.keys_folder)


@dataclass(frozen=True, slots=True)
class Installation:
    """A data folder with the configuration and the clock that its services use."""

    data: Path
    config: ClusterConfig
    clock: Callable[[], float]

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the cluster's database."""
        configured = self.config.database.url
        return configured or f"sqlite:///{followed(self.data) / DATABASE_FILE}"

    @property
    def manufacturer_folder(self) -> Path:
        """Folder of the emulated manufacturer of phones."""
        configured = self.config.cluster.manufacturer
        return Path(configured) if configured else self.data / "manufacturer"

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
            ports=row.ports,
            roles=row.roles,
            is_fips=row.is_fips,
        )
