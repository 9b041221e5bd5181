"""What a node's TVS believes: certificates with roles, and signers of a CTL."""

from dataclasses import replace
from typing import Final

from tokenless.protocol.codes import UNITS, Role, TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store import certificates as rows
from tokenless.services.store.certificates import PlacementState, StoredCertificate
from tokenless.services.store.trust_lists import newest_ctl

_AS_REPORTED: Final = "sast"


def db_entries(cluster: Cluster, callmanager_trust: str) -> list[StoredCertificate]:
    """Return what fills the DB cache, by the setting `tvs.callmanager_trust`."""
    stored = with_roles(cluster)
    if callmanager_trust == _AS_REPORTED:
        # In front: a role that a certificate has elsewhere replaces this one.
        with cluster.store.read() as connection:
            kept = rows.all_trusted(connection, TrustStore.CALLMANAGER_TRUST)
        return [*(replace(each, roles=(Role.SAST,)) for each in kept), *stored]
    return stored


def with_roles(cluster: Cluster) -> list[StoredCertificate]:
    """Return what a node's TVS holds in its DB cache: every certificate with a role.

    Own certificates of all nodes come first, as in the vendor's replicated database.
    """
    with cluster.store.read() as connection:
        placed = [*rows.all_own(connection), *rows.all_trusted(connection)]
    return [each for each in placed if each.roles]


def ctl_signers(cluster: Cluster) -> frozenset[bytes]:
    """Return the certificates that may sign a CTL which TVS believes.

    They are compared by their bytes (REFERENCE 10.2): the cluster's own, those of
    Phone-SAST-trust, and a replaced own one for as long as the cluster's newest CTL is
    still the one that it signed: phones trust it until then, too.
    """
    with cluster.store.read() as connection:
        own = rows.all_own(connection)
        placed = [
            *(each for each in own if each.store in UNITS),
            *rows.all_trusted(connection, TrustStore.PHONE_SAST_TRUST),
        ]
        replaced = rows.all_own(connection, state=PlacementState.HISTORY)
        newest = newest_ctl(connection)
    signer = None if newest is None else _signer_of(newest.content)
    admitted = {each.certificate.der for each in placed}
    admitted |= {
        each.certificate.der for each in replaced if each.certificate.der == signer
    }
    return frozenset(admitted)


def _signer_of(ctl: bytes) -> bytes | None:
    """Return the certificate that a CTL names as its signer."""
    try:
        record = TrustList.decode(ctl).signing_record()
    except DecodeError:
        return None
    return None if record is None else record.certificate_der
