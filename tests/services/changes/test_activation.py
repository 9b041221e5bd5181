"""Services that are activated or deactivated: rows, lists, and what is refused."""

import pytest

from tokenless.protocol.codes import NodeRole, Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import security
from tokenless.services.changes.membership import activate, add_node, deactivate
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError

_JOINED = "cucm-1051-a-sub2"


def _roles_in_ctl(lab: Cluster) -> dict[str | None, Role]:
    install_ctl(lab, lab.publisher)
    found = TrustList.decode(lab.publisher.ctl_file.read_bytes())
    servers = Role.CALLMANAGER, Role.TFTP, Role.CCM_TFTP
    return {r.dns_name: Role(r.role) for r in found.records if r.role in servers}


def test_the_ctl_follows_when_it_is_updated(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    node = add_node(lab, _JOINED, "127.0.47.157", by="test")
    deactivate(lab, node, NodeRole.TFTP, by="test")
    security.update_ctl(lab, by="test")
    assert _roles_in_ctl(lab)[_JOINED] is Role.CALLMANAGER
    deactivate(lab, node, NodeRole.CALLMANAGER, by="test")
    security.update_ctl(lab, by="test")
    assert _JOINED not in _roles_in_ctl(lab)
    activate(lab, node, NodeRole.TFTP, by="test")
    security.update_ctl(lab, by="test")
    assert _roles_in_ctl(lab)[_JOINED] is Role.TFTP


def test_what_would_leave_phones_without_a_server_is_refused(lab: Cluster) -> None:
    publisher, subscriber = lab.nodes
    with pytest.raises(ServiceError, match="a member of the CallManager group"):
        deactivate(lab, subscriber, NodeRole.CALLMANAGER, by="test")
    with pytest.raises(ServiceError, match="activated on the publisher only"):
        activate(lab, subscriber, NodeRole.CAPF, by="test")
    with pytest.raises(ServiceError, match=r"activated on .* already"):
        activate(lab, subscriber, NodeRole.TFTP, by="test")
    deactivate(lab, subscriber, NodeRole.TFTP, by="test")
    with pytest.raises(ServiceError, match="is not activated on"):
        deactivate(lab, subscriber, NodeRole.TFTP, by="test")
    with pytest.raises(ServiceError, match="the only node that serves TFTP"):
        deactivate(lab, publisher, NodeRole.TFTP, by="test")
    deactivate(lab, publisher, NodeRole.CAPF, by="test")
    assert NodeRole.CAPF not in lab.publisher.roles
