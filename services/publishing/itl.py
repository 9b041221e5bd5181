"""Each node's ITL: its own records, its own signature (REFERENCE 1.10, 2.3).

SAST (signer), TFTP or CCM+TFTP, TVS of every node, CAPF, the other SAST

From 11.0 on the node's CallManager-ECDSA follows its CallManager; that it has the same
role is inferred (REFERENCE-2 1). A TVS certificate that serves several nodes stands
there once, as the first one's (REFERENCE-2 2.2).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import MAX_LOADED_LENGTH, TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.trust.signing import ITL_SASTS, itl_server_role, itl_signer
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.files import replace_file
from tokenless.services.logs import get_logger
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store.nodes import NodeRow, write_state
from tokenless.services.store.registrations import TftpItl, write_itl
from tokenless.services.store.trust_lists import newest_reset_revision

ITL_NAME: Final = "ITLFile.tlv"


def rebuild_itl(cluster: Cluster, node: Node) -> TrustList:
    """Make the node's ITL as a start of its TFTP service does, and write it.

    The same records under the same signer stay the same bytes. A reset ITL (`utils itl
    reset`) ends here (REFERENCE 6.2).

    Raises:
        ServiceError: When a certificate or the signing key is missing.
        OSError: When the file cannot be written; the old one stays.
    """
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
        reset = newest_reset_revision(connection, node.id)
    key = itl_signer(snapshot.release)
    signer = node.keys.signer(*snapshot.signer(key, snapshot.node(node.id)))
    old = _load(node)
    itl = sign_itl(snapshot, node.id, signer, at=int(cluster.clock()), same_as=old)
    if old is None or itl.data != old.data:
        replace_file(node.itl_file, itl.data)
    if len(itl.data) > MAX_LOADED_LENGTH:
        get_logger(node=node.name).warning(
            "phones cannot load an ITL of over 64 KB", length=len(itl.data)
        )
    with cluster.store.write_node_state() as connection:
        write_state(connection, node.id, reset_itl_revision=reset)
        served = TftpItl.of(itl.data)
        is_new = write_itl(connection, node.id, served, int(cluster.clock()))
    if not is_new:
        get_logger(node=node.name).debug("Tftp Itl hash not changed")
    return itl


def sign_itl(
    snapshot: ClusterSnapshot,
    node_id: int,
    signer: Signer,
    *,
    at: int,
    same_as: TrustList | None = None,
) -> TrustList:
    """Return a node's ITL, signed.

    Args:
        snapshot: The state.
        node_id: Whose ITL it is.
        signer: The signer.
        at: When, Unix seconds.
        same_as: A list that is returned when nothing but the time would differ.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    records = list(itl_records(snapshot, snapshot.node(node_id), signer.certificate))

    def signed(timestamp: int) -> TrustList:
        return _sign(snapshot, records, signer, timestamp)

    if same_as is not None and same_as.header.timestamp is not None:
        again = signed(same_as.header.timestamp)
        if again.data == same_as.data:
            return same_as
    return signed(at)


def resign_itl(
    snapshot: ClusterSnapshot, node: Node, signer: Signer, *, at: int
) -> TrustList:
    """Return the ITL that a node has, under another signature.

    A node that has none yet gets a new one.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    present = _load(node)
    if present is None:
        return sign_itl(snapshot, node.id, signer, at=at)
    kept = replace(snapshot, signer_version=present.header.signer_version)
    return _sign(kept, present.records, signer, at)


def _sign(
    snapshot: ClusterSnapshot, records: Sequence[Record], signer: Signer, at: int
) -> TrustList:
    return sign_trust_list(
        ITL_NAME,
        records,
        signer,
        timestamp=at,
        digest=snapshot.digest,
        signer_version=snapshot.signer_version,
    )


def itl_records(
    snapshot: ClusterSnapshot, node: NodeRow, signer: Certificate
) -> Iterator[Record]:
    """Return the records of a node's ITL, the signer's first.

    A rolled back cluster's has neither TVS nor TFTP records (REFERENCE 1.10).

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    callmanager = snapshot.certificate(TrustStore.CALLMANAGER, node)
    publisher = snapshot.publisher
    sasts = {each.der: (each, at) for each, at in snapshot.sasts(ITL_SASTS, node)}
    first = sasts.pop(signer.der, (signer, publisher))
    yield _record(*first, Role.SAST)
    if not snapshot.is_rolled_back:
        role = itl_server_role(is_mixed=snapshot.is_mixed)
        yield _record(callmanager, node, role)
        elliptic = snapshot.own.get((TrustStore.CALLMANAGER_ECDSA, node.id))
        if elliptic is not None and snapshot.release.has_ec_callmanager:
            yield _record(elliptic, node, role)
        yield from _tvs_records(snapshot)
    if snapshot.capf is not None:
        yield _record(snapshot.capf, publisher, Role.CAPF)
    for other in sasts.values():
        yield _record(*other, Role.SAST)


def _tvs_records(snapshot: ClusterSnapshot) -> Iterator[Record]:
    seen: set[bytes] = set()
    for node in snapshot.nodes:
        certificate = snapshot.certificate(TrustStore.TVS, node)
        if certificate.der not in seen:
            seen.add(certificate.der)
            yield _record(certificate, node, Role.TVS)


def _record(certificate: Certificate, node: NodeRow, role: Role) -> Record:
    return record_for(certificate, role, dns_name=node.name, ip_address=node.address)


def _load(node: Node) -> TrustList | None:
    """Return the ITL that the node has; None when it has none that can be read."""
    with suppress(FileNotFoundError, DecodeError):
        return TrustList.decode(node.itl_file.read_bytes())
    return None
