"""The lists that a cluster's keys sign: which command gives which node such a list.

Read from the same functions that sign them, so that nothing is said of a key that the
cluster does not do with it (REFERENCE 2.3, REFERENCE-2 3.5).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import Signing
from tokenless.services.changes.security import itl_reset_signer
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.ctl import ctl_signer
from tokenless.services.publishing.itl import itl_signer
from tokenless.services.publishing.snapshot import ClusterSnapshot


def signing_of(cluster: Cluster) -> Mapping[bytes, Signing]:
    """Return what each own certificate's key signs, by the certificate's DER."""
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
    ctl, ctl_reset = (set(_of_ctl(snapshot, reset=reset)) for reset in (False, True))
    itl, itl_reset = (
        _by_der(cluster, snapshot, reset=reset) for reset in (False, True)
    )
    return {
        der: Signing(
            ctl=der in ctl,
            ctl_reset=der in ctl_reset,
            itl=frozenset(itl.get(der, ())),
            itl_reset=frozenset(itl_reset.get(der, ())),
        )
        for der in {*ctl, *ctl_reset, *itl, *itl_reset}
    }


def _of_ctl(snapshot: ClusterSnapshot, *, reset: bool) -> Iterator[bytes]:
    """Return the signer of a CTL; nothing when its certificate was deleted."""
    with suppress(ServiceError):
        store = ctl_signer(snapshot, reset=reset)
        yield snapshot.certificate(store, snapshot.publisher).der


def _by_der(
    cluster: Cluster, snapshot: ClusterSnapshot, *, reset: bool
) -> dict[bytes, set[str]]:
    """Return the addresses of the nodes whose ITL a certificate's key signs."""
    found: dict[bytes, set[str]] = defaultdict(set)
    for node in snapshot.tftp_nodes:
        with suppress(ServiceError):
            _, certificate = (
                itl_reset_signer(cluster, snapshot, node)
                if reset
                else itl_signer(snapshot, node)
            )
            found[certificate.der].add(node.address)
    return found
