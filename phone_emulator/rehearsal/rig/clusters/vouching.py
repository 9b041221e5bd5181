"""What the TVS servers of a cluster would answer, read from what fills their caches."""

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import Vouching
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes.tvs_entries import ctl_signers, db_entries
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.trust_lists import newest_ctl
from tokenless.services.tvs.caches import CachedCertificate, Index


def vouching_of(cluster: Cluster) -> Vouching:
    """Return what TVS answers by the database, and by the newest CTL."""
    with cluster.store.read() as connection:
        newest = newest_ctl(connection)
    return Vouching(
        Index(
            CachedCertificate.of(each.certificate, each.roles)
            for each in db_entries(cluster, cluster.config.tvs.callmanager_trust)
        ),
        Index() if newest is None else _of_ctl(cluster, newest.content),
    )


def _of_ctl(cluster: Cluster, content: bytes) -> Index:
    """Return the members of a CTL; none when TVS does not believe its signer."""
    ctl = TrustList.decode(content)
    signer = ctl.signing_record()
    if signer is None or signer.certificate_der not in ctl_signers(cluster):
        return Index()
    return Index(
        CachedCertificate.of_record(record)
        for record in ctl.records
        if record.certificate is not None
    )
