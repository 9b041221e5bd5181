"""A full disk, a file that cannot be written: the old state stays."""

import contextlib
import gc
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.rigs.clock import START, Clock
from tests.services.changes.test_crashes import (
    catch_up,
    check_revisions,
    check_whole,
    go_mixed,
    in_child,
    operate,
)
from tests.services.conftest import taken
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.membership import add_node
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError


def test_a_file_that_cannot_be_written_leaves_the_old_one(lab: Cluster) -> None:
    go_mixed(lab)
    old = lab.publisher.ctl_file.read_bytes()
    add_node(lab, "cucm-1051-a-sub2", "127.0.47.157", by="test")
    security.update_ctl(lab, by="test")
    newest = lab.store.revision()
    lab.close()

    def limited(cluster: Cluster) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        with pytest.raises(OSError, match="File too large"):
            install_ctl(cluster, cluster.publisher)
        assert cluster.publisher.ctl_file.read_bytes() == old
        assert not list(cluster.publisher.tftp_folder.glob(".*"))

    child = in_child(partial(operate, lab.data, limited))
    assert os.waitpid(child, 0)[1] == 0
    cluster = Cluster.open(lab.data, clock=Clock())
    assert taken(cluster)[0] < newest
    catch_up(cluster)
    assert taken(cluster)[0] == newest
    cluster.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a file system of its own, of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    gc.collect()  # a database that could not be opened may still hold its file
    if subprocess.run(["umount", str(disk)], check=False).returncode:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write a file until nothing more can be written."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def update_often(cluster: Cluster) -> None:
    """Update more often than a write-ahead log has room left in its last block."""
    for _ in range(100):
        security.update_ctl(cluster, by="test")


def test_a_full_disk_leaves_the_old_state(lab: Cluster, small_disk: Path) -> None:
    go_mixed(lab)
    lab.close()
    shutil.copytree(lab.data, small_disk / "data")
    cluster = Cluster.open(small_disk / "data", clock=Clock(START + 60))
    old = cluster.publisher.ctl_file.read_bytes()
    security.update_ctl(cluster, by="test")
    filler = small_disk / "filler"
    fill(filler)
    with pytest.raises(OSError, match="No space"):
        install_ctl(cluster, cluster.publisher)
    assert cluster.publisher.ctl_file.read_bytes() == old
    with pytest.raises(ServiceError) as caught:
        update_often(cluster)
    assert "free space" in caught.value.explain()
    check_revisions(cluster)
    with pytest.raises(OSError, match="No space"):
        certificates.regenerate(
            cluster, cluster.publisher, TrustStore.TVS, key_size=1024, by="test"
        )
    filler.unlink()
    catch_up(cluster)
    check_whole(cluster)
    cluster.close()


def test_a_disk_without_room_for_the_index_says_how_much_is_missing(
    lab: Cluster, small_disk: Path
) -> None:
    """SQLite's readers share an index, 32 kB beside the database, or read nothing."""
    lab.close()
    shutil.copytree(lab.data, small_disk / "data")
    filler = small_disk / "filler"
    fill(filler)
    with pytest.raises(ServiceError) as caught:
        Cluster.open(small_disk / "data", clock=Clock())
    assert "free 64 kB" in caught.value.explain()
    os.truncate(filler, filler.stat().st_size - 65536)
    cluster = Cluster.open(small_disk / "data", clock=Clock())
    assert cluster.publisher.name
    cluster.close()
