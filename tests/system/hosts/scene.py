"""The hosts of a site: database, publisher, subscriber, administrator, two offices.

    10.48.47.150  the database              10.48.47.10   the administrator
    10.48.47.155  the publisher             10.48.47.201  phones of the office
    10.48.47.156  the subscriber            10.48.47.202  phones of the branch

The nodes have the addresses of the vendor's document, and the real ports: 69, 2445.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.rigs.postgresql import OWNER, PASSWORD, Place, Server, running_server
from tests.system.hosts.host import Host, NodeHost, PhonesHost, Sums, booted, finished
from tests.system.hosts.network import Namespace, Network, network
from tests.system.hosts.patience import wait_until
from tests.system.serving import LAB, PUBLISHER, SUBSCRIBER

DATABASE: Final = "tokenless"
ROLE: Final = "sub1"
ADDRESSES: Final = {
    "database": "10.48.47.150",
    "publisher": "10.48.47.155",
    "subscriber": "10.48.47.156",
    "admin": "10.48.47.10",
    "office": "10.48.47.201",
    "branch": "10.48.47.202",
}
OFFICE: Final = "001122000000"
BRANCH: Final = "001122100000"
_PORT: Final = 5432
_PASSWORD: Final = "--password", "what travels is sealed"


@dataclass
class Scene:
    """A cluster on its hosts, with its phones."""

    network: Network
    database: Server
    publisher: NodeHost
    subscriber: NodeHost
    administrator: Host
    office: PhonesHost
    """Phones that try the publisher first."""
    branch: PhonesHost
    """Phones that try the subscriber first."""
    agrees: bool = False
    """Whether all that is here has agreed, and nothing has happened since."""

    def begin(self) -> None:
        """Begin something new, whose lines of the logs are those from now on."""
        self.agrees = False  # also when the wait fails
        self.await_followed()
        for node in self.nodes:
            node.begin_log()

    @property
    def nodes(self) -> tuple[NodeHost, NodeHost]:
        """Both hosts that serve."""
        return self.publisher, self.subscriber

    @property
    def sites(self) -> tuple[PhonesHost, PhonesHost]:
        """Both hosts of phones."""
        return self.office, self.branch

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts but the database's."""
        return *self.nodes, self.administrator, *self.sites

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with self.database.superuser(DATABASE) as connection:
            return connection.execute(statement.encode()).fetchall()

    @property
    def newest_ctl(self) -> bytes:
        """The CTL that counts, as the database has it."""
        newest = "SELECT content FROM ctl_file ORDER BY revision DESC LIMIT 1"
        return bytes(self.query(newest)[0][0])

    def await_newer_ctl(self, old: bytes) -> None:
        """Wait until the database has another CTL than this."""
        wait_until(lambda: self.newest_ctl != old, "the new CTL is the cluster's")

    def serve(self) -> None:
        """Start both nodes and wait for them."""
        for node in self.nodes:
            node.serve()
        for node in self.nodes:
            node.await_serving()

    def await_followed(self) -> None:
        """Wait until both nodes have applied the cluster's revision."""
        behind = (
            "SELECT node_id FROM node_state, cluster "
            "WHERE applied_revision < cluster.revision"
        )
        wait_until(lambda: not self.query(behind), "both nodes follow the database")

    def restart_tftp(self) -> None:
        """Restart TFTP on both nodes, as the vendor's steps ask."""
        restarting = [
            node.type("utils service restart Cisco Tftp") for node in self.nodes
        ]
        for process in restarting:
            done = finished(process)
            assert done.returncode == 0, done.stderr

    def boot(self) -> list[dict[str, Any]]:
        """Switch all phones of both sites off and on."""
        booting = [site.start_boot() for site in self.sites]
        return [booted(process) for process in booting]

    def sums(self) -> dict[str, Sums]:
        """Return what both nodes' shells show, by the nodes' addresses."""
        return {node.address: node.sums() for node in self.nodes}


@contextmanager
def scene(
    folder: Path,
    *,
    database: Path | None = None,
    delays_s: Mapping[str, float] | None = None,
) -> Iterator[Scene]:
    """Make the hosts; all that runs on them ends with the block.

    Args:
        folder: Where they keep their data.
        database: What the database's server begins with; a new cluster when None.
        delays_s: How long each frame takes to a host, and as long from it.
    """
    with ExitStack() as stack:
        made = stack.enter_context(network())
        stacks = {
            name: made.add(name, address, delay_s=(delays_s or {}).get(name, 0.0))
            for name, address in ADDRESSES.items()
        }
        place = Place(ADDRESSES["database"], _PORT, stacks["database"].enter)
        server = stack.enter_context(running_server(place, copy_of=database))

        set_up = _set_up(made, server, stacks, folder)
        for host in set_up.hosts:
            stack.callback(host.kill)
        yield set_up


def _set_up(
    made: Network, server: Server, stacks: Mapping[str, Namespace], folder: Path
) -> Scene:
    def where(name: str) -> tuple[str, str, Namespace, Path]:
        (folder / name).mkdir(exist_ok=True)
        return name, ADDRESSES[name], stacks[name], folder / name

    def urls(role: str) -> dict[str, str]:
        return {"TOKENLESS_DATABASE_URL": server.url(DATABASE, role)}

    pub, sub = ADDRESSES["publisher"], ADDRESSES["subscriber"]
    return Scene(
        made,
        server,
        NodeHost(*where("publisher"), node=PUBLISHER, variables=urls(OWNER)),
        NodeHost(*where("subscriber"), node=SUBSCRIBER, variables=urls(ROLE)),
        Host(*where("admin")),
        PhonesHost(*where("office"), first_mac=OFFICE, servers=(pub, sub)),
        PhonesHost(*where("branch"), first_mac=BRANCH, servers=(sub, pub)),
    )


def found_cluster(scene: Scene) -> None:
    """Make the cluster, as `docs/operations-database.md` says."""
    scene.database.create_role(ROLE, PASSWORD)
    scene.database.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    configuration = LAB.read_text().replace("127.0.47.", "10.48.47.")
    configuration = configuration.replace("port = 6969", "port = 69")
    for node in scene.nodes:
        (node.folder / "lab.toml").write_text(configuration)
    scene.publisher.do("init")
    scene.publisher.do("node", "grant", SUBSCRIBER, "--role", ROLE)
    hand_over(scene)


def hand_over(scene: Scene) -> None:
    """Bring the subscriber's node, or its new keys, to its host."""
    file = scene.publisher.folder / "sub1.node"
    scene.publisher.do("node", "export", SUBSCRIBER, "--output", str(file), *_PASSWORD)
    shutil.move(file, scene.subscriber.folder / file.name)
    scene.subscriber.do("node", "import", file.name, *_PASSWORD)
