"""What CAPF decides and writes: every mode, every refusal, stale LSCs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs import capf, minting
from tests.rigs.capf import DEVICE
from tests.rigs.minting import Identity
from tokenless.protocol.capf.elements import CapfReason, CertificateType, Curve, KeyType
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.proof import Proof
from tokenless.protocol.capf.server import Identified, KeyOrder
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.device_security import (
    Capf,
    CapfAuthMode,
    CapfFailure,
    CapfOperation,
    CapfStatus,
)
from tokenless.services.changes import security, trust_stores
from tokenless.services.changes.capf import (
    CapfState,
    Order,
    Refused,
    Result,
    Staleness,
    decide,
    delete_stale_lscs,
    record,
    stale_lscs,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.devices import Device
from tokenless.services.store.nodes import write_fips
from tokenless.services.store.parameters import Parameter

NOW = datetime(2016, 1, 1, tzinfo=UTC)
STATE = CapfState((minting.capf().certificate,), registers=True, now=NOW)
PENDING = Capf(
    operation=CapfOperation.INSTALL,
    status=CapfStatus.PENDING,
    finish_by=int(NOW.timestamp()) + 1,
)
PHONE = Device(DEVICE, "7975", "Default", capf=PENDING)
SAID = Identified(DEVICE, 3, None, None)


def proved(
    identity: Identity, kind: CertificateType = CertificateType.LSC, name: str = DEVICE
) -> Identified:
    """Return what a phone says that proves a certificate."""
    talk = capf.conversation(identity=CapfIdentity(name, own=capf.own(identity, kind)))
    event = talk.events[0]
    assert isinstance(event, Identified)
    return event


def with_mode(mode: CapfAuthMode, string: str = "") -> Device:
    return replace(PHONE, capf=replace(PENDING, auth_mode=mode, string=string))


def test_a_null_string_is_enough() -> None:
    assert decide(STATE, PHONE, SAID, 4) == Order(
        PHONE, CapfOperation.INSTALL, KeyOrder(KeyType.RSA, 2048), None
    )


def test_who_is_not_known() -> None:
    assert decide(STATE, None, SAID, 4) == Refused(CapfReason.NO_ACTION)
    closed = replace(STATE, registers=False)
    assert decide(closed, None, SAID, 4) == Refused(CapfReason.UNKNOWN_DEVICE)


def test_one_issue_for_one_operation() -> None:
    idle = replace(PHONE, capf=Capf())
    assert decide(STATE, idle, SAID, 4) == Refused(CapfReason.NO_ACTION)
    served = replace(idle, certificate=capf.phone_certificate().certificate)
    assert decide(STATE, served, SAID, 4) == Refused(CapfReason.DECLINED)


def test_an_operation_ends() -> None:
    late = replace(STATE, now=NOW + timedelta(seconds=2))
    assert decide(late, PHONE, SAID, 4) == Refused(
        CapfReason.DECLINED, CapfFailure.LATE
    )


def test_the_string() -> None:
    phone = with_mode(CapfAuthMode.STRING, "4711")
    for typed, reason in ((None, 1), ("4712", 1), ("", 1), ("4711", 0)):
        decided = decide(STATE, phone, replace(SAID, password=typed), 4)
        expected = Refused(CapfReason.DECLINED, CapfFailure.INVALID_STRING)
        assert (decided == expected) == bool(reason)


def test_another_version_is_refused() -> None:
    assert decide(STATE, PHONE, replace(SAID, version=1), 4) == Refused(
        CapfReason.DECLINED
    )


def test_ec_keys_need_version_three() -> None:
    ordered = replace(PENDING, key_type=KeyType.EC, key_size=384)
    phone = replace(PHONE, capf=ordered)
    decided = decide(STATE, phone, SAID, 4)
    assert isinstance(decided, Order)
    assert decided.key == KeyOrder(KeyType.EC, 384, Curve.P384)
    old = decide(STATE, phone, replace(SAID, version=2), 4)
    assert old == Refused(CapfReason.DECLINED, CapfFailure.KEY_GENERATION)
    without = decide(replace(STATE, issues_ec=False), phone, SAID, 4)
    assert without == old


@pytest.mark.parametrize(
    ("version", "advanced", "issues"),
    [
        ("11.5(1)", None, True),
        ("12.5(1)", None, False),
        ("12.5(1)", "True", True),
    ],
)
def test_from_12_on_a_parameter_allows_ec_certificates(
    lab: Cluster, version: str, advanced: str | None, issues: bool
) -> None:
    security.set_parameter(lab, "Version", version, by="test")
    if advanced is not None:
        name = Parameter.ADVANCED_ENCRYPTION
        security.set_parameter(lab, name, advanced, by="test")
    with lab.store.read() as connection:
        assert CapfState.read(connection, lab.clock()).issues_ec is issues
    with lab.store.change("enable FIPS", "", by="test") as change:
        write_fips(change.connection, lab.publisher.id, enabled=True)
        assert not CapfState.read(change.connection, lab.clock()).issues_ec


@pytest.mark.parametrize("mode", [CapfAuthMode.EXISTING_LSC, CapfAuthMode.EXISTING_MIC])
def test_an_existing_certificate(mode: CapfAuthMode) -> None:
    phone, identity = with_mode(mode), capf.phone_certificate()
    decided = decide(STATE, phone, proved(identity), 4)
    assert isinstance(decided, Order)
    assert decided.proved == identity.certificate
    assert decide(STATE, phone, SAID, 4) == Refused(
        CapfReason.DECLINED, CapfFailure.INVALID_CREDENTIALS
    )


def other_capf() -> Identity:
    """Return a CAPF of the same name with another key: another cluster's."""
    key = minting.rsa_key(1024, "another CAPF")
    name = minting.lab_name("CAPF-e41e7d87")
    return Identity(minting.mint(name, key, serial=minting.serial_of("other")), key)


