"""Security mode, CTL and the resets: what `utils ctl` and `utils itl` do.

Each operation is one transaction: the mode, the signed bytes of the new CTL, the audit
row and the next revision. Nodes follow the revision (services.cluster.distribution).
"""

from collections.abc import Sequence
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import ListForm, sign_trust_list
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.protocol.trust import signing
from tokenless.protocol.trust.signing import ItlReset
from tokenless.services.changes.upgrade import follow_release
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.recovery import export_key, load_recovery
from tokenless.services.publishing.ctl import CTL_NAME, ctl_records
from tokenless.services.publishing.itl import resign_itl, sign_itl
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store.database import Change
from tokenless.services.store.nodes import NodeRow
from tokenless.services.store.parameters import (
    FALSE,
    SHA1,
    SHA512,
    TRUE,
    Parameter,
    check_value,
    find_parameter,
    read_parameter,
    write_parameter,
)
from tokenless.services.store.trust_lists import add_ctl, add_reset_itl, newest_ctl

_NO_LICENCE: Final = (
    "Command cannot be executed because the Unified Communications Manager cluster is "
    "not registered to a Smart/Virtual Account with Allow export-controlled "
    "functionality."
)


@unique
class SecurityMode(IntEnum):
    """ClusterSecurityMode."""

    NON_SECURE = 0
    MIXED = 1


def set_cluster_mode(cluster: Cluster, mode: SecurityMode, *, by: str) -> None:
    """Move the cluster to a mode and make the CTL that goes with it, without tokens.

    A non-secure cluster that never had a CTL gets none; one that had keeps it, with its
    servers emptied (REFERENCE 1.9).

    Raises:
        ServiceError: Mixed mode without the licence; or the CTL cannot be made.
    """
    name = mode.name.lower().replace("_", "-")
    with cluster.store.change("set cluster mode", name, by=by) as change:
        write_mode(change, mode)
        is_needed = mode is SecurityMode.MIXED
        if is_needed or newest_ctl(change.connection) is not None:
            _publish_own(cluster, change, ClusterSnapshot.read(change.connection))


def update_ctl(cluster: Cluster, *, by: str) -> None:
    """Make a new CTL from the cluster's certificates; it has no tokens.

    Raises:
        ServiceError: When the cluster is not in mixed mode, or the CTL cannot be made.
    """
    with cluster.store.change("update CTL", CTL_NAME, by=by) as change:
        snapshot = ClusterSnapshot.read(change.connection)
        if not snapshot.is_mixed:
            raise ServiceError(
                "the cluster is not in mixed mode, so it has no CTL to update",
                hint="use `utils ctl set-cluster mixed-mode`",
            )
        _publish_own(cluster, change, snapshot)


def reset_ctl_localkey(cluster: Cluster, *, by: str) -> None:
    """Sign the CTL with the CallManager key, the present ITLRecovery listed in it.

    For phones that do not know the signer any more (REFERENCE 6.1, 7.7).

    Raises:
        ServiceError: When there is no CTL, or it cannot be made.
    """
    with cluster.store.change("reset CTL", "localkey", by=by) as change:
        if newest_ctl(change.connection) is None:
            raise ServiceError(
                "the cluster has no CTL to reset",
                hint="use `utils ctl set-cluster mixed-mode`",
            )
        _publish_own(
            cluster, change, ClusterSnapshot.read(change.connection), reset=True
        )


def reset_itl_localkey(cluster: Cluster, *, by: str) -> None:
    """Leave an ITL for every node that its other SAST signed (REFERENCE 2.3, 6.2).

    From 12.0 on it is the publisher's ITL that all nodes get, signed by the publisher's
    CallManager (REFERENCE-2 3.5), unless `tftp.itl_reset` is `each-node`.

    Raises:
        ServiceError: When a key that must sign is missing.
    """
    with cluster.store.change("reset ITL", "localkey", by=by) as change:
        snapshot = ClusterSnapshot.read(change.connection)
        if _itl_reset(cluster).is_one_for_all(snapshot.release):
            _leave_publishers_itl(cluster, change, snapshot)
            return
        for row in snapshot.tftp_nodes:
            signer = cluster.node_of(row).keys.signer(
                *itl_reset_signer(cluster, snapshot, row)
            )
            _leave_itl(change, snapshot, row.id, signer)


def itl_reset_signer(
    cluster: Cluster, snapshot: ClusterSnapshot, node: NodeRow
) -> tuple[TrustStore, Certificate]:
    """Return which certificate signs a node's ITL after `utils itl reset localkey`.

    Raises:
        ServiceError: When the certificate does not exist.
    """
    key = signing.itl_reset_signer(snapshot.release, _itl_reset(cluster))
    return snapshot.signer(key, node)


def _itl_reset(cluster: Cluster) -> ItlReset:
    return ItlReset(cluster.config.tftp.itl_reset)


def reset_itl_remotekey(
    cluster: Cluster, pkcs12: bytes, password: str, *, by: str
) -> None:
    """Leave an ITL for every node, signed by the ITLRecovery key of a file.

    Raises:
        ServiceError: When the file or its password is wrong.
    """
    signer = load_recovery(pkcs12, password)
    detail = f"remotekey {signer.certificate.serial_hex}"
    with cluster.store.change("reset ITL", detail, by=by) as change:
        snapshot = ClusterSnapshot.read(change.connection)
        for row in snapshot.tftp_nodes:
            _leave_itl(change, snapshot, row.id, signer)


