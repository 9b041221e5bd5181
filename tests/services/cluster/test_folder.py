"""Data folders: made whole, opened as they are, refused when something else."""

import json
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs.together import together
from tests.services.conftest import LAB
from tokenless.services.cluster import initialise
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ConfigurationError, ServiceError


def test_an_absent_folder_is_made_with_all_that_a_cluster_needs(lab: Cluster) -> None:
    assert [node.name for node in lab.nodes] == ["cucm-1051-a-pub", "cucm-1051-a-sub1"]
    assert lab.publisher.is_publisher
    assert lab.node("CUCM-1051-A-SUB1").address == "127.0.47.156"
    assert lab.version == "10.5(1)"
    assert lab.release == (10, 5, 1, 0)
    assert not lab.is_mixed


def test_keys_are_readable_by_nobody_else(lab: Cluster) -> None:
    for node in lab.nodes:
        assert stat.S_IMODE(node.keys_folder.stat().st_mode) == 0o700
        keys = list(node.keys_folder.iterdir())
        assert keys
        assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_the_database_is_readable_by_nobody_else(lab: Cluster) -> None:
    # It has the digest passwords of phones, and hashes of administrators' passwords.
    assert lab.version
    files = list(lab.data.glob("cluster.db*"))
    assert len(files) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    lab.store.close()
    (file,) = lab.data.glob("cluster.db*")
    file.chmod(0o644)  # as earlier versions left it
    Cluster.open(lab.data).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_database_that_is_gone_is_not_made_anew(lab: Cluster) -> None:
    """An empty one would lie where the right one has to be put back."""
    lab.store.close()
    (file,) = lab.data.glob("cluster.db*")
    kept = file.rename(lab.data / "kept.db")
    with pytest.raises(ServiceError, match=r"cluster\.db is not there") as info:
        Cluster.open(lab.data)
    assert "restore a backup" in str(info.value.hint)
    assert not file.exists()
    kept.rename(file)
    Cluster.open(lab.data).close()


def test_an_empty_folder_becomes_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Cluster.open(tmp_path / "data", LAB).close()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(ServiceError, match="holds no cluster"):
        Cluster.open(tmp_path, LAB)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(initialise, "issue", fail)
    with pytest.raises(OSError, match="No space"):
        Cluster.open(tmp_path / "data", LAB)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_is_followed(tmp_path: Path, *, is_there: bool) -> None:
    """The folder may lie on a larger disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if is_there:
        (disk / "cluster").mkdir()
    (tmp_path / "data").symlink_to("disk/cluster")
    Cluster.open(tmp_path / "data", LAB).close()
    assert (tmp_path / "data").is_symlink()
    assert [path.name for path in disk.iterdir()] == ["cluster"]
    Cluster.open(disk / "cluster").close()


def test_a_disk_that_is_mounted_there_is_said(tmp_path: Path) -> None:
    """A folder is renamed into place when it is whole; a mount point cannot be."""
    (tmp_path / "data").mkdir()
    init = f"{sys.executable} -m tokenless init --data {tmp_path}/data"
    line = f"mount -t tmpfs none {tmp_path}/data && exec {init}"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 1
    assert done.stderr == (
        f"tokenless: {tmp_path}/data: Device or resource busy; a disk is mounted "
        "there: name a folder inside of it\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_two_that_make_the_same_folder_get_the_same_cluster(tmp_path: Path) -> None:
    opened = together(*[lambda: Cluster.open(tmp_path / "data", LAB)] * 4)
    serials = {
        str(sorted(path.name for path in cluster.publisher.keys_folder.iterdir()))
        for cluster in opened
    }
    for cluster in opened:
        cluster.close()
    assert len(serials) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_of_several_that_create_one_folder_one_succeeds(tmp_path: Path) -> None:
    """Whoever is told "made" may go on to configure it."""

    def create() -> Cluster | str:
        try:
            return Cluster.create(tmp_path / "data", LAB)
        except ServiceError as error:
            return str(error)

    made = together(*[create] * 4)
    for cluster in made:
        if isinstance(cluster, Cluster):
            cluster.close()
    refusals = [each for each in made if isinstance(each, str)]
    assert refusals == [f"{tmp_path / 'data'} holds a cluster already"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_configuration_changes_how_services_run_not_the_cluster(lab: Cluster) -> None:
    config = load_config(LAB, {"tftp": {"port": 7000}, "cluster": {"version": "15"}})
    again = Cluster.open(lab.data, config)
    assert again.config.tftp.port == 7000
    assert again.version == "10.5(1)"
    again.close()


def test_nulls_of_earlier_versions_are_what_nobody_has_set(lab: Cluster) -> None:
    file = lab.data / "cluster.json"
    saved = json.loads(file.read_text())
    saved |= {"capf": None, "database": {**saved["database"], "url": None}}
    file.write_text(json.dumps(saved))
    with closing(Cluster.open(lab.data)) as again:
        assert again.config == lab.config


def test_another_clusters_configuration_is_refused(lab: Cluster) -> None:
    other = load_config(LAB, {"cluster": {"name": "other"}})
    with pytest.raises(ConfigurationError, match="holds cluster 'lab'"):
        Cluster.open(lab.data, other)


def test_an_unknown_node_is_named_with_the_known_ones(lab: Cluster) -> None:
    with pytest.raises(ServiceError) as caught:
        lab.node("nobody")
    assert "cucm-1051-a-pub" in caught.value.explain()


def test_ports_are_recorded_once(lab: Cluster) -> None:
    ports = {node.name: {"tftp": 7001, "tvs": 7002} for node in lab.nodes}
    before = lab.store.revision()
    lab.record_ports(ports)
    assert [node.tvs_port for node in lab.nodes] == [7002, 7002]
    assert lab.store.revision() == before + 1
    lab.record_ports(ports)
    assert lab.store.revision() == before + 1
