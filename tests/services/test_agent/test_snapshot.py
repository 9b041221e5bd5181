"""A snapshot puts back whatever administrators have done, in both databases."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.services.conftest import SUBSCRIBER
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.services.changes import certificates, membership, security, trust_stores
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import create_token
from tokenless.services.store import nodes
from tokenless.services.store.schema import metadata
from tokenless.services.test_agent.snapshot import Snapshot

_OF_NODES = {"audit", "cluster", "node_state", "published", "registration", "tftp_itl"}


def rows(cluster: Cluster) -> dict[str, list[Any]]:
    with cluster.store.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata.sorted_tables
            if table.name not in _OF_NODES
        }


def files(cluster: Cluster) -> dict[str, bytes]:
    places = [*cluster.data.glob("nodes/*/*/*"), *cluster.data.glob("tokens/**/*")]
    return {str(path): path.read_bytes() for path in places if path.is_file()}


def change_much(cluster: Cluster) -> None:
    """New rows, changed ones and deleted ones; of tables that refer to each other."""
    create_token(cluster.tokens_folder, "A", now=cluster.clock())
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    certificates.regenerate(
        cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
    )
    own = certificates.own_certificate(cluster, cluster.publisher, TrustStore.TVS)
    trust_stores.upload(cluster, TrustStore.PHONE_SAST_TRUST, own.der, by="test")
    change = DeviceChange(model="7975", security_mode=DeviceSecurity.ENCRYPTED)
    set_devices(cluster, Selection(("SEP001122334455",)), change, by="test")
    added = membership.add_node(cluster, "late", "127.0.47.157", by="test")
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, added.id, ctl_revision=0)
    membership.remove_node(cluster, cluster.node(SUBSCRIBER), by="test")


def test_everything_is_put_back(either: Cluster) -> None:
    before = rows(either), files(either)
    snapshot = Snapshot.take(either)
    assert not snapshot.restore(either).is_anything
    change_much(either)
    assert (rows(either), files(either)) != before
    restored = snapshot.restore(either)
    assert restored.concerns_all_services
    assert (rows(either), files(either)) == before
    with either.store.write_node_state() as connection:
        nodes.write_state(connection, either.node(SUBSCRIBER).id, ctl_revision=0)


def test_a_subscriber_puts_back_its_files_only(
    shared: Cluster, follower: Cluster
) -> None:
    all_of_it = Snapshot.take(shared)
    snapshot = Snapshot.take(follower, has_rows=False)
    create_token(follower.tokens_folder, "A", now=follower.clock())
    security.set_cluster_mode(shared, SecurityMode.MIXED, by="test")
    restored = snapshot.restore(follower)
    assert (restored.tables, restored.files > 0) == (frozenset(), True)
    assert shared.is_mixed
    assert not snapshot.is_in_database(follower)
    with pytest.raises(ServiceError):  # it may not even try
        Snapshot.take(follower)
    all_of_it.restore(shared)
    assert snapshot.is_in_database(follower)
