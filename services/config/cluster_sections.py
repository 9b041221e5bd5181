"""The tables that say what a cluster is: they are read when its data folder is made.

The sentences under the keys are what administrators read in docs/configuration.md.
"""

from typing import Annotated, Literal

import msgspec

from tokenless.protocol.codes import EVERY_ROLE, NodeRole
from tokenless.protocol.phones.models import DEVICE_NAME
from tokenless.services.config.declaration import (
    AppliedSection,
    Days,
    HostName,
    KeySize,
    Section,
    Word,
)


class ClusterSection(Section, frozen=True):
    """`[cluster]`: properties of the cluster."""

    name: Word = "cluster"
    """The name of the cluster in reports."""
    version: str = "10.5(1)"
    """The emulated release; decides the signers (REFERENCE 1.9, 1.10, 2.3)."""
    auto_registration: bool = True
    """True to give any device's name a configuration of the default device pool."""
    export_controlled_functionality: bool = True
    """True if the licence is present without which mixed mode is refused (REFERENCE
    6.1)."""
    phone_interaction: Literal["automatic", "manual"] | None = None
    """Phone Interaction on Certificate Update (REFERENCE-2 3.4), from 12.5 on:
    automatic or manual resets of phones when a certificate changes. Default: automatic
    from 14 on, else manual."""
    capf: HostName | None = None
    """The common name of the CAPF certificate; generated when it is not given."""
    manufacturer: str = ""
    """The folder of an emulated manufacturer of phones that several clusters trust; the
    data folder's own when empty."""
    domain: HostName | None = None
    """The domain that follows the node's name in common names of certificates."""


class SubjectSection(Section, frozen=True):
    """`[certificates.subject]`: the attributes in addition to the common name."""

    organizational_unit: str = "TAC"
    """The attribute OU."""
    organization: str = "Cisco"
    """The attribute O."""
    locality: str = "Krakow"
    """The attribute L."""
    state: str = "Malopolska"
    """The attribute ST."""
    country: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z", description="two capital letters")
    ] = "PL"
    """The attribute C: two letters."""


class CertificatesSection(Section, frozen=True):
    """`[certificates]`: properties of the cluster's own certificates."""

    key_size: KeySize = 2048
    """Bits of the keys of the first certificates."""
    regenerated_key_size: KeySize = 2048
    """Bits of the keys of regenerated certificates."""
    validity_days: Days = 1825
    """Days for which a certificate is valid."""
    recovery_validity: Literal["by-release", "as-others"] = "by-release"
    """Validity of ITLRecovery; by release: 20 years from 12.0 on (REFERENCE-2 3.2)."""
    multi_server: tuple[
        Literal["CallManager", "CallManager-ECDSA", "tomcat", "tomcat-ECDSA", "TVS"],
        ...,
    ] = ()
    """Units whose first certificate is one for all nodes. Before 14 it is self-signed
    in place of one that a CA signed (docs/certificates.md)."""
    require_client_auth: bool = False
    """True to refuse an own certificate of a CA without clientAuth, which public CAs
    leave out from 2026 on (REFERENCE-2 2.5); otherwise a warning is printed."""
    digest: Literal["sha1", "sha256"] = "sha1"
    """Digest of the signatures of certificates and lists; 7900 phones verify SHA-1
    only."""
    bulk_folder: str = ""
    """The folder through which clusters exchange certificates in bulk; `bulk` in the
    data folder when empty."""
    subject: SubjectSection = SubjectSection()


class NodeSection(Section, frozen=True):
    """`[[nodes]]`: one server."""

    name: HostName
    """The common name of its certificates, followed by the domain."""
    address: str
    """The IPv4 address of the node: trust lists contain it, phones are sent to it, and
    the services listen on it, unless `listen.address` is another one."""
    publisher: bool = False
    """True for the publisher: exactly one node."""
    roles: tuple[NodeRole, ...] | None = None
    """The services that are activated: `tftp`, `callmanager` and, on the publisher,
    `capf`; all of them when it is not given. TVS runs on every node."""

    @property
    def activated(self) -> frozenset[NodeRole]:
        """The services that are activated on it."""
        roles = EVERY_ROLE if self.roles is None else frozenset(self.roles)
        return roles if self.publisher else roles - {NodeRole.CAPF}


class CallManagerGroupSection(Section, frozen=True):
    """`[[callmanager_groups]]`: nodes in order of priority."""

    name: Word
    """Device pools refer to it."""
    members: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=5)]
    """Names of nodes."""


class DateTimeGroupSection(Section, frozen=True):
    """`[[date_time_groups]]`: the clock of phones; device pools refer to it."""

    name: Word
    """Device pools refer to it."""
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    """The vendor's name of the zone: `UTC`, `Central Europe Standard/Daylight Time`."""
    date_template: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[DMY]{1,2}[/.-][DMY]{1,2}[/.-][DMYA]{1,2}\Z",
            description="a form of dates as D/M/Y or M/D/YA",
        ),
    ] = "D/M/Y"
    """Format of a date on phones: `D/M/Y`, `M/D/YA`."""


class DevicePoolSection(Section, frozen=True):
    """`[[device_pools]]`: phones that have a CallManager group in common."""

    name: Word
    """Devices refer to it."""
    callmanager_group: str
    """The group of nodes at which its phones register and whose TVS they ask."""
    default: bool = False
    """True for the pool of auto-registered phones."""
    model: str = "7975"
    """The model of auto-registered phones; it decides their firmware load."""
    date_time_group: str | None = None
    """The date/time group of its phones; default: UTC."""


class DeviceSection(Section, frozen=True):
    """`[[devices]]`: a phone that is configured by hand."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=rf"^(?:{DEVICE_NAME})\Z",
            description="a device's name: SEP001122334455, CSFJDOE",
        ),
    ]
    """SEP and the MAC address, or the name of a soft phone."""
    device_pool: str
    """The device pool of the phone."""
    model: str = "7975"
    """The model; it decides the firmware load, and whether the phone asks TVS."""
    security_mode: Literal[1, 2, 3] = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""


class ParametersSection(AppliedSection, frozen=True):
    """`[parameters]`: enterprise and service parameters that `[cluster]` has not.

    A parameter that is left out stays as it is.
    """

    tftp_file_signature_algorithm: Literal["SHA-1", "SHA-512"] | None = None
    """TFTP File Signature Algorithm, of lists and configurations from 12.0 on
    (REFERENCE 1.6)."""
    tls_ciphers: (
        Literal[
            "all-rsa",
            "all-ecdsa",
            "medium-rsa",
            "medium-ecdsa",
            "strongest-rsa",
            "strongest-ecdsa",
        ]
        | None
    ) = None
    """TLS Ciphers of Cisco CallManager (REFERENCE-5 4.1)."""
    capf_operation_expires_in: Annotated[int, msgspec.Meta(ge=1, le=365)] | None = None
    """CAPF Operation Expires in, in days (REFERENCE-5 4.1)."""
    endpoint_advanced_encryption: bool | None = None
    """Endpoint Advanced Encryption Algorithms Support, from 12.0 on (REFERENCE-2 1)."""


class TrustStoreSection(AppliedSection, frozen=True):
    """`[[trust_stores]]`: certificates that a trust store shall hold, besides others.

    Those of the cluster itself and of phones' manufacturers come without being named.
    """

    name: Word
    """The store: `Phone-SAST-trust`, `CallManager-trust`, `CAPF-trust`."""
    certificates: tuple[str, ...]
    """Files, PEM or DER, relative to the folder of the configuration."""
