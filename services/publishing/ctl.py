"""The records of the cluster's CTL, by release, mode and who signs (REFERENCE 1.9).

    without tokens   SAST (signer), publisher, CAPF, subscribers, the other SAST
    with tokens      token 1, publisher, CAPF, subscribers, tokens 2…, further SASTs

In a non-secure cluster servers shrink to what `emptied_record` writes. A CallManager
that several nodes share stands there once, as the first one's (REFERENCE-2 2.2). From
12.5 on the certificates of Phone-SAST-trust follow as SASTs (REFERENCE-2 3.5); their
node name, the publisher's, is inferred.
"""

from collections.abc import Iterator, Sequence
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
from tokenless.services.publishing.papers import Papers
from tokenless.services.store.nodes import NodeRow

CTL_NAME: Final = "CTLFile.tlv"


def ctl_signer(papers: Papers, *, reset: bool = False) -> TrustStore:
    """Return whose key of the publisher signs a CTL without tokens (REFERENCE 2.3).

    Args:
        papers: The state.
        reset: Whether it is for `utils ctl reset localkey`: the CallManager key then.
    """
    if papers.release.recovery_signs and not reset:
        return TrustStore.ITLRECOVERY
    return TrustStore.CALLMANAGER


def ctl_records(papers: Papers, signer: TrustStore) -> list[Record]:
    """Return the records of a CTL that a key of the publisher signs.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    form = ListForm.CUCM
    first = papers.certificate(signer, papers.publisher)
    others = [each for each in _server_sasts(papers) if each != first]
    if papers.release.lists_phone_sast_trust:
        known = {first.der, *(each.der for each in others)}
        others += [each for each in papers.phone_sast if each.der not in known]
    return [
        _sast(papers, first, form),
        *_servers(papers, form),
        *(_sast(papers, other, form) for other in others),
    ]


def token_ctl_records(papers: Papers, tokens: Sequence[Certificate]) -> list[Record]:
    """Return the records of a CTL that the first of these tokens signs.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    form = ListForm.CTL_CLIENT
    first, *more = (token_record(token) for token in tokens)
    sasts = _server_sasts(papers) if papers.release.recovery_in_ctl else []
    return [
        first,
        *_servers(papers, form),
        *more,
        *(_sast(papers, each, form) for each in sasts),
    ]


def _server_sasts(papers: Papers) -> list[Certificate]:
    """Return the cluster's own SASTs: ITLRecovery is none before 10.5(2)."""
    sasts = [papers.certificate(TrustStore.CALLMANAGER, papers.publisher)]
    if papers.release.recovery_in_ctl and papers.recovery is not None:
        sasts.insert(0, papers.recovery)
    return sasts


def _servers(papers: Papers, form: ListForm) -> Iterator[Record]:
    publisher, *subscribers = papers.nodes
    yield _server(papers, publisher, form)
    if papers.capf is not None:
        yield _record(publisher, papers.capf, Role.CAPF, form)
    store = TrustStore.CALLMANAGER
    seen = {papers.certificate(store, publisher).der} if papers.is_mixed else set()
    for node in subscribers:
        if papers.is_mixed:
            der = papers.certificate(store, node).der
            if der in seen:
                continue
            seen.add(der)
        yield _server(papers, node, form)


def _server(papers: Papers, node: NodeRow, form: ListForm) -> Record:
    if not papers.is_mixed:
        return emptied_record(_dns_name(node, form), node.address, Role.CCM_TFTP)
    certificate = papers.certificate(TrustStore.CALLMANAGER, node)
    return _record(node, certificate, Role.CCM_TFTP, form)


def _sast(papers: Papers, certificate: Certificate, form: ListForm) -> Record:
    return _record(papers.publisher, certificate, Role.SAST, form)


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
