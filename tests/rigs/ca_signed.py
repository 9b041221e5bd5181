"""Clusters of any release whose certificates a CA of the lab signs."""

import subprocess
from collections.abc import Callable

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, identities, trust_stores
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.pki.lab_ca import LabCa
from tokenless.services.publishing.snapshot import ClusterSnapshot

NODES = ("pub", "sub1", "sub2")
SHARED = RequestOrder(multi_server=True)
Make = Callable[[str], Cluster]


def trusting(cluster: Cluster, ca: LabCa, *stores: TrustStore) -> None:
    for store in stores:
        for pem in ca.chain:
            trust_stores.upload(cluster, store, pem, by="test")


def signed(
    cluster: Cluster, ca: LabCa, store: TrustStore, wanted: RequestOrder | None = None
) -> identities.Imported:
    made = identities.request(cluster, cluster.publisher, store, wanted, by="test")
    pem = ca.sign(made, cluster.clock())
    return identities.import_own(cluster, cluster.publisher, store, pem, by="test")


def own(cluster: Cluster, node: Node, store: TrustStore) -> Certificate:
    return certificates.own_certificate(cluster, node, store)


def papers_of(cluster: Cluster) -> ClusterSnapshot:
    with cluster.store.read() as connection:
        return ClusterSnapshot.read(connection)


def openssl(*words: object) -> str:
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
