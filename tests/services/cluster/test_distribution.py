"""CTLs reach nodes by revision; what people do to files by hand stays."""

from pathlib import Path

import pytest

from tests.services.conftest import taken
from tokenless.services.changes import security
from tokenless.services.changes.membership import add_node
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.itl import rebuild_itl


def mixed(lab: Cluster) -> int:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    return lab.store.revision()


def test_a_node_takes_each_list_once(lab: Cluster) -> None:
    assert not install_ctl(lab, lab.publisher)
    mixed(lab)
    assert install_ctl(lab, lab.publisher)
    assert not install_ctl(lab, lab.publisher)
    security.update_ctl(lab, by="test")
    assert install_ctl(lab, lab.publisher)


def test_every_node_has_the_same_bytes(lab: Cluster) -> None:
    mixed(lab)
    assert all(install_ctl(lab, node) for node in lab.nodes)
    assert len({node.ctl_file.read_bytes() for node in lab.nodes}) == 1


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_file_that_people_touched_stays_so_until_the_next_list(
    lab: Cluster, content: bytes | None
) -> None:
    mixed(lab)
    install_ctl(lab, lab.publisher)
    path = lab.publisher.ctl_file
    path.unlink() if content is None else path.write_bytes(content)
    security.set_parameter(lab, "AutoRegistration", "False", by="test")
    assert not install_ctl(lab, lab.publisher)
    assert (path.read_bytes() if path.exists() else None) == content
    security.update_ctl(lab, by="test")
    assert install_ctl(lab, lab.publisher)
    assert len(path.read_bytes()) == 4947


def test_a_node_that_was_down_is_known_and_catches_up(lab: Cluster) -> None:
    first = mixed(lab)
    publisher, subscriber = lab.nodes
    install_ctl(lab, publisher)
    assert taken(lab) == [first, 0]
    security.update_ctl(lab, by="test")
    install_ctl(lab, subscriber)
    assert taken(lab) == [first, lab.store.revision()]


def test_what_nodes_note_does_not_move_the_revision(lab: Cluster) -> None:
    mixed(lab)
    before = lab.store.revision()
    for node in lab.nodes:
        install_ctl(lab, node)
        rebuild_itl(lab, node)
    assert lab.store.revision() == before


def test_no_half_file_lies_beside(lab: Cluster) -> None:
    mixed(lab)
    for node in lab.nodes:
        install_ctl(lab, node)
        rebuild_itl(lab, node)
        names = sorted(path.name for path in node.tftp_folder.iterdir())
        assert names == ["CTLFile.tlv", "ITLFile.tlv"]


def test_a_folder_that_cannot_be_written_is_an_error(
    lab: Cluster, tmp_path: Path
) -> None:
    mixed(lab)
    lab.publisher.tftp_folder.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        install_ctl(lab, lab.publisher)
    (tmp_path / "away").rename(lab.publisher.tftp_folder)
    assert install_ctl(lab, lab.publisher)


def test_a_node_that_joins_is_in_itls_at_once_and_in_the_ctl_when_updated(
    lab: Cluster,
) -> None:
    mixed(lab)
    joined = add_node(lab, "cucm-1051-a-sub2", "127.0.47.157", by="test")
    install_ctl(lab, joined)
    assert b"sub2" in rebuild_itl(lab, lab.publisher).data
    assert b"sub2" not in joined.ctl_file.read_bytes()
    security.update_ctl(lab, by="test")
    install_ctl(lab, joined)
    assert b"sub2" in joined.ctl_file.read_bytes()
    with pytest.raises(ServiceError, match="address"):
        add_node(lab, "cucm-1051-a-sub3", "127.0.47.157", by="test")
