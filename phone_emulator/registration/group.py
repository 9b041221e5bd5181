"""The servers at which a phone registers: read from its flash, without I/O.

The configuration names the nodes of the CallManager group with their ports; the lists
say whose certificate may be shown there. A secure phone whose lists hold no CallManager
makes a plain connection, which the server refuses (REFERENCE-3 4.7); so does a SIP
phone without a certificate of its own (5.2).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.registration.channels import Carrier, TlsOffer
from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.registration.talkers.sip_digest import DigestLogin
from tokenless.phone_emulator.registration.traits import (
    AUTHENTICATED_CIPHERS,
    TRAITS,
    signalling_of,
)
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity, Server
from tokenless.phone_emulator.tvs_client import TlsRange
from tokenless.protocol.checksums import sha1_of
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.alarms import HeldList, TrustListReport
from tokenless.protocol.phones.configuration import CallManagerMember, PhoneConfig
from tokenless.protocol.phones.device_security import DeviceSecurity, DeviceTransport
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.trust.anchor_records import certificates_of

_MAX_NODES: Final = 5
"""More than the three of a real group; a configuration is anybody's until verified."""
_ROLES: Final = (Role.CALLMANAGER, Role.CCM_TFTP)


@dataclass(frozen=True, slots=True)
class Node:
    """One server of the phone's group.

    Attributes:
        name: As the configuration calls it.
        server: Where the phone connects.
        priority: Its place in the group; 0 is the first.
    """

    name: str
    server: Server
    priority: int


@dataclass(frozen=True, slots=True)
class Group:
    """The registration of a phone after a boot: servers and security.

    Attributes:
        signalling: What it speaks.
        nodes: The servers in order of priority.
        carrier: What carries the signalling.
        security: The mode that the configuration asks for.
        offer: What it brings to TLS; None in clear.
        load: The firmware that it says it runs.
        failure: The reason why there is no server to register at.
        lists: What it reports of its trust lists; None before it has booted.
        login: The Digest user and the password of its configuration.
    """

    signalling: Signalling | None
    nodes: tuple[Node, ...] = ()
    carrier: Carrier = Carrier.TCP
    security: DeviceSecurity = DeviceSecurity.NON_SECURE
    offer: TlsOffer | None = None
    load: str = ""
    failure: Failure | None = None
    lists: TrustListReport | None = None
    login: DigestLogin | None = None

    @property
    def is_encrypting(self) -> bool:
        """Return whether its calls may be encrypted: TLS with AES (REFERENCE-4 3.1)."""
        return self.offer is not None and self.security is DeviceSecurity.ENCRYPTED

    @classmethod
    def of(
        cls,
        identity: PhoneIdentity,
        held: FlashContents,
        *,
        own: Path | None = None,
        tls: TlsRange | None = None,
        ports: SecurePorts | None = None,
    ) -> Self:
        """Read what a phone holds.

        Args:
            identity: Which phone it is.
            held: Its flash.
            own: Its LSC, else its MIC, with the key.
            tls: Versions instead of the model's own.
            ports: Where nodes listen for SCCP over TLS.
        """
        config = None if held.configuration is None else _decoded(held.configuration)
        if config is None:
            return cls(None, failure=Failure.NO_CONFIGURATION)
        signalling = signalling_of(identity.model, config)
        offer = _offer(identity, config, held, own, tls)
        carrier = (
            Carrier.TLS if offer is not None else _clear_carrier(signalling, config)
        )
        nodes = tuple(_nodes(config, signalling, carrier, ports or SecurePorts()))
        return cls(
            signalling,
            nodes,
            carrier,
            _mode(config),
            offer,
            config.load or identity.model.load,
            None if nodes else Failure.NO_CALLMANAGER,
            _lists(identity, held),
            _login(config),
        )


