"""Two clusters of one name: a folder is not opened with the other one's database."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.rigs.node_rig import LAB
from tests.rigs.postgresql import Server
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError

_FORGET = text("DELETE FROM processconfig WHERE paramname LIKE 'Tokenless%'")


@pytest.fixture
def other(postgresql: Server, tmp_path: Path) -> tuple[Path, str]:
    """Return the folder and the database of another cluster of the lab's name."""
    data, url = tmp_path / "other", postgresql.url(postgresql.create_database())
    Cluster.open(data, load_config(LAB), database_url=url).close()
    return data, url


def test_a_folder_and_the_database_of_another_cluster_are_refused(
    shared: Cluster, url: str, other: tuple[Path, str]
) -> None:
    for data, database in ((shared.data, other[1]), (other[0], url)):
        with pytest.raises(ServiceError, match="are of two clusters, both named 'lab'"):
            Cluster.open(data, database_url=database)
    for data, database in ((shared.data, url), other):
        Cluster.open(data, database_url=database).close()


def test_a_host_without_an_identity_takes_that_of_its_database(
    follower: Cluster, shared: Cluster, other: tuple[Path, str]
) -> None:
    assert (follower.data / "identity").read_text() == (
        shared.data / "identity"
    ).read_text()
    with pytest.raises(ServiceError, match="are of two clusters"):
        Cluster.open(follower.data, database_url=other[1])


def test_a_cluster_of_an_earlier_version_gets_one(
    shared: Cluster, url: str, other: tuple[Path, str]
) -> None:
    file = shared.data / "identity"
    before = file.read_text()
    with shared.store.write_node_state() as connection:
        connection.execute(_FORGET)
    # Of a folder that has one nothing is told to a database that has none.
    Cluster.open(shared.data, database_url=url).close()
    assert file.read_text() == before
    file.unlink()
    Cluster.open(shared.data, database_url=url).close()
    assert len({before, file.read_text(), (other[0] / "identity").read_text()}) == 3
    with pytest.raises(ServiceError, match="are of two clusters"):
        Cluster.open(shared.data, database_url=other[1])


def test_it_is_no_parameter_and_comes_with_a_copy(
    shared: Cluster, url: str, tmp_path: Path
) -> None:
    assert not [name for name in shared.parameters() if "Identity" in name]
    shutil.copytree(shared.data, tmp_path / "copy")
    Cluster.open(tmp_path / "copy", database_url=url).close()


def test_others_read_what_root_has_written(shared: Cluster) -> None:
    """Else the service's user could not open its own folder any more."""
    assert (shared.data / "identity").stat().st_mode & 0o777 == 0o644


def test_a_damaged_file_is_said(shared: Cluster, url: str) -> None:
    (shared.data / "identity").write_bytes(b"\xff\0")
    with pytest.raises(ServiceError, match="identity is damaged"):
        Cluster.open(shared.data, database_url=url)
