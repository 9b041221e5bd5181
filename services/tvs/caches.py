"""The caches of TVS: the DB cache and the CTL cache (REFERENCE 3.6, 10.2).

Both map a unique key, upper-case hexadecimal serial and issuer name, to a certificate
with its roles. Each is replaced as a whole and never changed in place, so an answer
cannot mix two states, and the process that fills them may be away while they are asked.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Self, TypeAlias

import structlog

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import DistinguishedName, NameForm
from tokenless.protocol.errors import ProtocolError, UnknownSignerError
from tokenless.protocol.files.trust_list import Record, TrustList
from tokenless.protocol.tvs.messages import DEFAULT_TTL_S, Status, pack_answer_body
from tokenless.services.tvs import log_lines

Admits: TypeAlias = Callable[[Certificate], bool]
"""Says whether a CTL file's signer is vouched for by something other than that file."""

# Longer names are not worth the work of bringing them into another form. Phones that
# write names in another form ask about the same few issuers again and again.
_LONGEST_NAME: Final = 512
_NAMES_REMEMBERED: Final = 1024
# What leaves room in an answer for the other elements.
_LARGEST_CERTIFICATE: Final = 0xFF00
_HIGHEST_ROLE: Final = 0xFF


@unique
class CacheName(StrEnum):
    """Cache in which an entry was found; as `show tvs cache` prints it."""

    DB = "DB"
    CTL = "CTL"


@unique
class CtlAdmission(StrEnum):
    """Files that may fill the CTL cache: the setting `tvs.ctl_cache`."""

    AS_DOCUMENTED = "as-documented"
    """One whose signature verifies under a signer that the cluster vouches for."""
    AS_LOGGED = "as-logged"
    """Any well-formed one, as the vendor's log shows. Anyone who can write that file
    can then make every phone trust it: for study only."""


@dataclass(frozen=True, slots=True)
class CachedCertificate:
    """A certificate that TVS knows, and its answers in the form they leave in."""

    der: bytes
    subject: str
    issuer: str
    """The name in the form of keys: `;` form for our own, as recorded for a CTL's."""
    serial: bytes
    """Raw; a token's record of a CTL Client file has it reversed (REFERENCE 1.7)."""
    roles: tuple[int, ...]
    """In stored order, which answers keep."""
    ttl: int = DEFAULT_TTL_S
    query_body: bytes = field(init=False, repr=False, compare=False)
    """The body of a positive answer to QUERY: built once, sent to every phone."""
    verify_body: bytes = field(init=False, repr=False, compare=False)
    """The body of a positive answer to VERIFY."""

    def __post_init__(self) -> None:
        query = pack_answer_body(Status.TRUSTED, self.der, self.roles, self.ttl)
        verify = pack_answer_body(Status.TRUSTED, None, self.roles, self.ttl)
        object.__setattr__(self, "query_body", query)
        object.__setattr__(self, "verify_body", verify)

    @classmethod
    def of(
        cls,
        certificate: Certificate,
        roles: Iterable[int],
        *,
        ttl: int = DEFAULT_TTL_S,
    ) -> Self:
        """Take names and serial number from the certificate itself."""
        return cls(
            der=certificate.der,
            subject=certificate.subject_text,
            issuer=certificate.issuer_text,
            serial=certificate.serial_number,
            roles=tuple(roles),
            ttl=ttl,
        )

    @classmethod
    def of_record(cls, record: Record, *, ttl: int = DEFAULT_TTL_S) -> Self:
        """Take names and serial number as a CTL record has them.

        What the record does not say, its certificate does.

        Raises:
            ValueError: When the record holds no certificate (a caller's mistake).
        """
        certificate = record.certificate
        if certificate is None:
            raise ValueError("an emptied record has nothing to vouch for")
        return cls(
            der=certificate.der,
            subject=record.subject_name or certificate.subject_text,
            issuer=record.issuer_name or certificate.issuer_text,
            serial=record.serial_number or certificate.serial_number,
            roles=(record.role,),
            ttl=ttl,
        )

    @property
    def serial_hex(self) -> str:
        """The serial number as keys and logs have it."""
        return self.serial.hex().upper()

    @property
    def key(self) -> str:
        """The unique key: serial number and issuer, without anything between."""
        return self.serial_hex + self.issuer

    def with_roles_of(self, other: "CachedCertificate") -> "CachedCertificate":
        """Return the same certificate with another's roles after its own."""
        more = tuple(role for role in other.roles if role not in self.roles)
        return replace(self, roles=self.roles + more)


@lru_cache(maxsize=_NAMES_REMEMBERED)
def _in_form(name: str, form: NameForm) -> str | None:
    """Bring a name into another form; None when it is not a name."""
    if len(name) > _LONGEST_NAME:
        return None
    try:
        return DistinguishedName.parse(name).render(form)
    except ProtocolError:
        return None