@pytest.mark.parametrize(
    "said",
    [
        proved(capf.phone_certificate("SEP00AABBCCDDEE")),
        proved(capf.phone_certificate(issuer=other_capf())),
    ],
    ids=["another phone's", "another cluster's CAPF"],
)
def test_what_an_existing_certificate_must_be(said: Identified) -> None:
    phone = with_mode(CapfAuthMode.EXISTING_LSC)
    assert decide(STATE, phone, said, 4) == Refused(
        CapfReason.DECLINED, CapfFailure.INVALID_LSC
    )


def test_a_proof_for_another_phone_or_without_the_key() -> None:
    phone = with_mode(CapfAuthMode.EXISTING_LSC)
    good = proved(capf.phone_certificate())
    assert good.proof is not None
    stolen = Proof(1, good.proof.certificate, bytes(256), None, None)
    for proof in (stolen, Proof(1, b"no certificate", b"x", None, None)):
        decided = decide(STATE, phone, replace(good, proof=proof), 4)
        assert decided == Refused(CapfReason.DECLINED, CapfFailure.INVALID_LSC)


def test_an_expired_certificate_proves_nothing() -> None:
    late = replace(STATE, now=NOW + timedelta(days=3650))
    capf_fields = replace(PENDING, auth_mode=CapfAuthMode.EXISTING_MIC, finish_by=0)
    phone = replace(PHONE, capf=capf_fields)
    said = proved(capf.phone_certificate(), CertificateType.MIC)
    assert decide(late, phone, said, 4) == Refused(
        CapfReason.DECLINED, CapfFailure.INVALID_MIC
    )


def scheduled(lab: Cluster, operation: CapfOperation) -> Device:
    change = DeviceChange(operation=operation)
    (device,) = set_devices(lab, Selection((DEVICE,)), change, by="a")
    return device


def test_what_became_of_it_is_written_once(lab: Cluster) -> None:
    scheduled(lab, CapfOperation.INSTALL)
    lsc = capf.phone_certificate().certificate
    record(lab, [Result(DEVICE, CapfOperation.INSTALL, certificate=lsc)])
    after = find_device(lab, DEVICE)
    assert after.certificate == lsc
    assert after.certificate_hash == lsc.md5
    assert after.capf.status_words == "Upgrade Success"
    assert after.capf.config_mode == 0
    scheduled(lab, CapfOperation.DELETE)
    record(lab, [Result(DEVICE, CapfOperation.INSTALL, certificate=lsc)])
    assert find_device(lab, DEVICE).capf.operation is CapfOperation.DELETE
    record(lab, [Result(DEVICE, CapfOperation.DELETE)])
    assert find_device(lab, DEVICE).certificate is None


def test_a_failure_keeps_the_old_certificate(lab: Cluster) -> None:
    scheduled(lab, CapfOperation.INSTALL)
    lsc = capf.phone_certificate().certificate
    record(lab, [Result(DEVICE, CapfOperation.INSTALL, certificate=lsc)])
    scheduled(lab, CapfOperation.INSTALL)
    failure = CapfFailure.INVALID_STRING
    record(lab, [Result(DEVICE, CapfOperation.INSTALL, failure)])
    after = find_device(lab, DEVICE)
    assert after.certificate == lsc
    assert after.capf.status_words == "Upgrade Failed: Invalid Authentication String"


def test_lscs_of_a_capf_that_is_trusted_no_longer_are_stale(lab: Cluster) -> None:
    scheduled(lab, CapfOperation.INSTALL)
    lsc = capf.phone_certificate().certificate
    record(lab, [Result(DEVICE, CapfOperation.INSTALL, certificate=lsc)])
    (stale,) = stale_lscs(lab)
    assert stale.why is Staleness.ISSUER
    trusted = TrustStore.CAPF_TRUST
    trust_stores.upload(lab, trusted, minting.capf().certificate.der, by="a")
    assert stale_lscs(lab) == []
    serial = minting.capf().certificate.serial_hex
    trust_stores.delete(lab, trusted, serial, by="a")
    assert len(delete_stale_lscs(lab, by="a")) == 1
    assert find_device(lab, DEVICE).certificate is None
    assert stale_lscs(lab) == []
