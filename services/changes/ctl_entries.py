"""The CTL Client's windows in words: a token's certificate, and the CTL Entries.

Rows stand as in the vendor's windows: CAPF, the servers with the publisher last, tokens
in the order in which they were inserted. Where SASTs of the cluster stand is inferred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role, role_text
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import token_identity
from tokenless.services.changes.ctl_client import order_tokens, tokens_of
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.publishing.ctl import OtherServer, token_ctl_records
from tokenless.services.publishing.snapshot import ClusterSnapshot

COLUMNS: Final = ("Type", "Hostname/IP Address", "Issuer Name", "Subject Name")


@dataclass(frozen=True, slots=True)
class CtlEntry:
    """A row of the CTL Entries."""

    type: str
    host: str
    issuer: str
    subject: str
    record: Record

    @property
    def is_token(self) -> bool:
        """Whether it is a token: its record names no server."""
        return _is_token(self.record)


def token_information(certificate: Certificate) -> tuple[tuple[str, str], ...]:
    """Return label and text of each line of *Security Token Information*.

    Names are those that the file will have, as the window shows them (observed).
    """
    identity = token_identity(certificate)
    return (
        ("Subject Name", identity.subject),
        ("Issuer Name", identity.issuer),
        ("Valid From", f"{certificate.not_before:%m/%d/%Y}"),
        ("Expires on", f"{certificate.not_after:%m/%d/%Y}"),
    )


def draft_entries(
    cluster: Cluster,
    present: TrustList | None,
    tokens: Sequence[Certificate],
    others: Sequence[OtherServer],
) -> list[CtlEntry]:
    """Return the entries of the file to be.

    Args:
        cluster: The cluster.
        present: The server's CTL, None when it has none.
        tokens: The tokens that were inserted, in that order.
        others: Servers outside of the cluster.

    Raises:
        ServiceError: When a node lacks a certificate.
    """
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
    order = order_tokens(present, tokens)
    held = [] if present is None else tokens_of(present)
    listed = list({each.der: each for each in [*held, *tokens]})
    return entries_of(token_ctl_records(snapshot, order, others), listed)


def entries_of(
    records: Sequence[Record], tokens: Sequence[bytes] = ()
) -> list[CtlEntry]:
    """Return the rows of records; tokens (DER) give the order of theirs."""
    places = {der: place for place, der in enumerate(tokens)}

    def place(item: tuple[int, Record]) -> tuple[int, int]:
        number, record = item
        if _is_token(record):
            return 3, places.get(record.certificate_der or b"", number)
        if record.role == Role.SAST:
            return 2, number
        return (0, number) if record.role == Role.CAPF else (1, -number)

    ordered = sorted(enumerate(records), key=place)
    return [_entry(record) for _, record in ordered]


def _entry(record: Record) -> CtlEntry:
    is_token = _is_token(record)
    return CtlEntry(
        "Security Token" if is_token else role_text(record.role),
        "No Hostname" if is_token else record.dns_name or "",
        record.issuer_name or "",
        record.subject_name or "",
        record,
    )


def _is_token(record: Record) -> bool:
    return record.role == Role.SAST and not record.dns_name
