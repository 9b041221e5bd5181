"""Rows of devices."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.phones.device_security import (
    NOTHING_SCHEDULED,
    Capf,
    CapfAuthMode,
    CapfFailure,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.sip.digest import DigestAccount
from tokenless.services.store.schema import device, device_pool


@dataclass(frozen=True, slots=True)
class Device:
    """A phone that is configured by hand."""

    name: str
    model: str
    pool: str
    security_mode: DeviceSecurity = DeviceSecurity.NON_SECURE
    transport: DeviceTransport = DeviceTransport.TCP
    encrypts_config: bool = False
    """TFTP Encrypted Config of its profile."""
    capf: Capf = NOTHING_SCHEDULED
    certificate: Certificate | None = None
    """Its own, as CAPF saw it last: its LSC, else its MIC."""
    digest: DigestAccount | None = None
    """The credentials of its SIP registration (Enable Digest Authentication)."""

    @property
    def certificate_hash(self) -> str:
        """CertHash of its configuration: lower case; empty without a certificate."""
        return "" if self.certificate is None else self.certificate.md5


def add_device(
    connection: Connection, name: str, model: str, pool_id: int, security_mode: int
) -> None:
    """Add a device."""
    connection.execute(
        insert(device).values(
            name=name, model=model, pool_id=pool_id, security_mode=security_mode
        )
    )


def move_device(connection: Connection, name: str, pool: str, model: str) -> None:
    """Give a device another pool and model."""
    pool_id = connection.scalar(
        select(device_pool.c.id).where(device_pool.c.name == pool)
    )
    connection.execute(
        update(device).where(device.c.name == name).values(pool_id=pool_id, model=model)
    )


def remove_device(connection: Connection, name: str) -> None:
    """Forget a device; the phone auto-registers when that is on."""
    connection.execute(delete(device).where(device.c.name == name))


# Made once: nodes ask so often that making a query costs more than the database.
_DEVICES: Final = (
    select(device, device_pool.c.name.label("pool"))
    .join(device_pool)
    .order_by(device.c.name)
)


def read_devices(connection: Connection, name: str | None = None) -> list[Device]:
    """Return all devices by name, or the one of a name."""
    wanted = _DEVICES if name is None else _DEVICES.where(device.c.name == name)
    return [_device(row) for row in connection.execute(wanted)]


def write_device(connection: Connection, changed: Device) -> None:
    """Change a device's security and its CAPF fields."""
    capf = changed.capf
    certificate = changed.certificate
    connection.execute(
        update(device)
        .where(device.c.name == changed.name)
        .values(
            security_mode=int(changed.security_mode),
            transport=int(changed.transport),
            encrypts_config=int(changed.encrypts_config),
            capf_operation=int(capf.operation),
            capf_status=int(capf.status),
            capf_cause=None if capf.failure is None else int(capf.failure),
            capf_auth_mode=int(capf.auth_mode),
            capf_string=capf.string,
            capf_key_type=int(capf.key_type),
            capf_key_size=capf.key_size,
            capf_finish_by=capf.finish_by,
            certificate=None if certificate is None else certificate.der,
            digest_user="" if changed.digest is None else changed.digest.user,
            digest_ha1="" if changed.digest is None else changed.digest.ha1,
            digest_password="" if changed.digest is None else changed.digest.password,
        )
    )


def _device(row: Row[*tuple[Any, ...]]) -> Device:
    capf = Capf(
        operation=CapfOperation(row.capf_operation),
        auth_mode=CapfAuthMode(row.capf_auth_mode),
        string=row.capf_string,
        key_type=KeyType(row.capf_key_type),
        key_size=row.capf_key_size,
        finish_by=row.capf_finish_by,
        status=CapfStatus(row.capf_status),
        failure=None if row.capf_cause is None else CapfFailure(row.capf_cause),
    )
    der = row.certificate
    return Device(
        row.name,
        row.model,
        row.pool,
        DeviceSecurity(row.security_mode),
        DeviceTransport(row.transport),
        bool(row.encrypts_config),
        capf,
        None if der is None else Certificate.decode(der),
        _digest(row),
    )


def _digest(row: Row[*tuple[Any, ...]]) -> DigestAccount | None:
    if not row.digest_user:
        return None
    return DigestAccount(row.digest_user, row.digest_ha1, row.digest_password)
