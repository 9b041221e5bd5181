"""The lists that a cluster's keys sign: which command gives which node such a list.

Read by the table by which they are signed (protocol.trust.signing), so that nothing is
said of a key that the cluster does not do with it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    Fresh,
    Signer,
    Signing,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import UNITS
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.signing import FILE_SIGNER, ctl_signer, itl_signer
from tokenless.protocol.trust.verdicts import FileKind
from tokenless.services.changes.security import itl_reset_signer
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.store.trust_lists import newest_ctl


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


def fresh_files(cluster: Cluster) -> Mapping[str, Fresh]:
    """Return what a restart of Cisco Tftp would bring, by the node's address."""
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
        newest = newest_ctl(connection)
    signers = {} if newest is None else _signer_of(newest.content)
    found = {}
    for node in snapshot.tftp_nodes:
        with suppress(ServiceError):
            own = snapshot.signer(FILE_SIGNER, node)[1]
            itl = snapshot.signer(itl_signer(snapshot.release), node)[1]
            lists = {**signers, FileKind.ITL: itl, FileKind.CONFIGURATION: own}
            found[node.address] = Fresh(node.name, lists)
    return found


def expired_of(
    cluster: Cluster, own: Sequence[StoredCertificate], nodes: Mapping[int, Node]
) -> tuple[str, ...]:
    """Name the certificates that phones meet whose dates have passed."""
    now = datetime.fromtimestamp(cluster.installation.clock(), UTC)
    return tuple(
        str(Signer(each.store, nodes[each.node_id].name))
        for each in own
        if each.store in UNITS
        and each.node_id is not None
        and each.certificate.not_after < now
    )


def _signer_of(ctl: bytes) -> dict[FileKind, Certificate]:
    record = TrustList.decode(ctl).signing_record()
    if record is None or record.certificate is None:
        return {}
    return {FileKind.CTL: record.certificate}


def _of_ctl(snapshot: ClusterSnapshot, *, reset: bool) -> Iterator[bytes]:
    """Return the signer of a CTL; nothing when its certificate was deleted."""
    with suppress(ServiceError):
        key = ctl_signer(snapshot.release, reset=reset)
        yield snapshot.signer(key, snapshot.publisher)[1].der


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
                else snapshot.signer(itl_signer(snapshot.release), node)
            )
            found[certificate.der].add(node.address)
    return found
