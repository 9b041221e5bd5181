"""The records of the cluster's CTL, by release, mode and signer (REFERENCE 1.9).

    without tokens   SAST (signer), publisher, CAPF, subscribers, the other SAST
    with tokens      tokens, publisher, CAPF, subscribers, tokens, further SASTs

`TokenOrder` says which tokens stand where. In a non-secure cluster servers shrink to
what `emptied_record` writes. A server's function follows its roles (`server_role`);
without one it has no record. A CallManager that several nodes share stands there once,
as the first one's (REFERENCE-2 2.2), with what all of them do (inferred). From 12.5 on
the certificates of Phone-SAST-trust follow as SASTs (REFERENCE-2 3.5); their node name,
the publisher's, is inferred.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list_build import (
    ListForm,
    emptied_record,
    record_for,
    token_record,
)
from tokenless.protocol.trust.signing import (
    SigningKey,
    ctl_sasts,
    ctl_servers,
    token_ctl_sasts,
)
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store.nodes import NodeRow

CTL_NAME: Final = "CTLFile.tlv"
FIREWALL_FUNCTION: Final = Role.CALLMANAGER
"""Firewalls stand in the CTL as `CCM`, not under the code that is named after them
(REFERENCE-2 3.5)."""


@dataclass(frozen=True, slots=True)
class OtherServer:
    """A server outside of the cluster, of the CTL Client's Add TFTP or Add Firewall.

    Phones take files of another cluster's TFTP only where their CTL names it.
    """

    role: Role
    """What it was added as: TFTP or FIREWALL."""
    address: str
    certificate: Certificate

    @property
    def function(self) -> Role:
        """FUNCTION of its record."""
        return FIREWALL_FUNCTION if self.role is Role.FIREWALL else self.role


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """The tokens of a CTL, before and after its servers.

    A new file has the token that was inserted first, which signs, at its end (observed:
    the vendor's file of flow 3). A file that was updated has those that stood in the
    old one at its beginning, the signer first (observed after a change of mode; that
    tokens added meanwhile follow the servers is inferred).
    """

    before: Sequence[Certificate]
    after: Sequence[Certificate]


def ctl_records(snapshot: ClusterSnapshot, signer: TrustStore) -> list[Record]:
    """Return the records of a CTL that a key of the publisher signs.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    form = ListForm.CUCM
    first = snapshot.certificate(signer, snapshot.publisher)
    others = [
        each
        for each in _own_sasts(snapshot, ctl_sasts(snapshot.release))
        if each != first
    ]
    if snapshot.release.lists_phone_sast_trust:
        known = {first.der, *(each.der for each in others)}
        others += [each for each in snapshot.phone_sast if each.der not in known]
    return [
        _sast(snapshot, first, form),
        *_servers(snapshot, form),
        *(_sast(snapshot, other, form) for other in others),
    ]


def token_ctl_records(
    snapshot: ClusterSnapshot,
    tokens: TokenOrder,
    others: Sequence[OtherServer] = (),
) -> list[Record]:
    """Return the records of a CTL that a token signs.

    Args:
        snapshot: The state.
        tokens: The tokens.
        others: Servers outside of the cluster; their place in the file is inferred.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    form = ListForm.CTL_CLIENT
    sasts = _own_sasts(snapshot, token_ctl_sasts(snapshot.release))
    return [
        *(token_record(each) for each in tokens.before),
        *_servers(snapshot, form),
        *(_other(snapshot, each) for each in others),
        *(token_record(each) for each in tokens.after),
        *(_sast(snapshot, each, form) for each in sasts),
    ]


def _other(snapshot: ClusterSnapshot, server: OtherServer) -> Record:
    if not snapshot.is_mixed:
        return emptied_record(server.address, server.address, server.function)
    return record_for(
        server.certificate,
        server.function,
        dns_name=server.address,
        ip_address=server.address,
        form=ListForm.CTL_CLIENT,
    )


def _own_sasts(
    snapshot: ClusterSnapshot, keys: Sequence[SigningKey]
) -> list[Certificate]:
    return [each for each, _ in snapshot.sasts(keys, snapshot.publisher)]


def _servers(snapshot: ClusterSnapshot, form: ListForm) -> Iterator[Record]:
    publisher, *subscribers = snapshot.nodes
    roles = _server_roles(snapshot)
    if (role := roles.get(publisher.id)) is not None:
        yield _server(snapshot, publisher, role, form)
    if snapshot.capf is not None:
        yield _record(publisher, snapshot.capf, Role.CAPF, form)
    for node in subscribers:
        if (role := roles.get(node.id)) is not None:
            yield _server(snapshot, node, role, form)


def _server_roles(snapshot: ClusterSnapshot) -> dict[int, Role]:
    """Return the function of each node that has a record, by its id."""
    first: dict[bytes, int] = {}

    def holder(node: NodeRow) -> int:
        """Return the first node with the same certificate."""
        if not snapshot.is_mixed:
            return node.id
        der = snapshot.certificate(TrustStore.CALLMANAGER, node).der
        return first.setdefault(der, node.id)

    return ctl_servers((holder(node), node.roles) for node in snapshot.nodes)


def _server(
    snapshot: ClusterSnapshot, node: NodeRow, role: Role, form: ListForm
) -> Record:
    if not snapshot.is_mixed:
        return emptied_record(_dns_name(node, form), node.address, role)
    certificate = snapshot.certificate(TrustStore.CALLMANAGER, node)
    return _record(node, certificate, role, form)


def _sast(
    snapshot: ClusterSnapshot, certificate: Certificate, form: ListForm
) -> Record:
    return _record(snapshot.publisher, certificate, Role.SAST, form)


def _record(
    node: NodeRow, certificate: Certificate, role: Role, form: ListForm
) -> Record:
    return record_for(
        certificate,
        role,
        dns_name=_dns_name(node, form),
        ip_address=node.address,
        form=form,
    )


def _dns_name(node: NodeRow, form: ListForm) -> str:
    """Return DNSNAME: the CTL Client writes addresses (REFERENCE 1.7)."""
    return node.address if form is ListForm.CTL_CLIENT else node.name