class Index:
    """An unchangeable set of certificates, found by key or by their own bytes."""

    __slots__ = ("_by_der", "_by_key", "_entries")

    def __init__(self, entries: Iterable[CachedCertificate] = ()) -> None:
        unique_entries: dict[str, CachedCertificate] = {}
        for entry in entries:
            known = unique_entries.get(entry.key)
            # Two certificates with one key: the first stays, as a key is unique.
            if known is None:
                unique_entries[entry.key] = entry
            elif known.der == entry.der:
                unique_entries[entry.key] = known.with_roles_of(entry)
        self._entries = MappingProxyType(unique_entries)
        self._by_der = {entry.der: entry for entry in unique_entries.values()}
        self._by_key = dict(unique_entries)
        for entry in unique_entries.values():
            for form in NameForm:
                other = _in_form(entry.issuer, form)
                if other is not None:
                    self._by_key.setdefault(entry.serial_hex + other, entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[CachedCertificate]:
        return iter(self._entries.values())

    def find(self, serial_hex: str, issuer: str) -> CachedCertificate | None:
        """Look up by key, whatever form of name the phone has (`;`, `,`, `cn=`)."""
        entry = self._by_key.get(serial_hex + issuer)
        if entry is None and (ordered := _in_form(issuer, NameForm.CUCM)) is not None:
            entry = self._by_key.get(serial_hex + ordered)
        return entry

    def find_exact(self, der: bytes) -> CachedCertificate | None:
        """Look up a certificate by all its bytes; nothing is parsed."""
        return self._by_der.get(der)


class DbCache:
    """The certificates of the node's database that have a role."""

    def __init__(self) -> None:
        self.index = Index()

    def replace(self, entries: Iterable[CachedCertificate]) -> None:
        """Hold exactly these entries from now on; those without a role are left out."""
        self.index = Index(entry for entry in entries if entry.roles)


@dataclass(frozen=True, slots=True)
class CtlRefill:
    """Result of offering a `CTLFile.tlv` to the CTL cache."""

    entries: int
    refused: str | None = None
    """The reason why nothing was admitted; None also when there is no file."""


class CtlCache:
    """The certificates of the node's `CTLFile.tlv`."""

    def __init__(
        self, log: structlog.typing.FilteringBoundLogger | None = None
    ) -> None:
        self.index = Index()
        self._file: bytes | None = None
        self._log = structlog.get_logger() if log is None else log

    def replace(
        self,
        ctl: bytes | None,
        admits: Admits,
        mode: CtlAdmission = CtlAdmission.AS_DOCUMENTED,
    ) -> CtlRefill:
        """Hold exactly what this CTL file vouches for from now on.

        A file that may not be admitted empties the cache: what it replaced on the node
        is gone, and an unknown file must not vouch for anyone (REFERENCE 10.2).

        Args:
            ctl: The file's bytes, or None when there is none.
            admits: Whether the cluster vouches for a signer's certificate.
            mode: Which files are admitted.
        """
        self.index = Index()
        try:
            records = () if ctl is None else _admitted_records(ctl, admits, mode)
            entries = [
                CachedCertificate.of_record(record)
                for record in records
                if _is_answerable(record)
            ]
        except ProtocolError as error:
            return self._refuse(str(error))
        except Exception as fault:  # noqa: BLE001 - refused, whatever it raises
            # A file that anybody may have written must not end all nodes of a host,
            # not even by a fault of this program.
            self._log.exception("CTL file not read: a fault of this program")
            return self._refuse(f"internal error: {type(fault).__name__}")
        self.index = Index(entries)
        if ctl != self._file:  # else only those who vouch for its signer have changed
            for line in log_lines.ctl_recached(entry.key for entry in entries):
                self._log.debug(line)
        self._file = ctl
        return CtlRefill(len(self.index))

    def _refuse(self, why: str) -> CtlRefill:
        self._file = None
        self._log.warning("CTL file not admitted to the CTL cache", why=why)
        return CtlRefill(0, why)


def _admitted_records(
    ctl: bytes, admits: Admits, mode: CtlAdmission
) -> tuple[Record, ...]:
    """Return the records that may vouch.

    Raises:
        ProtocolError: When the file is malformed, or (as documented) its signature does
            not hold or its signer is not vouched for.
    """
    trust_list = TrustList.decode(ctl)
    if mode is CtlAdmission.AS_DOCUMENTED:
        _check_signer(trust_list, admits)
    return trust_list.records


def _is_answerable(record: Record) -> bool:
    """Tell whether an answer can hold the record: roles have 16 bits here, 8 in TVS."""
    der = record.certificate_der
    return (
        der is not None
        and len(der) <= _LARGEST_CERTIFICATE
        and record.role <= _HIGHEST_ROLE
    )


def _check_signer(trust_list: TrustList, admits: Admits) -> None:
    record = trust_list.signing_record()
    if record is None or record.certificate_der is None:
        raise UnknownSignerError("no record of the file holds its signer's certificate")
    signer = Certificate.decode(record.certificate_der)
    if not admits(signer):
        raise UnknownSignerError(
            f"its signer {signer.subject_text} is neither one of the cluster's own "
            "certificates nor in Phone-SAST-trust"
        )
    trust_list.verify(signer.public_key)


@dataclass(frozen=True, slots=True)
class Caches:
    """The two caches of one daemon."""

    db: DbCache = field(default_factory=DbCache)
    ctl: CtlCache = field(default_factory=CtlCache)

    def snapshot(self) -> tuple[tuple[CacheName, CachedCertificate], ...]:
        """Return all entries, in the order in which the caches are asked."""
        return tuple(
            (name, entry)
            for name, index in (
                (CacheName.DB, self.db.index),
                (CacheName.CTL, self.ctl.index),
            )
            for entry in index
        )
