"""Enterprise and service parameters: rows of processconfig."""

from enum import StrEnum, unique
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql

from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.errors import ServiceError
from tokenless.services.store.schema import processconfig


@unique
class Parameter(StrEnum):
    """The parameters that this project acts on."""

    CLUSTER_SECURITY_MODE = "ClusterSecurityMode"
    """0 non-secure, 1 mixed; changed by `utils ctl` and the CTL Client only."""
    VERSION = "Version"
    """The release that the cluster behaves as."""
    ROLLBACK = "PrepareClusterForRollbackToPre8.0"
    """True: ITLs without TVS and TFTP records (REFERENCE 1.10)."""
    EXPORT_CONTROLLED = "AllowExportControlledFunctionality"
    """False: no mixed mode (REFERENCE 6.1)."""
    AUTO_REGISTRATION = "AutoRegistration"
    """True: any SEP name gets a configuration of the default device pool."""
    SIGNATURE_DIGEST = "TFTPFileSignatureAlgorithm"
    """Of trust lists and configurations from 12.0 on (REFERENCE 1.6)."""
    CAPF_EXPIRES = "CAPFOperationExpiresIn"
    """Days until a CAPF operation expires (REFERENCE-5 4.1)."""
    TLS_CIPHERS = "TLSCiphers"
    """The cipher suites of Cisco CallManager's TLS ports (REFERENCE-5 4.1)."""
    PHONE_INTERACTION = "PhoneInteractionOnCertificateUpdate"
    """Automatic or manual resets of phones when a certificate changes, from 12.5 on
    (REFERENCE-2 3.4)."""
    ADVANCED_ENCRYPTION = "EndpointAdvancedEncryptionAlgorithmsSupport"
    """True: EC LSCs are issued, and lists say 1.1 in element 28 (REFERENCE-2 1)."""


@unique
class TlsCiphers(StrEnum):
    """Values of TLS Ciphers; the vendor's words for them are on the page."""

    ALL_RSA = "all-rsa"
    ALL_ECDSA = "all-ecdsa"
    MEDIUM_RSA = "medium-rsa"
    MEDIUM_ECDSA = "medium-ecdsa"
    STRONGEST_RSA = "strongest-rsa"
    STRONGEST_ECDSA = "strongest-ecdsa"


TRUE: Final = "True"
FALSE: Final = "False"
DEFAULTS: Final = {
    Parameter.CAPF_EXPIRES: "10",
    Parameter.TLS_CIPHERS: TlsCiphers.ALL_RSA.value,
    Parameter.ADVANCED_ENCRYPTION: FALSE,
}
"""Of parameters that have no row until they are set."""
MAX_CAPF_DAYS: Final = 365
MIXED: Final = "1"
"""Of the cluster's security mode."""
SHA1: Final = "SHA-1"
SHA512: Final = "SHA-512"

_CHOICES: Final = {
    Parameter.CLUSTER_SECURITY_MODE: ("0", "1"),
    Parameter.ROLLBACK: (TRUE, FALSE),
    Parameter.EXPORT_CONTROLLED: (TRUE, FALSE),
    Parameter.AUTO_REGISTRATION: (TRUE, FALSE),
    Parameter.SIGNATURE_DIGEST: (SHA1, SHA512),
    Parameter.TLS_CIPHERS: tuple(map(str, TlsCiphers)),
    Parameter.PHONE_INTERACTION: tuple(map(str, PhoneInteraction)),
    Parameter.ADVANCED_ENCRYPTION: (TRUE, FALSE),
}


# Made once: nodes ask so often that making a query costs more than the database.
_VALUE: Final = select(processconfig.c.paramvalue).where(
    processconfig.c.paramname == bindparam("name")
)


_IDENTITY: Final = "TokenlessClusterIdentity"
"""No parameter: the cluster's identity (services.cluster.identity)."""
_ALL: Final = (
    select(processconfig)
    .where(processconfig.c.paramname != _IDENTITY)
    .order_by(processconfig.c.paramname)
)


def read_identity(connection: Connection) -> str | None:
    """Return the identity of the cluster in a shared database; None: it has none."""
    value = connection.scalar(_VALUE, {"name": _IDENTITY})
    return None if value is None else str(value)


def add_identity(connection: Connection, identity: str) -> str:
    """Give the cluster an identity; return the one that it has then.

    Another host may have given it one in the meantime.
    """
    connection.execute(
        postgresql.insert(processconfig)
        .values(paramname=_IDENTITY, paramvalue=identity)
        .on_conflict_do_nothing()
    )
    return read_identity(connection) or identity


def read_parameters(connection: Connection) -> dict[str, str]:
    """Return all parameters by name."""
    rows = connection.execute(_ALL)
    defaults = {name.value: value for name, value in DEFAULTS.items()}
    return defaults | {row.paramname: row.paramvalue for row in rows}


def read_parameter(connection: Connection, name: Parameter) -> str:
    """Return one value."""
    value = connection.scalar(_VALUE, {"name": name})
    if value is None:
        value = DEFAULTS.get(name)
    if value is None:
        raise ServiceError(
            f"the database has no parameter {name}",
            hint="restore the database from a backup",
        )
    return str(value)


def add_parameter(connection: Connection, name: Parameter, value: str) -> None:
    """Give a new cluster a parameter."""
    connection.execute(insert(processconfig).values(paramname=name, paramvalue=value))


def write_parameter(connection: Connection, name: Parameter, value: str) -> None:
    """Change a parameter; its value was checked before."""
    done = connection.execute(
        update(processconfig)
        .where(processconfig.c.paramname == name)
        .values(paramvalue=value)
    )
    if done.rowcount == 0 and name in DEFAULTS:
        add_parameter(connection, name, value)


def check_value(name: Parameter, value: str) -> str:
    """Return the value as it is stored.

    Raises:
        ServiceError: When the parameter cannot have it.
    """
    if name is Parameter.VERSION:
        try:
            Release.parse(value)
        except ValueError as error:
            raise ServiceError(str(error), hint="write it as 10.5(1)") from None
        return value
    if name is Parameter.CAPF_EXPIRES:
        return _days(name, value.strip())
    for choice in _CHOICES[name]:
        if choice.lower() == value.strip().lower():
            return choice
    choices = ", ".join(_CHOICES[name])
    raise ServiceError(f"{name} cannot be {value!r}", hint=f"values: {choices}")


def _days(name: Parameter, value: str) -> str:
    is_number = value.isascii() and value.isdigit() and len(value) <= len("365")
    if not is_number or not 1 <= int(value) <= MAX_CAPF_DAYS:
        raise ServiceError(
            f"{name} cannot be {value[:16]!r}", hint=f"values: 1 to {MAX_CAPF_DAYS}"
        )
    return str(int(value))


def find_parameter(name: str) -> Parameter:
    """Return the parameter of this name, whatever its case.

    Raises:
        ServiceError: When there is none.
    """
    for parameter in Parameter:
        if parameter.lower() == name.lower():
            return parameter
    raise ServiceError(
        f"there is no parameter {name}", hint=f"parameters: {', '.join(Parameter)}"
    )