def export_recovery(cluster: Cluster, password: str) -> bytes:
    """Return the ITLRecovery key as a PKCS#12 file, to be kept elsewhere.

    Raises:
        ServiceError: When the cluster has no such key, or the password is empty.
    """
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
    store = TrustStore.ITLRECOVERY
    certificate = snapshot.certificate(store, snapshot.publisher)
    key = cluster.node_of(snapshot.publisher).keys.load_rsa(store, certificate)
    return export_key(key, certificate, password)


def check_parameter(name: str, value: str) -> tuple[Parameter, str]:
    """Return a parameter and a value for it, as it is stored.

    Raises:
        ServiceError: When there is none of this name, it cannot have this value, or it
            has a command of its own.
    """
    parameter = find_parameter(name)
    if parameter is Parameter.CLUSTER_SECURITY_MODE:
        raise ServiceError(
            f"{parameter} cannot be set directly", hint="use `utils ctl set-cluster`"
        )
    return parameter, check_value(parameter, value)


def set_parameter(cluster: Cluster, name: str, value: str, *, by: str) -> None:
    """Set a parameter.

    Raises:
        ServiceError: As `check_parameter`.
    """
    parameter, value = check_parameter(name, value)
    detail = f"{parameter} = {value}"
    with cluster.store.change("set parameter", detail, by=by) as change:
        _check_release_has(change, parameter, value)
        old = read_parameter(change.connection, parameter)
        write_parameter(change.connection, parameter, value)
        if parameter is Parameter.VERSION:
            follow_release(cluster, change, Release.parse(old), Release.parse(value))


def _check_release_has(change: Change, parameter: Parameter, value: str) -> None:
    """Check that the release can do what a parameter shall say.

    Raises:
        ServiceError: When phones shall be reset by a release that resets none, or use
            algorithms that it does not have, or files be signed with another digest
            than its only one.
    """
    version = read_parameter(change.connection, Parameter.VERSION)
    release = Release.parse(version)
    if parameter is Parameter.ADVANCED_ENCRYPTION:
        if value == TRUE and not release.has_advanced_encryption:
            raise ServiceError(
                f"release {version} has no advanced encryption algorithms for phones",
                hint="releases from 12.0 on have them",
            )
        return
    if parameter is Parameter.SIGNATURE_DIGEST:
        if value == SHA512 and not release.chooses_digest:
            raise ServiceError(
                f"release {version} signs with {SHA1} only",
                hint="releases from 12.0 on have a choice",
            )
        return
    if parameter is not Parameter.PHONE_INTERACTION:
        return
    can = release.has_phone_interaction
    if value == PhoneInteraction.AUTOMATIC and not can:
        raise ServiceError(
            f"release {version} cannot reset phones automatically",
            hint="releases from 12.5 on can",
        )


def write_mode(change: Change, mode: SecurityMode) -> None:
    """Write the security mode inside a change.

    Raises:
        ServiceError: Mixed mode without the licence for it (REFERENCE 6.1).
    """
    connection = change.connection
    licence = read_parameter(connection, Parameter.EXPORT_CONTROLLED)
    if mode is SecurityMode.MIXED and licence == FALSE:
        raise ServiceError(_NO_LICENCE, hint=f"set {Parameter.EXPORT_CONTROLLED}")
    write_parameter(connection, Parameter.CLUSTER_SECURITY_MODE, str(int(mode)))


def publish_ctl(
    change: Change,
    snapshot: ClusterSnapshot,
    records: Sequence[Record],
    signer: Signer,
    form: ListForm = ListForm.CUCM,
) -> TrustList:
    """Sign the cluster's next CTL and keep it, inside a change.

    Args:
        change: The transaction.
        snapshot: The state in it.
        records: What the CTL lists.
        signer: A key of the publisher, or a token.
        form: The program that writes it: CUCM, or the CTL Client.

    Raises:
        ServiceError: When the signer cannot sign.
    """
    ctl = sign_trust_list(
        CTL_NAME,
        records,
        signer,
        timestamp=change.at,
        digest=snapshot.digest,
        form=form,
        signer_version=snapshot.signer_version,
    )
    add_ctl(change.connection, change.revision, ctl.data, change.at)
    return ctl


def _publish_own(
    cluster: Cluster, change: Change, snapshot: ClusterSnapshot, *, reset: bool = False
) -> None:
    """Publish the CTL that a key of the publisher signs."""
    key = signing.ctl_signer(snapshot.release, reset=reset)
    store, certificate = snapshot.signer(key, snapshot.publisher)
    signer = cluster.node_of(snapshot.publisher).keys.signer(store, certificate)
    publish_ctl(change, snapshot, ctl_records(snapshot, store), signer)


def _leave_publishers_itl(
    cluster: Cluster, change: Change, snapshot: ClusterSnapshot
) -> None:
    """Sign the publisher's present ITL again and leave it for all nodes.

    Its records stay what they are: a certificate that was regenerated since the last
    start of its TFTP service is not in it (REFERENCE-2 3.5).
    """
    publisher = snapshot.publisher
    node = cluster.node_of(publisher)
    signer = node.keys.signer(*itl_reset_signer(cluster, snapshot, publisher))
    itl = resign_itl(snapshot, node, signer, at=change.at)
    for row in snapshot.tftp_nodes:
        add_reset_itl(change.connection, change.revision, row.id, itl.data)


def _leave_itl(
    change: Change, snapshot: ClusterSnapshot, node_id: int, signer: Signer
) -> None:
    itl = sign_itl(snapshot, node_id, signer, at=change.at)
    add_reset_itl(change.connection, change.revision, node_id, itl.data)
