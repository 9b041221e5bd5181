"""Subscribers that join and leave: keys, lists, groups, and what is refused."""

import pytest

from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import certificates, security
from tokenless.services.changes.membership import add_node, remove_node
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError
from tokenless.services.node.runtime import check_ready
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.publishing.phone_files import NodeFiles

_ADDRESS = "127.0.47.157"


def _ctl(lab: Cluster) -> TrustList:
    install_ctl(lab, lab.publisher)
    return TrustList.decode(lab.publisher.ctl_file.read_bytes())


def _named(found: TrustList, role: Role) -> set[str | None]:
    return {record.dns_name for record in found.records if record.role == role}


def test_who_joins_stands_in_itls_at_once_and_in_the_ctl_when_it_is_updated(
    lab: Cluster,
) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    node = add_node(lab, "cucm-1051-a-sub2", _ADDRESS, by="test")

    assert node.name in _named(rebuild_itl(lab, lab.publisher), Role.TVS)
    assert node.name not in _named(_ctl(lab), Role.CCM_TFTP)
    security.update_ctl(lab, by="test")
    assert node.name in _named(_ctl(lab), Role.CCM_TFTP)


def test_who_left_is_given_nothing_more(lab: Cluster) -> None:
    subscriber = lab.nodes[1]
    remove_node(lab, subscriber, by="test")
    for make in (rebuild_itl, NodeFiles, check_ready):
        with pytest.raises(ServiceError, match="the node was removed from the cluster"):
            make(lab, subscriber)


def test_who_joins_can_sign_its_own_itl_and_a_reset_one(lab: Cluster) -> None:
    node = add_node(lab, "cucm-1051-a-sub2", _ADDRESS, by="test")
    recovery = certificates.own_certificate(lab, lab.publisher, TrustStore.ITLRECOVERY)

    assert rebuild_itl(lab, node).signing_record() is not None
    assert node.keys.has(TrustStore.ITLRECOVERY, recovery)


def test_who_leaves_is_gone_from_lists_and_groups(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    node = lab.nodes[1]
    remove_node(lab, node, by="test")

    assert [each.name for each in lab.nodes] == [lab.publisher.name]
    assert node.name not in _named(rebuild_itl(lab, lab.publisher), Role.TVS)
    assert not certificates.own(lab, node)
    assert not certificates.history(lab, node)
    security.update_ctl(lab, by="test")
    assert node.name not in _named(_ctl(lab), Role.CCM_TFTP)


def test_a_node_can_leave_and_another_join_under_its_name(lab: Cluster) -> None:
    node = lab.nodes[1]
    certificates.regenerate(lab, node, TrustStore.TVS, key_size=1024, by="test")
    remove_node(lab, node, by="test")

    again = add_node(lab, node.name, node.address, by="test")
    assert rebuild_itl(lab, again).signing_record() is not None


def test_the_publisher_cannot_leave(lab: Cluster) -> None:
    with pytest.raises(ServiceError, match="is the publisher"):
        remove_node(lab, lab.publisher, by="test")


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("cucm-1051-a-sub1", _ADDRESS, "already has the name cucm-1051-a-sub1"),
        ("no name", _ADDRESS, "is not a host name"),
        ("cucm-1051-a-sub2", "127.0.47.156", "has the address"),
        ("cucm-1051-a-sub2", "over there", "is not an IPv4 address"),
        ("cucm-1051-a-sub2", "224.0.0.1", "phones cannot connect to 224.0.0.1"),
    ],
)
def test_what_cannot_join_changes_nothing(
    lab: Cluster, name: str, address: str, words: str
) -> None:
    before = lab.store.revision()

    with pytest.raises(ServiceError, match=words):
        add_node(lab, name, address, by="test")

    assert lab.store.revision() == before
