"""A cluster of the lab for each test, in SQLite or on PostgreSQL.

Its keys are made once a run.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.rigs.clock import START, Clock
from tests.rigs.postgresql import Server
from tests.rigs.softhsm import initialise
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.handover import export_node, import_node
from tokenless.services.config import load_config
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, FileToken, create_token
from tokenless.services.store import nodes
from tokenless.services.store.access.roles import grant

LAB = Path(__file__).parents[2] / "configs/lab.toml"
SUBSCRIBER = "cucm-1051-a-sub1"
ROLE = "subscriber"
TRAVELS = "what travels is sealed"
"""The password of a node's file."""


def taken(cluster: Cluster) -> list[int]:
    """Return the revision of the CTL that each node has taken, 0 before the first."""
    with cluster.store.read() as connection:
        return [
            nodes.read_state(connection, row.id).ctl_revision
            for row in nodes.read_nodes(connection)
        ]


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder that nobody changes."""
    folder = tmp_path_factory.mktemp("lab") / "data"
    Cluster.open(folder, load_config(LAB), clock=Clock()).close()
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lab(lab_folder: Path, tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    """Return a cluster that the test may change."""
    data = tmp_path / "data"
    shutil.copytree(lab_folder, data)
    cluster = Cluster.open(data, clock=clock)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def shared_folder(
    postgresql: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return a data folder and its database, for copying."""
    postgresql.create_role(ROLE)
    folder = tmp_path_factory.mktemp("shared") / "data"
    name = postgresql.create_database()
    url = postgresql.url(name)
    Cluster.open(folder, load_config(LAB), database_url=url, clock=Clock()).close()
    return folder, name


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PKCS#11 module with tokens behind it."""
    return initialise(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def url(postgresql: Server, shared_folder: tuple[Path, str]) -> str:
    """Return a database of the test's own that holds the lab."""
    return postgresql.url(postgresql.create_database(shared_folder[1]))


@pytest.fixture
def shared(
    shared_folder: tuple[Path, str], url: str, tmp_path: Path, clock: Clock
) -> Iterator[Cluster]:
    """Return a cluster on PostgreSQL that the test may change."""
    data = tmp_path / "shared"
    shutil.copytree(shared_folder[0], data)
    cluster = Cluster.open(data, database_url=url, clock=clock)
    yield cluster
    cluster.close()


@pytest.fixture
def follower(shared: Cluster, postgresql: Server, tmp_path: Path) -> Iterator[Cluster]:
    """Return the cluster as the subscriber's host sees it, with its own role."""
    node = shared.node(SUBSCRIBER)
    with shared.store.change("grant", ROLE, by="test") as change:
        grant(change.connection, node.id, ROLE)
    url = postgresql.url(_database_of(shared), ROLE)
    content = export_node(shared, node, TRAVELS)
    cluster, _ = import_node(tmp_path / "elsewhere", content, TRAVELS, database_url=url)
    yield cluster
    cluster.close()


def _database_of(cluster: Cluster) -> str:
    with cluster.store.read() as connection:
        return str(connection.scalar(text("SELECT current_database()")))


@pytest.fixture(params=["lab", "shared"])
def either(request: pytest.FixtureRequest) -> Cluster:
    """Return a cluster in SQLite, then one on PostgreSQL."""
    cluster: Cluster = request.getfixturevalue(request.param)
    return cluster


@pytest.fixture
def tokens(lab: Cluster) -> list[FileToken]:
    """Return tokens of the lab that can sign: A, B and C."""
    made = [create_token(lab.tokens_folder, name, now=START) for name in "ABC"]
    for token in made:
        token.unlock(DEFAULT_PASSWORD)
    return made
