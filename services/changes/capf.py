"""CAPF's decisions about phones, and the transaction that stores their results.

`decide` says what a phone that proved who it is shall do; `record` writes what became
of it. A scheduled operation is used up by its end, good or bad: one issue for one
operation (REFERENCE-3 3.3).
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import assert_never

from sqlalchemy import Connection

from tokenless.protocol.capf.elements import CapfReason, CertificateType, Curve, KeyType
from tokenless.protocol.capf.server import EC_VERSION, VERSIONS, Identified, KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.errors import BadSignatureError, DecodeError
from tokenless.protocol.phones.certificates import MicGeneration, device_of
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfFailure,
    CapfOperation,
    outcome_of,
)
from tokenless.protocol.release import Release
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.initialise import trust_phones
from tokenless.services.store import certificates, devices
from tokenless.services.store.devices import Device
from tokenless.services.store.nodes import read_nodes
from tokenless.services.store.parameters import TRUE, Parameter, read_parameter

_CURVES = {256: Curve.P256, 384: Curve.P384, 521: Curve.P521}


@unique
class Staleness(StrEnum):
    """Reasons why an LSC is no longer valid."""

    ISSUER = "its CAPF certificate is no longer trusted"
    EXPIRED = "it has expired"


@dataclass(frozen=True, slots=True)
class StaleLsc:
    """A device whose certificate counts no longer."""

    device: Device
    certificate: Certificate
    why: Staleness


@dataclass(frozen=True, slots=True)
class Order:
    """A CAPF operation that a phone must perform now."""

    device: Device
    operation: CapfOperation
    key: KeyOrder
    proved: Certificate | None
    """The certificate that it proved to have."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: the session ends before any operation."""

    reason: CapfReason
    failure: CapfFailure | None = None
    """The new status of the operation; None leaves it pending."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an operation."""

    device: str
    operation: CapfOperation
    failure: CapfFailure | None = None
    certificate: Certificate | None = None
    """The phone's present certificate; None: unknown, or none."""


@dataclass(frozen=True, slots=True)
class CapfState:
    """Input of CAPF's decisions, from one state of the database."""

    issuers: tuple[Certificate, ...]
    """CAPF-trust: the possible issuers of a phone's existing certificate."""
    registers: bool
    """True if phones without a configuration by hand are known."""
    now: datetime
    issues_ec: bool = True
    """True if phones get EC certificates: from 12.0 on a parameter says so, and in FIPS
    mode they get none (REFERENCE-3 3.6)."""

    @classmethod
    def read(cls, connection: Connection, now: float) -> "CapfState":
        """Read it."""
        trusted = certificates.all_trusted(connection, TrustStore.CAPF_TRUST)
        registers = read_parameter(connection, Parameter.AUTO_REGISTRATION) == TRUE
        release = Release.parse(read_parameter(connection, Parameter.VERSION))
        advanced = read_parameter(connection, Parameter.ADVANCED_ENCRYPTION) == TRUE
        publisher = read_nodes(connection)[0]
        return cls(
            tuple(each.certificate for each in trusted),
            registers,
            datetime.fromtimestamp(now, UTC),
            issues_ec=not publisher.is_fips
            and (advanced or not release.has_advanced_encryption),
        )


def decide(
    state: CapfState, device: Device | None, said: Identified, session_id: int
) -> Order | Refused:
    """Decide about a phone that has named itself.

    Args:
        state: The cluster.
        device: The phone's row.
        said: What it said.
        session_id: Of the session, which a SUDI proof covers.
    """
    if device is None:
        known = CapfReason.NO_ACTION if state.registers else CapfReason.UNKNOWN_DEVICE
        return Refused(known)
    capf = device.capf
    if capf.operation is CapfOperation.NONE:
        # A phone that was just served is told so (observed); others: nothing to do.
        done = device.certificate is not None and said.proof is None
        return Refused(CapfReason.DECLINED if done else CapfReason.NO_ACTION)
    if said.version not in VERSIONS:
        return Refused(CapfReason.DECLINED)
    if capf.finish_by and state.now.timestamp() > capf.finish_by:
        return Refused(CapfReason.DECLINED, CapfFailure.LATE)
    proved = _authenticate(state, device, said, session_id)
    if isinstance(proved, Refused):
        return proved
    return _order(state, device, said, proved)


def _order(
    state: CapfState, device: Device, said: Identified, proved: Certificate | None
) -> Order | Refused:
    capf = device.capf
    key = KeyOrder(capf.key_type, capf.key_size)
    if capf.key_type is KeyType.EC:
        # Without the parameter no LSC is issued at all (REFERENCE-2 1).
        if said.version < EC_VERSION or not state.issues_ec:
            return Refused(CapfReason.DECLINED, CapfFailure.KEY_GENERATION)
        key = KeyOrder(KeyType.EC, capf.key_size, _CURVES[capf.key_size])
    return Order(device, capf.operation, key, proved)


