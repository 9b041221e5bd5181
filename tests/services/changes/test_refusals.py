"""What a cluster refuses: one line with what to do, and nothing is changed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.services.conftest import ROLE, SUBSCRIBER, TRAVELS
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, membership, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster import issuing
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.handover import export_node, import_node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store import certificates as rows
from tokenless.services.store.access.roles import REVOKE, grant, grants
from tokenless.services.store.parameters import Parameter
from tokenless.services.store.schema import callmanager_group_member, processconfig


def explain(refused: Callable[[], object]) -> str:
    with pytest.raises(ServiceError) as caught:
        refused()
    assert caught.value.hint
    line = caught.value.explain()
    assert line.isprintable()
    return line


def test_what_needs_a_ctl_or_mixed_mode(lab: Cluster) -> None:
    before = lab.store.revision()
    mixed_mode = "use `utils ctl set-cluster mixed-mode`"
    assert mixed_mode in explain(lambda: security.update_ctl(lab, by="t"))
    assert mixed_mode in explain(lambda: security.reset_ctl_localkey(lab, by="t"))
    assert lab.store.revision() == before
    security.set_cluster_mode(lab, SecurityMode.NON_SECURE, by="t")
    assert not lab.publisher.ctl_file.exists()


def test_a_group_keeps_a_member(lab: Cluster) -> None:
    publisher, subscriber = lab.nodes
    member = callmanager_group_member.c.node_id
    with lab.store.write_node_state() as connection:
        connection.execute(
            delete(callmanager_group_member).where(member == publisher.id)
        )
    assert "add another node to the group" in explain(
        lambda: membership.remove_node(lab, subscriber, by="t")
    )
    assert lab.nodes[1:] == (subscriber,)


def test_a_key_of_a_kind_that_does_not_exist(lab: Cluster) -> None:
    order = IssueRequest(lab.publisher, TrustStore.TVS, 1024, "DSA")
    with lab.store.read() as connection:
        line = explain(lambda: issuing.prepare(lab.installation, connection, order))
    assert line == "no key type DSA; use RSA or EC"


def test_lists_need_an_rsa_key(lab: Cluster) -> None:
    new = certificates.regenerate(
        lab, lab.publisher, TrustStore.TVS, key_type="EC", by="t"
    )
    keys = lab.publisher.keys
    assert "trust lists need RSA" in explain(lambda: keys.signer(TrustStore.TVS, new))
    assert "use 256 or 384" in explain(
        lambda: certificates.regenerate(
            lab, lab.publisher, TrustStore.TVS, key_type="EC", key_size=521, by="t"
        )
    )


def test_a_node_that_lacks_a_certificate(lab: Cluster) -> None:
    node = lab.nodes[1]
    with lab.store.write_node_state() as connection:
        rows.remove(connection, rows.require_own(connection, TrustStore.TVS, node.id))
    assert "set cert regen TVS" in explain(lambda: rebuild_itl(lab, lab.publisher))
    with lab.store.read() as connection:
        line = explain(lambda: rows.require_own(connection, TrustStore.TVS, node.id))
    assert "set cert regen TVS" in line


def test_a_database_without_a_parameter(lab: Cluster) -> None:
    with lab.store.write_node_state() as connection:
        connection.execute(
            delete(processconfig).where(
                processconfig.c.paramname == Parameter.VERSION.value
            )
        )
    assert "restore the database" in explain(lambda: lab.version)


def test_a_key_of_the_publisher_that_is_gone(lab: Cluster) -> None:
    own = certificates.own_certificate(lab, lab.publisher, TrustStore.ITLRECOVERY)
    lab.publisher.keys.forget(TrustStore.ITLRECOVERY, own)
    for refused in (
        lambda: security.export_recovery(lab, TRAVELS),
        lambda: security.reset_itl_localkey(lab, by="t"),
        lambda: membership.add_node(lab, "cucm-1051-a-sub2", "127.0.47.157", by="t"),
    ):
        assert "do not regenerate the certificate" in explain(refused)
    assert len(lab.nodes) == 2


def test_a_node_stays_where_hosts_share_no_database(lab: Cluster) -> None:
    line = explain(lambda: export_node(lab, lab.nodes[1], TRAVELS))
    assert "docs/operations-database.md" in line
    assert lab.nodes[1].is_here


def test_what_cannot_be_handed_over(shared: Cluster) -> None:
    assert "export a subscriber" in explain(
        lambda: export_node(shared, shared.publisher, TRAVELS)
    )
    for short in ("", "eleven char"):
        assert "under 12 characters" in explain(
            partial(export_node, shared, shared.nodes[1], short)
        )
    assert shared.nodes[1].is_here


def test_where_a_node_cannot_arrive(shared: Cluster, url: str, tmp_path: Path) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), TRAVELS)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    assert "name another folder" in explain(
        lambda: import_node(tmp_path / "full", content, TRAVELS, database_url=url)
    )
    membership.remove_node(shared, shared.node(SUBSCRIBER), by="t")
    assert "tokenless node add" in explain(
        lambda: import_node(tmp_path / "late", content, TRAVELS, database_url=url)
    )


def test_who_may_not_become_a_followers_role(shared: Cluster) -> None:
    assert "use lower-case letters" in explain(lambda: grants("Sub-1"))
    with shared.store.write_node_state() as connection:
        line = explain(lambda: grant(connection, 2, "tokenless"))
    assert "give the node one of its own" in line
    for_all, *statements = grants(ROLE)
    assert for_all == REVOKE
    assert all(ROLE in statement for statement in statements)
