"""Observed state of a cluster: files by node, answers by TVS member. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.secd.files import names_of
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import TlsVersion
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.answers import Answer


@dataclass(frozen=True, slots=True)
class Missing:
    """A file that did not arrive."""

    reason: str
    is_absent: bool
    """The server said that it has no such file."""
    is_silence: bool = False
    """The server said nothing; else it refused, or broke off."""


@dataclass(frozen=True)
class Node:
    """One TFTP server and the files that it served."""

    server: Server
    files: Mapping[str, bytes | Missing] = field(repr=False)
    """By the name that was asked for."""
    device: str
    over_http: Mapping[str, bytes | Missing] = field(default_factory=dict, repr=False)
    """The same over HTTP; empty when that was not asked."""

    def __str__(self) -> str:
        """Return its name."""
        return self.name

    @cached_property
    def name(self) -> str:
        """The name that its own ITL has for its address, else address and port."""
        itl = self.itl
        own = (
            None
            if itl is None
            else next(
                (
                    record.dns_name
                    for record in itl.records
                    if record.dns_name and record.ip_address == self.server.address
                ),
                None,
            )
        )
        return str(self.server) if own is None else printable(own)

    def find(self, kind: FileKind, *, signed: bool = False) -> bytes | Missing:
        """Return what a phone gets that tries the names of a file in order.

        It goes on to the next name only where the server says that there is no file.
        """
        file: bytes | Missing = Missing("the server was not asked for", is_absent=True)
        for name in names_of(kind, self.device, signed=signed):
            file = self.files.get(name, file)
            if kind is not FileKind.CONFIGURATION and file == b"":
                file = Missing("it is empty", is_absent=True)  # for phones, too
            if isinstance(file, bytes) or not file.is_absent:
                return file
        return file

    def serves_empty(self, kind: FileKind) -> bool:
        """Return whether a list is served without a byte in it."""
        names = names_of(kind, self.device, signed=False)
        return any(self.files.get(name) == b"" for name in names)

    @property
    def is_silent(self) -> bool:
        """Return whether no request was answered at all."""
        return all(
            isinstance(each, Missing) and each.is_silence
            for each in self.files.values()
        )

    @cached_property
    def ctl(self) -> TrustList | None:
        """The CTL, None when there is none that can be read."""
        return _decoded(self.find(FileKind.CTL))

    @cached_property
    def itl(self) -> TrustList | None:
        """The ITL, None when there is none that can be read."""
        return _decoded(self.find(FileKind.ITL))

    @cached_property
    def configuration(self) -> PhoneConfig | None:
        """The configuration, None when there is none that can be read.

        The plain one, or where there is none what was signed: a server that is not
        CUCM may have signed files only.
        """
        data = self.find(FileKind.CONFIGURATION)
        if isinstance(data, bytes):
            return decode_configuration(data)
        signed = self.signed_configuration
        return None if signed is None else decode_configuration(signed.payload)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether that configuration is the small file of an encrypted one."""
        return self.configuration is not None and self.configuration.encrypted

    @property
    def knows_callmanagers(self) -> bool:
        """Tell whether the configuration names CallManagers, and could be read there.

        XMLDefault.cnf.xml names none where auto-registration is off.
        """
        return self.configuration is not None and bool(self.configuration.callmanagers)

    @cached_property
    def signed_configuration(self) -> SignedFile | None:
        """The signed configuration, None when there is none that can be read."""
        data = self.find(FileKind.CONFIGURATION, signed=True)
        if isinstance(data, Missing):
            return None
        try:
            return SignedFile.decode(data)
        except DecodeError:
            return None


def decode_configuration(data: bytes) -> PhoneConfig | None:
    """Return a configuration, None when it cannot be read."""
    try:
        return PhoneConfig.decode(data)
    except DecodeError:
        return None


def _decoded(data: bytes | Missing) -> TrustList | None:
    if isinstance(data, Missing):
        return None
    try:
        return TrustList.decode(data)
    except DecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Member:
    """One TVS server and its answers."""

    server: Server
    certificate: bytes | None
    """DER of its certificate; None when no TLS connection could be made."""
    versions: tuple[TlsVersion, ...] = ()
    """The TLS versions that it accepts."""
    answers: Mapping[SignerId, Answer | str] = field(default_factory=dict, repr=False)
    """Its answer about each signer and certificate; text says why there is none."""
    reason: str | None = None
    """The reason why there is no connection."""

    def __str__(self) -> str:
        """Name it by its address."""
        return f"TVS {self.server}"


@dataclass(frozen=True, slots=True)
class CapfView:
    """One CAPF server and the certificate that it shows."""

    server: Server
    certificate: Certificate | None
    """None when no TLS connection could be had, or it cannot be read."""
    reason: str | None = None
    """The reason why there is none."""

    def __str__(self) -> str:
        """Name it by its address."""
        return f"CAPF {self.server}"

    @property
    def subject(self) -> SignerId | None:
        """Return the certificate that TVS is asked about."""
        shown = self.certificate
        if shown is None:
            return None
        return SignerId(shown.subject_text, shown.issuer_text, shown.serial_number)


@dataclass(frozen=True, slots=True)
class CallManagerView:
    """One secure port of a CallManager, and its certificate."""

    name: str
    """The node's, as the configuration has it."""
    server: Server
    signalling: Signalling
    certificate: Certificate | None
    """None when it shows none, or it cannot be read."""
    versions: tuple[TlsVersion, ...] = ()
    """The TLS versions that it accepts."""
    models: Mapping[str, bool] = field(default_factory=dict)
    """True if it agrees on a version and a cipher with each model."""
    reason: str | None = None
    """The reason why there is no certificate."""

    def __str__(self) -> str:
        """Name it by its node."""
        return f"CallManager {printable(self.name or str(self.server))}"


@dataclass(frozen=True)
class Observation:
    """A cluster, seen once."""

    nodes: Sequence[Node]
    members: Sequence[Member]
    device: str
    at: float
    """The time, in Unix seconds."""
    members_guessed: bool = False
    """No configuration lists TVS members: the nodes of the ITLs were asked."""
    capf: Sequence[CapfView] = ()
    """The CAPF servers of the configurations, or those that were named."""
    callmanagers: Sequence[CallManagerView] = ()
    """The secure ports, of those that models register at, of the configurations'
    CallManagers; where no configuration names any, of those that lists have."""

    @cached_property
    def lists(self) -> tuple[tuple[Node, FileKind, TrustList], ...]:
        """Every list that could be read, with the node that served it."""
        return tuple(
            (node, kind, file)
            for node in self.nodes
            for kind, file in (
                (FileKind.CTL, node.ctl),
                (FileKind.ITL, node.itl),
            )
            if file is not None
        )

    @property
    def subjects(self) -> tuple[SignerId, ...]:
        """All signers and members of lists and files, and CAPF; signers come first."""
        signers = [trust_list.signer for _, _, trust_list in self.lists]
        signers += [
            node.signed_configuration.signer
            for node in self.nodes
            if node.signed_configuration is not None
        ]
        members = [
            SignerId(
                record.subject_name or "",
                record.issuer_name or "",
                record.serial_number,
            )
            for _, _, trust_list in self.lists
            for record in trust_list.records
            if record.serial_number
        ]
        capf = [each.subject for each in self.capf if each.subject is not None]
        return tuple(dict.fromkeys([*signers, *members, *capf]))