def _authenticate(
    state: CapfState, device: Device, said: Identified, session_id: int
) -> Certificate | Refused | None:
    match device.capf.auth_mode:
        case CapfAuthMode.STRING:
            typed, string = said.password or "", device.capf.string
            # A string that nobody set is known to everybody.
            if not string or not hmac.compare_digest(typed.encode(), string.encode()):
                return Refused(CapfReason.DECLINED, CapfFailure.INVALID_STRING)
            return None
        case CapfAuthMode.NULL_STRING:
            return _offered(state, said, session_id)
        case CapfAuthMode.EXISTING_LSC | CapfAuthMode.EXISTING_MIC:
            return _existing(state, said, session_id)
        case other:
            assert_never(other)


def _offered(state: CapfState, said: Identified, session_id: int) -> Certificate | None:
    """Return a certificate that need not be proved but was."""
    proved = _existing(state, said, session_id)
    return None if isinstance(proved, Refused) else proved


def _existing(
    state: CapfState, said: Identified, session_id: int
) -> Certificate | Refused:
    """Check a proof: key, padding, name of the device, issuer, dates."""
    proof = said.proof
    if proof is None:
        return Refused(CapfReason.DECLINED, CapfFailure.INVALID_CREDENTIALS)
    failure = (
        CapfFailure.INVALID_MIC
        if proof.type == CertificateType.MIC
        else CapfFailure.INVALID_LSC
    )
    try:
        certificate = Certificate.decode(proof.certificate)
        proof.verify(said.device, certificate)
        mic = proof.verify_sudi(session_id)
    except (DecodeError, BadSignatureError):
        return Refused(CapfReason.DECLINED, failure)
    shown = [certificate] if mic is None else [certificate, mic]
    if not all(_is_valid(state, each, said.device) for each in shown):
        return Refused(CapfReason.DECLINED, failure)
    return certificate


def _is_valid(state: CapfState, certificate: Certificate, device: str) -> bool:
    """Tell whether a certificate is this device's, has begun, and has an issuer."""
    return (
        device_of(certificate) == device
        and certificate.not_before <= state.now <= certificate.not_after
        and is_issued(certificate, state.issuers)
    )


def is_issued(certificate: Certificate, issuers: Sequence[Certificate]) -> bool:
    """Tell whether one of these issued a certificate."""
    for issuer in issuers:
        if issuer.subject != certificate.issuer:
            continue
        try:
            verify_issued_by(certificate, issuer)
        except BadSignatureError:
            continue
        return True
    return False


def record(cluster: Cluster, results: Sequence[Result]) -> None:
    """Write what became of operations, in one transaction; each is used up by it.

    Raises:
        ServiceError: When the database cannot be written.
    """
    detail = ", ".join(f"{result.device}: {_told(result)}" for result in results[:20])
    if len(results) > 20:  # noqa: PLR2004 - a line that can be read
        detail += f", and {len(results) - 20} more"
    with cluster.store.change("CAPF", detail, by="capf") as change:
        for result in results:
            found = devices.read_devices(change.connection, result.device)
            if found:
                devices.write_device(change.connection, _after(found[0], result))


def _after(device: Device, result: Result) -> Device:
    if device.capf.operation is not result.operation:
        return device  # an administrator has decided otherwise meanwhile
    failed = result.failure is not None
    capf = replace(
        device.capf,
        operation=CapfOperation.NONE,
        status=outcome_of(result.operation, succeeded=not failed),
        failure=result.failure,
        finish_by=0,
    )
    certificate = device.certificate
    if not failed:
        certificate = result.certificate
    return replace(device, capf=capf, certificate=certificate)


def _told(result: Result) -> str:
    status = outcome_of(result.operation, succeeded=result.failure is None)
    return status.name.lower().replace("_", " ")


def trust_manufacturer(cluster: Cluster) -> None:
    """Give a data folder of before CAPF a manufacturer of phones, and trust it.

    Raises:
        ServiceError: When the database cannot be written.
        OSError: When the folder cannot.
    """
    if cluster.installation.manufacturer_folder.exists():
        return
    with cluster.store.change("trust manufacturer", "", by="capf") as change:
        trust_phones(cluster.installation, change.connection, change.at)


def stale_lscs(cluster: Cluster) -> list[StaleLsc]:
    """Return devices whose certificate counts no longer (`utils capf stale-lsc`)."""
    with cluster.store.read() as connection:
        return _stale(connection, cluster.clock())


def delete_stale_lscs(cluster: Cluster, *, by: str) -> list[StaleLsc]:
    """Delete certificates that count no longer; return them."""
    with cluster.store.change("delete stale LSCs", "all", by=by) as change:
        stale = _stale(change.connection, cluster.clock())
        for each in stale:
            forgotten = replace(each.device, certificate=None)
            devices.write_device(change.connection, forgotten)
    return stale


def _stale(connection: Connection, now: float) -> list[StaleLsc]:
    state = CapfState.read(connection, now)
    makers = {each.authority_name for each in MicGeneration}
    stale = []
    for device in devices.read_devices(connection):
        certificate = device.certificate
        if certificate is None or certificate.issuer in makers:
            continue
        if certificate.not_after < state.now:
            stale.append(StaleLsc(device, certificate, Staleness.EXPIRED))
        elif not is_issued(certificate, state.issuers):
            stale.append(StaleLsc(device, certificate, Staleness.ISSUER))
    return stale
