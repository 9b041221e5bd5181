"""ClusterSnapshot: the state that trust lists are made from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Digest, NodeRole, TrustStore
from tokenless.protocol.files.trust_list_build import ADVANCED_ENCRYPTION_VERSION
from tokenless.protocol.release import Release
from tokenless.protocol.trust.signing import SigningKey
from tokenless.services.errors import ServiceError
from tokenless.services.store import certificates
from tokenless.services.store.nodes import NodeRow, read_nodes
from tokenless.services.store.parameters import (
    MIXED,
    SHA512,
    TRUE,
    Parameter,
    read_parameters,
)


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """The cluster's nodes, own certificates and what decides over lists."""

    nodes: tuple[NodeRow, ...]
    """The publisher first."""
    own: Mapping[tuple[TrustStore, int], Certificate]
    """By unit and node."""
    release: Release
    is_mixed: bool
    is_rolled_back: bool
    """Prepare Cluster for Rollback to pre 8.0 (REFERENCE 1.10)."""
    digest: Digest
    signer_version: tuple[int, int] | None = None
    """Element 28 of lists; None: they have none."""
    phone_sast: tuple[Certificate, ...] = ()
    """The content of Phone-SAST-trust, in the order of uploads."""

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """Read the state."""
        values = read_parameters(connection)
        release = Release.parse(values[Parameter.VERSION])
        wants_sha512 = values[Parameter.SIGNATURE_DIGEST] == SHA512
        return cls(
            nodes=tuple(read_nodes(connection)),
            own={
                (each.store, each.node_id): each.certificate
                for each in certificates.all_own(connection)
                if each.node_id is not None
            },
            release=release,
            is_mixed=values[Parameter.CLUSTER_SECURITY_MODE] == MIXED,
            is_rolled_back=values[Parameter.ROLLBACK] == TRUE,
            digest=(
                Digest.SHA512
                if release.chooses_digest and wants_sha512
                else Digest.SHA1
            ),
            signer_version=(
                ADVANCED_ENCRYPTION_VERSION
                if release.has_advanced_encryption
                and values[Parameter.ADVANCED_ENCRYPTION] == TRUE
                else None
            ),
            phone_sast=tuple(
                each.certificate
                for each in certificates.all_trusted(
                    connection, TrustStore.PHONE_SAST_TRUST
                )
            ),
        )

    @property
    def publisher(self) -> NodeRow:
        """The node that administers the cluster."""
        return self.nodes[0]

    @property
    def tftp_nodes(self) -> tuple[NodeRow, ...]:
        """The nodes that serve files: each has an ITL."""
        return tuple(node for node in self.nodes if node.serves_tftp)

    def node(self, node_id: int) -> NodeRow:
        """Return a node as it is now.

        Raises:
            ServiceError: When it has left the cluster.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise ServiceError(
            "the node was removed from the cluster", hint="stop its `tokenless serve`"
        )

    def certificate(self, store: TrustStore, node: NodeRow) -> Certificate:
        """Return a node's own certificate.

        Raises:
            ServiceError: When it has none of this unit.
        """
        own = self.own.get((store, node.id))
        if own is None:
            raise ServiceError(
                f"{node.name} has no {store} certificate",
                hint=f"regenerate it with `set cert regen {store}`",
            )
        return own

    def signer(self, key: SigningKey, node: NodeRow) -> tuple[TrustStore, Certificate]:
        """Return the unit and the certificate of a key that signs for a node.

        Raises:
            ServiceError: When the certificate does not exist.
        """
        return key.unit, self.certificate(key.unit, self._holder(key, node))

    def sasts(
        self, keys: Iterable[SigningKey], node: NodeRow
    ) -> Iterator[tuple[Certificate, NodeRow]]:
        """Give the SASTs of a list of a node, each with the node that has it.

        Args:
            keys: Their keys; of these ITLRecovery may not exist.
            node: Whose list it is.

        Raises:
            ServiceError: When another certificate does not exist.
        """
        for key in keys:
            if key is not SigningKey.RECOVERY or self.recovery is not None:
                yield self.signer(key, node)[1], self._holder(key, node)

    def _holder(self, key: SigningKey, node: NodeRow) -> NodeRow:
        return node if key is SigningKey.NODE else self.publisher

    @property
    def recovery(self) -> Certificate | None:
        """The cluster's ITLRecovery certificate, which the publisher has."""
        return self.own.get((TrustStore.ITLRECOVERY, self.publisher.id))

    @property
    def capf(self) -> Certificate | None:
        """The CAPF certificate, which the publisher has; None where CAPF is not active.

        That lists leave it out then is inferred.
        """
        if NodeRole.CAPF not in self.publisher.roles:
            return None
        return self.own.get((TrustStore.CAPF, self.publisher.id))