def _lists(identity: PhoneIdentity, held: FlashContents) -> TrustListReport:
    """Return what the phone says of its lists (REFERENCE 4.4).

    A flash does not tell which server a list came from: the first one is named.
    """
    server = identity.servers[0].address if identity.servers else ""
    itl, ctl = (
        HeldList() if data is None else HeldList(sha1_of(data), server)
        for data in (held.itl, held.ctl)
    )
    return TrustListReport(identity.device, itl, ctl)


def _login(config: PhoneConfig) -> DigestLogin | None:
    if not config.digest_user:
        return None
    return DigestLogin(config.digest_user, config.digest_password)


def _mode(config: PhoneConfig) -> DeviceSecurity:
    """Return the mode; a number that is none of the vendor's counts as non-secure."""
    known = {int(each): each for each in DeviceSecurity}
    return known.get(config.security_mode, DeviceSecurity.NON_SECURE)


def _nodes(
    config: PhoneConfig, signalling: Signalling, carrier: Carrier, ports: SecurePorts
) -> list[Node]:
    members = sorted(config.callmanagers, key=lambda member: member.priority)
    usable = [member for member in members if member.address][:_MAX_NODES]
    return [
        Node(
            member.name,
            Server(member.address, _port(member, signalling, carrier, ports)),
            place,
        )
        for place, member in enumerate(usable)
    ]


def _port(
    member: CallManagerMember,
    signalling: Signalling,
    carrier: Carrier,
    ports: SecurePorts,
) -> int:
    is_secure = carrier is Carrier.TLS
    if signalling is Signalling.SIP:
        return member.sips_port if is_secure else member.sip_port
    return ports.of(member.address) if is_secure else member.sccp_port


def _clear_carrier(signalling: Signalling, config: PhoneConfig) -> Carrier:
    is_udp = config.transport == DeviceTransport.UDP
    return Carrier.UDP if signalling is Signalling.SIP and is_udp else Carrier.TCP


def _offer(
    identity: PhoneIdentity,
    config: PhoneConfig,
    held: FlashContents,
    own: Path | None,
    tls: TlsRange | None,
) -> TlsOffer | None:
    """Return what a secure phone brings to TLS, None where it connects in clear."""
    mode = _mode(config)
    if mode is DeviceSecurity.NON_SECURE:
        return None
    is_sip = signalling_of(identity.model, config) is Signalling.SIP
    if is_sip and (own is None or config.transport != DeviceTransport.TLS):
        return None
    certificates = callmanagers_believed(held)
    if not certificates:
        return None
    oldest, newest = tls or identity.model.tls
    ciphers = TRAITS[identity.model_name].ciphers
    if mode is DeviceSecurity.AUTHENTICATED:
        # TLS 1.3 has no cipher without encryption that OpenSSL would speak.
        ciphers, newest = AUTHENTICATED_CIPHERS, min(newest, "1.2")
    by_itl = _callmanagers_in(held.ctl) is None
    distrust = Failure.NOT_IN_ITL if by_itl else Failure.NOT_IN_CTL
    return TlsOffer((oldest, newest), ciphers, certificates, own, distrust)


def callmanagers_believed(held: FlashContents) -> frozenset[bytes]:
    """Return the certificates of CallManagers that a phone would register at."""
    ctl = _callmanagers_in(held.ctl)
    return (_callmanagers_in(held.itl) or frozenset()) if ctl is None else ctl


@lru_cache(maxsize=64)
def _callmanagers_in(data: bytes | None) -> frozenset[bytes] | None:
    """Return the certificates of CallManagers in a list; None without a list.

    Kept for the lists of a fleet, which all hold the same few.
    """
    if data is None:
        return None
    try:
        held = TrustList.decode(data)
    except DecodeError:
        return None
    return frozenset(der for role in _ROLES for der in certificates_of(held, role))


@lru_cache(maxsize=64)
def _decoded(configuration: bytes) -> PhoneConfig | None:
    """Return what a configuration says, None when it cannot be read."""
    try:
        return PhoneConfig.decode(configuration)
    except DecodeError:
        return None
