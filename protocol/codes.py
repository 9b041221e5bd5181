"""Numbers with names that more than one format uses (REFERENCE 1.2, 1.3, 1.12)."""

from enum import IntEnum, StrEnum, unique
from typing import Final

from tokenless.protocol.release import Release


@unique
class Role(IntEnum):
    """Roles of a certificate: FUNCTION of a record, roles of a TVS answer.

    Unknown numbers stay plain integers. Source: CERTDB enum, observed.
    """

    SAST = 0
    CALLMANAGER = 1
    CCM_TFTP = 2
    TFTP = 3
    CAPF = 4
    SRST = 5
    FIREWALL = 6
    APP_SERVER = 7
    CERTIFICATE_AUTHORITY = 20
    TVS = 21
    SIGNALING_CALL_CONTROL = 22
    PROVISIONING_SERVICE = 23
    DATA_SERVICE = 24
    NETWORK_ELEMENT = 25
    VPN = 26
    SERVICEABILITY = 27
    UNKNOWN = 255


_ROLE_TEXT: Final = {
    Role.SAST: "System Administrator Security Token",
    Role.CALLMANAGER: "CCM",
    Role.CCM_TFTP: "CCM+TFTP",
    Role.APP_SERVER: "APP-SERVER",
}


def role_text(code: int) -> str:
    """Return the words of `show ctl` for a role code, known or not."""
    try:
        role = Role(code)
    except ValueError:
        return str(code)
    return _ROLE_TEXT.get(role, role.name)


def role_name(code: int) -> str:
    """Return the short name of a role code: `SAST`, `CCM+TFTP`, or its number."""
    return "SAST" if code == Role.SAST else role_text(code)


@unique
class Digest(IntEnum):
    """DIGESTALGORITHM of a header. 1 is observed; 2 and 3 are what certutils do."""

    SHA1 = 1
    SHA256 = 2
    SHA512 = 3


@unique
class TrustStore(StrEnum):
    """A place of certificates on a node: an own unit or a trust store (CERTDB)."""

    CALLMANAGER = "CallManager"
    TVS = "TVS"
    CAPF = "CAPF"
    ITLRECOVERY = "ITLRecovery"
    CALLMANAGER_ECDSA = "CallManager-ECDSA"
    TOMCAT = "tomcat"
    TOMCAT_ECDSA = "tomcat-ECDSA"
    IPSEC = "ipsec"
    PHONE_SAST_TRUST = "Phone-SAST-trust"
    PHONE_TRUST = "Phone-trust"
    PHONE_CTL_TRUST = "Phone-CTL-trust"
    PHONE_VPN_TRUST = "Phone-VPN-trust"
    TOMCAT_TRUST = "tomcat-trust"
    CALLMANAGER_TRUST = "CallManager-trust"
    CAPF_TRUST = "CAPF-trust"
    TVS_TRUST = "TVS-trust"
    IPSEC_TRUST = "ipsec-trust"
    PHONE_EDGE_TRUST = "Phone-Edge-trust"

    @property
    def roles(self) -> tuple[int, ...]:
        """The roles that TVS answers for a certificate here, in stored order."""
        return _STORE_ROLES[self]

    @property
    def is_trust_store(self) -> bool:
        """Tell whether it holds other parties' certificates rather than an own one."""
        return self.value.endswith("-trust")


@unique
class NodeRole(StrEnum):
    """Services that are activated on a node; TVS runs on all (REFERENCE-5 5.2)."""

    TFTP = "tftp"
    CALLMANAGER = "callmanager"
    CAPF = "capf"
    """Of the publisher only: phones are sent to no other one (REFERENCE-2 2.1)."""


EVERY_ROLE: Final = frozenset(NodeRole)


def server_role(roles: frozenset[NodeRole]) -> Role | None:
    """Return the FUNCTION of a server with these roles in the CTL; None: it has none.

    CCM+TFTP is observed; that a server with one of both services has CCM or TFTP is
    inferred from the names of the codes.
    """
    if roles >= {NodeRole.TFTP, NodeRole.CALLMANAGER}:
        return Role.CCM_TFTP
    if NodeRole.TFTP in roles:
        return Role.TFTP
    return Role.CALLMANAGER if NodeRole.CALLMANAGER in roles else None


