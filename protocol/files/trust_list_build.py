"""Build records and sign trust lists, as CUCM's CLI or as the CTL Client does.

The two forms differ in names, serials and elements (REFERENCE 1.7); the lengths of both
are known exactly (REFERENCE 1.8).
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, unique
from functools import lru_cache
from ipaddress import ip_address as parse_address
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.errors import BuildError
from tokenless.protocol.files.header_build import (
    HeaderPlan,
    identity_of,
    sign_with_header,
)
from tokenless.protocol.files.header_fields import SignerId, encode_text
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, MAX_ELEMENT_LENGTH

LIST_VERSION: Final = (1, 2)
"""The version that CUCM writes since 8.0; phones that read 1.1 ask for files over HTTPS
(6971)."""
ADVANCED_ENCRYPTION_VERSION: Final = (1, 1)
"""Element 28 of a cluster with advanced encryption algorithms (REFERENCE 1.5)."""
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a token has no address; nothing is bound


@unique
class ListForm(Enum):
    """Program whose conventions a list follows."""

    CUCM = "cucm"
    """The CLI: `utils ctl update CTLFile`, and every ITL."""
    CTL_CLIENT = "ctl-client"
    """The CTL Client: servers named by address, no element 8."""
    COMMA = "comma"
    """certutils: `,` in names, the certificate's order of attributes."""

    @property
    def server_names(self) -> NameForm:
        """Form of servers' names; tokens have their own form."""
        return NameForm.COMMA if self is ListForm.COMMA else NameForm.CUCM


def record_for(
    certificate: Certificate,
    role: int,
    *,
    dns_name: str | None,
    ip_address: str | None,
    form: ListForm = ListForm.CUCM,
) -> Record:
    """Build the record of a server's certificate; None leaves an element out.

    In the CTL Client's form the caller gives the address as `dns_name` too.

    Raises:
        BuildError: When the names are too long for a record.
        DecodeError: When the parts do not make a record (a NUL in a name).
        ValueError: When the address is none.
    """
    return _server_record(certificate, role, (dns_name, ip_address), form)


@lru_cache(maxsize=1024)  # the lists of all nodes have most of their records in common
def _server_record(
    certificate: Certificate,
    role: int,
    place: tuple[str | None, str | None],
    form: ListForm,
) -> Record:
    return _record(
        certificate,
        role,
        identity_of(certificate, form.server_names),
        place,
        with_signature=form is not ListForm.CTL_CLIENT,
    )


def token_record(certificate: Certificate) -> Record:
    """Build the record of a security token, as the CTL Client does (REFERENCE 1.7).

    Its address is not published; a token has none, so zeros are written (inferred).
    """
    return _record(
        certificate,
        Role.SAST,
        token_identity(certificate),
        ("", _NO_ADDRESS),
        with_signature=False,
    )


def token_identity(certificate: Certificate) -> SignerId:
    """Return names and serial of a token as the CTL Client writes them."""
    identity = identity_of(certificate, NameForm.CTL_CLIENT)
    return replace(identity, serial=identity.serial[::-1])


def emptied_record(dns_name: str, ip_address: str, role: int) -> Record:
    """Build what remains of a server in a non-secure cluster (REFERENCE 1.9).

    Raises:
        BuildError, DecodeError, ValueError: As `record_for`.
    """
    return _compose(
        [
            (RecordTag.DNS_NAME, encode_text(dns_name)),
            (RecordTag.FUNCTION, role.to_bytes(2)),
            (RecordTag.IP_ADDRESS, _packed(ip_address)),
        ]
    )


def sign_trust_list(
    filename: str,
    records: Sequence[Record],
    signer: Signer,
    *,
    timestamp: int,
    digest: Digest = Digest.SHA1,
    form: ListForm = ListForm.CUCM,
    signer_version: tuple[int, int] | None = None,
    version: tuple[int, int] = LIST_VERSION,
) -> TrustList:
    """Sign records as a trust list.

    Args:
        filename: FILENAME of the header: `CTLFile.tlv` or `ITLFile.tlv`.
        records: The members, in the order of the file.
        signer: The signer; it is named as its own SAST record names it.
        timestamp: Unix seconds of signing.
        digest: SHA-1 unless the cluster says otherwise.
        form: How a signer without a record is named.
        signer_version: Element 28, which lists before 12.x do not have.
        version: VERSION of the header, 1.2 or 1.1.

    Raises:
        BuildError: When the signer's key has no code or the header is too long.
        DecodeError: When a record is malformed.
    """
    plan = HeaderPlan(
        version,
        _identity(signer.certificate, records, form),
        digest,
        filename,
        timestamp,
        signer_version,
    )
    body = b"".join(record.encode() for record in records)
    return TrustList.decode(sign_with_header(plan, body, signer))


def _identity(
    certificate: Certificate, records: Sequence[Record], form: ListForm
) -> SignerId:
    """Name the signer as its SAST record does, so that readers find it by its names."""
    for record in records:
        if (
            record.is_sast
            and record.certificate_der == certificate.der
            and record.subject_name is not None
            and record.issuer_name is not None
            and record.serial_number is not None
        ):
            return SignerId(
                record.subject_name, record.issuer_name, record.serial_number
            )
    if form is ListForm.CTL_CLIENT:
        return token_identity(certificate)
    return identity_of(certificate, form.server_names)


def _record(
    certificate: Certificate,
    role: int,
    identity: SignerId,
    place: tuple[str | None, str | None],
    *,
    with_signature: bool,
) -> Record:
    dns_name, address = place
    elements: list[tuple[int, bytes]] = [
        (RecordTag.SUBJECT_NAME, encode_text(identity.subject)),
        (RecordTag.FUNCTION, role.to_bytes(2)),
        (RecordTag.ISSUER_NAME, encode_text(identity.issuer)),
        (RecordTag.SERIAL_NUMBER, identity.serial),
        (RecordTag.PUBLIC_KEY, certificate.public_key_bytes),
        (RecordTag.SIGNATURE, certificate.signature_value),
        (RecordTag.CERTIFICATE, certificate.der),
    ]
    if not with_signature:
        elements = [pair for pair in elements if pair[0] != RecordTag.SIGNATURE]
    if dns_name is not None:
        elements.insert(0, (RecordTag.DNS_NAME, encode_text(dns_name)))
    if address is not None:
        elements.append((RecordTag.IP_ADDRESS, _packed(address)))
    return _compose(elements)


def _packed(address: str) -> bytes:
    """Return the bytes of an address; element 10 has no room for a scope (`%eth0`).

    Raises:
        ValueError: When it is none, or has a scope.
    """
    if "%" in address:
        reason = f"{address!r} names an interface of one machine; leave out its %…"
        raise ValueError(reason)
    return parse_address(address).packed


def _compose(elements: list[tuple[int, bytes]]) -> Record:
    length = ELEMENT_HEAD_LENGTH + 2
    length += sum(ELEMENT_HEAD_LENGTH + len(value) for _, value in elements)
    if length > MAX_ELEMENT_LENGTH:
        raise BuildError("the names make the record longer than 65,535 bytes")
    head = (int(RecordTag.RECORD_LENGTH), length.to_bytes(2))
    return compose_record((head, *elements))