# CAPF runs on the publisher, which makes the ITLRecovery of all (REFERENCE 1.9).
UNITS_OF_EVERY_NODE: Final = (TrustStore.CALLMANAGER, TrustStore.TVS)
"""Units of every node whose certificates phones act on."""
UNITS_OF_PUBLISHER: Final = (TrustStore.CAPF, TrustStore.ITLRECOVERY)
"""Units that the publisher has for all nodes."""
UNITS: Final = UNITS_OF_EVERY_NODE + UNITS_OF_PUBLISHER
UNITS_BESIDE_LISTS: Final = (TrustStore.TOMCAT, TrustStore.IPSEC)
"""Units of every node that no trust list names: browsers, HTTPS and IPsec peers."""


UNITS_WITH_EC_KEYS: Final = (TrustStore.CALLMANAGER_ECDSA, TrustStore.TOMCAT_ECDSA)
"""Units whose keys are EC (REFERENCE-2 1); all others have RSA keys."""
MULTI_SERVER_UNITS: Final = (
    TrustStore.CALLMANAGER,
    TrustStore.CALLMANAGER_ECDSA,
    TrustStore.TOMCAT,
    TrustStore.TOMCAT_ECDSA,
    TrustStore.TVS,
)
"""Units of which one certificate may serve all nodes (REFERENCE-2 2.1)."""


def units_of(*, is_publisher: bool, release: Release) -> tuple[TrustStore, ...]:
    """Return the units that have a certificate on a node.

    Before 14 that is CAPF on every node; only the publisher's is in lists, as CAPF runs
    there (REFERENCE-2 2.1).
    """
    units: tuple[TrustStore, ...] = UNITS if is_publisher else UNITS_OF_EVERY_NODE
    if release.has_capf_everywhere and not is_publisher:
        units += (TrustStore.CAPF,)
    units += UNITS_BESIDE_LISTS
    if release.has_ec_callmanager:
        units += (TrustStore.CALLMANAGER_ECDSA,)
    if release.has_ec_tomcat:
        units += (TrustStore.TOMCAT_ECDSA,)
    return units


def trust_store_of(unit: TrustStore) -> TrustStore:
    """Return the store that has the CAs of a unit's certificate (REFERENCE-2 1, 2.1).

    ITLRecovery has none: no CA signs it. The one of CAPF is not told (inferred).
    """
    match unit:
        case TrustStore.TOMCAT | TrustStore.TOMCAT_ECDSA:
            return TrustStore.TOMCAT_TRUST
        case TrustStore.TVS:
            return TrustStore.TVS_TRUST
        case TrustStore.IPSEC:
            return TrustStore.IPSEC_TRUST
        case TrustStore.CAPF:
            return TrustStore.CAPF_TRUST
        case _:
            return TrustStore.CALLMANAGER_TRUST


# REFERENCE 1.12, observed. Not in that table are ITLRecovery, a SAST of every list that
# holds it, which 7.7 expects TVS to know as one; and the EC units: CallManager-ECDSA
# serves what CallManager does and signs nothing, tomcat-ECDSA is as tomcat (REFERENCE-2
# 1, 9). Both are inferred.
_STORE_ROLES: Final[dict[TrustStore, tuple[int, ...]]] = {
    TrustStore.CALLMANAGER: (Role.CCM_TFTP, Role.SAST),
    TrustStore.TVS: (Role.TVS,),
    TrustStore.CAPF: (Role.CAPF,),
    TrustStore.ITLRECOVERY: (Role.SAST,),
    TrustStore.CALLMANAGER_ECDSA: (Role.CCM_TFTP,),
    TrustStore.TOMCAT: (Role.APP_SERVER,),
    TrustStore.TOMCAT_ECDSA: (Role.APP_SERVER,),
    TrustStore.IPSEC: (Role.APP_SERVER,),
    TrustStore.PHONE_SAST_TRUST: (Role.SAST, Role.TFTP),
    TrustStore.PHONE_TRUST: (Role.APP_SERVER,),
    TrustStore.PHONE_CTL_TRUST: (Role.APP_SERVER,),
    TrustStore.PHONE_VPN_TRUST: (Role.VPN,),
    TrustStore.TOMCAT_TRUST: (Role.APP_SERVER,),
    TrustStore.CALLMANAGER_TRUST: (),
    TrustStore.CAPF_TRUST: (),
    TrustStore.TVS_TRUST: (),
    TrustStore.IPSEC_TRUST: (),
    TrustStore.PHONE_EDGE_TRUST: (),
}
