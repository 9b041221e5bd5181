"""What CAPF decides, at its borders: SUDI proofs, dates, issuers, the state it reads.

Each case changes one thing of a phone that is served.
"""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs import capf, minting
from tests.rigs.capf import DEVICE, sudi_element
from tests.rigs.clock import Clock
from tests.rigs.minting import Identity
from tokenless.protocol.capf.elements import (
    CapfReason,
    CertificateType,
    KeyType,
    SudiProof,
)
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.server import Identified
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.certificates import MicGeneration
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
    StaleLsc,
    Staleness,
    decide,
    delete_stale_lscs,
    is_issued,
    record,
    stale_lscs,
    trust_manufacturer,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.audit import AuditEntry, read_audit
from tokenless.services.store.certificates import all_trusted
from tokenless.services.store.devices import Device, write_device
from tokenless.services.store.parameters import Parameter

NOW = datetime(2016, 1, 1, tzinfo=UTC)
SESSION = 4
LSC = capf.phone_certificate()
STATE = CapfState((minting.capf().certificate,), registers=True, now=NOW)
PENDING = Capf(
    operation=CapfOperation.INSTALL,
    auth_mode=CapfAuthMode.EXISTING_LSC,
    status=CapfStatus.PENDING,
    finish_by=int(NOW.timestamp()),
)
PHONE = Device(DEVICE, "7975", "Default", capf=PENDING)
REFUSED = Refused(CapfReason.DECLINED, CapfFailure.INVALID_LSC)


def shown(
    identity: Identity = LSC,
    *,
    sudi: Identity | None = None,
    session: int = SESSION,
    name: str = DEVICE,
) -> Identified:
    """Return what a phone says that proves one certificate, or two."""
    talk = capf.conversation(identity=CapfIdentity(name, own=capf.own(identity)))
    event = talk.events[0]
    assert isinstance(event, Identified)
    if sudi is None or event.proof is None:
        return event
    element = sudi_element(session, capf.own(sudi, CertificateType.MIC))
    proof = replace(event.proof, sudi=SudiProof.decode(element))
    return replace(event, proof=proof)


def other_issuer() -> Identity:
    key = minting.rsa_key(1024, "another CAPF")
    name = minting.lab_name("CAPF-e41e7d87")
    return Identity(minting.mint(name, key, serial=minting.serial_of("other")), key)


def test_an_operation_may_be_done_until_its_last_second() -> None:
    assert isinstance(decide(STATE, PHONE, shown(), SESSION), Order)
    late = replace(STATE, now=NOW + timedelta(seconds=1))
    assert decide(late, PHONE, shown(), SESSION) == Refused(
        CapfReason.DECLINED, CapfFailure.LATE
    )


def test_without_an_end_an_operation_waits_for_ever() -> None:
    phone = replace(PHONE, capf=replace(PENDING, finish_by=0))
    late = replace(STATE, now=NOW + timedelta(days=300))
    assert isinstance(decide(late, phone, shown(), SESSION), Order)


def test_a_certificate_counts_from_its_first_moment_to_its_last() -> None:
    phone = replace(PHONE, capf=replace(PENDING, finish_by=0))
    first, last = LSC.certificate.not_before, LSC.certificate.not_after
    second = timedelta(seconds=1)
    for now, is_good in (
        (first - second, False),
        (first, True),
        (last, True),
        (last + second, False),
    ):
        decided = decide(replace(STATE, now=now), phone, shown(), SESSION)
        assert isinstance(decided, Order) == is_good
        assert is_good or decided == REFUSED


def test_a_sudi_proof_is_checked_like_the_certificate() -> None:
    mic = capf.phone_certificate(f"CP-7975-{DEVICE}", "mic")
    decided = decide(STATE, PHONE, shown(sudi=mic), SESSION)
    assert isinstance(decided, Order)
    assert decided.proved == LSC.certificate
    assert isinstance(decide(STATE, PHONE, shown(sudi=LSC, session=9), 9), Order)


@pytest.mark.parametrize(
    "sudi",
    [
        capf.phone_certificate("CP-7975-SEP00AABBCCDDEE", "mic"),
        capf.phone_certificate(f"CP-7975-{DEVICE}", "mic", issuer=other_issuer()),
    ],
    ids=["another phone's", "of another issuer"],
)
def test_a_sudi_proof_of_another_is_refused(sudi: Identity) -> None:
    assert decide(STATE, PHONE, shown(sudi=sudi), SESSION) == REFUSED


def test_a_sudi_proof_of_another_session_is_refused() -> None:
    said = shown(sudi=capf.phone_certificate(f"CP-7975-{DEVICE}", "mic"), session=9)
    assert decide(STATE, PHONE, said, SESSION) == REFUSED


def test_a_client_whose_name_ends_like_anothers_is_not_that_one() -> None:
    anna = replace(PHONE, name="TCTANNA")
    identity = capf.phone_certificate("CSF-TCTANNA", "client")
    assert decide(STATE, anna, shown(identity, name="TCTANNA"), SESSION) == REFUSED
    own = replace(PHONE, name="CSF-TCTANNA")
    said = shown(identity, name="CSF-TCTANNA")
    assert isinstance(decide(STATE, own, said, SESSION), Order)


def test_a_null_string_needs_no_proof_and_takes_note_of_a_good_one() -> None:
    phone = replace(PHONE, capf=replace(PENDING, auth_mode=CapfAuthMode.NULL_STRING))
    good = decide(STATE, phone, shown(), SESSION)
    assert isinstance(good, Order)
    assert good.proved == LSC.certificate
    stolen = decide(STATE, phone, shown(name="SEP00AABBCCDDEE"), SESSION)
    assert isinstance(stolen, Order)
    assert stolen.proved is None
    mic = capf.phone_certificate(f"CP-7975-{DEVICE}", "mic")
    other = decide(STATE, phone, shown(sudi=mic, session=9), SESSION)
    assert isinstance(other, Order)
    assert other.proved is None


@pytest.mark.parametrize("typed", [None, "", "XXXX", "4711"])
def test_an_empty_string_authenticates_nobody(typed: str | None) -> None:
    phone = replace(PHONE, capf=replace(PENDING, auth_mode=CapfAuthMode.STRING))
    said = Identified(DEVICE, 3, typed, None)
    assert decide(STATE, phone, said, SESSION) == Refused(
        CapfReason.DECLINED, CapfFailure.INVALID_STRING
    )


def test_an_order_has_the_size_that_was_asked_for() -> None:
    phone = replace(PHONE, capf=replace(PENDING, key_size=1024))
    decided = decide(STATE, phone, shown(), SESSION)
    assert isinstance(decided, Order)
    assert (decided.key.type, decided.key.size) == (KeyType.RSA, 1024)


def test_one_issuer_of_several_is_enough() -> None:
    right, wrong = minting.capf().certificate, other_issuer().certificate
    stranger = minting.server().certificate
    for issuers, is_one in (
        ((stranger, wrong, right), True),
        ((right,), True),
        ((stranger, wrong), False),
        ((), False),
    ):
        assert is_issued(LSC.certificate, issuers) == is_one


def test_the_state_is_that_of_the_database(lab: Cluster) -> None:
    with lab.store.read() as connection:
        state = CapfState.read(connection, lab.clock())
        trusted = all_trusted(connection, TrustStore.CAPF_TRUST)
    assert state == CapfState(
        tuple(each.certificate for each in trusted),
        registers=True,
        now=datetime.fromtimestamp(lab.clock(), UTC),
        issues_ec=True,
    )
    assert state.issuers
    security.set_parameter(lab, Parameter.AUTO_REGISTRATION, "False", by="test")
    with lab.store.read() as connection:
        assert not CapfState.read(connection, lab.clock()).registers


def test_a_data_folder_of_before_capf_gets_a_manufacturer(lab: Cluster) -> None:
    folder = lab.installation.manufacturer_folder
    before = lab.store.revision()
    trust_manufacturer(lab)
    assert lab.store.revision() == before
    shutil.rmtree(folder)
    trust_manufacturer(lab)
    entry = last_entry(lab)
    assert (entry.by, entry.action, entry.detail) == ("capf", "trust manufacturer", "")
    assert entry.at == int(lab.clock())
    assert folder.is_dir()
    makers = {each.authority_name for each in MicGeneration}
    with lab.store.read() as connection:
        trusted = all_trusted(connection, TrustStore.CAPF_TRUST)
    assert makers <= {each.certificate.subject for each in trusted}


def schedule(lab: Cluster, *devices: str) -> None:
    change = DeviceChange(operation=CapfOperation.INSTALL)
    set_devices(lab, Selection(devices), change, by="test")


def last_entry(lab: Cluster) -> AuditEntry:
    with lab.store.read() as connection:
        return read_audit(connection)[-1]


def test_results_are_written_together_and_told_in_the_audit(lab: Cluster) -> None:
    schedule(lab, DEVICE, "SEP00AABBCCDDEE")
    record(
        lab,
        [
            Result("SEP000000000000", CapfOperation.INSTALL),
            Result(DEVICE, CapfOperation.INSTALL, certificate=LSC.certificate),
            Result(
                "SEP00AABBCCDDEE", CapfOperation.INSTALL, CapfFailure.KEY_GENERATION
            ),
        ],
    )
    entry = last_entry(lab)
    assert (entry.by, entry.action) == ("capf", "CAPF")
    assert entry.detail == (
        "SEP000000000000: upgrade success, SEP001122334455: upgrade success, "
        "SEP00AABBCCDDEE: upgrade failed"
    )
    served = find_device(lab, DEVICE).capf
    assert (served.operation, served.finish_by) == (CapfOperation.NONE, 0)
    failed = find_device(lab, "SEP00AABBCCDDEE").capf
    assert failed.status_words == "Upgrade Failed: Key Generation Failed/Timeout"


@pytest.mark.parametrize(
    ("count", "more"), [(20, ""), (21, ", and 1 more"), (22, ", and 2 more")]
)
def test_a_line_of_the_audit_can_be_read(lab: Cluster, count: int, more: str) -> None:
    names = [f"SEP{number:012X}" for number in range(count)]
    record(lab, [Result(name, CapfOperation.DELETE) for name in names])
    told = ", ".join(f"{name}: delete success" for name in names[:20])
    assert last_entry(lab).detail == told + more


def with_certificate(
    lab: Cluster, name: str, certificate: Certificate | None
) -> Device:
    schedule(lab, name)
    device = replace(find_device(lab, name), certificate=certificate)
    with lab.store.change("test", "", by="test") as change:
        write_device(change.connection, device)
    return device


def mic() -> Certificate:
    """Return a certificate of a manufacturer, which is nobody's of CAPF-trust."""
    issuer = MicGeneration.SHA1.authority_name
    key = minting.rsa_key(1024, "maker")
    pairs = [
        ("organization_name", "Cisco Systems"),
        ("common_name", "Cisco Manufacturing CA"),
    ]
    found = minting.mint(
        minting.lab_name(DEVICE), key, serial=7, issuer=(minting.name(pairs), key)
    )
    assert found.issuer == issuer
    return found


def test_lscs_are_stale_for_one_of_two_reasons(lab: Cluster, clock: Clock) -> None:
    own = minting.capf().certificate
    trust_stores.upload(lab, TrustStore.CAPF_TRUST, own.der, by="test")
    with_certificate(lab, "SEP000000000001", mic())
    with_certificate(lab, "SEP000000000002", None)
    good = with_certificate(lab, "SEP000000000003", LSC.certificate)
    alien = capf.phone_certificate("SEP000000000004", "x", issuer=other_issuer())
    other = with_certificate(lab, "SEP000000000004", alien.certificate)
    assert stale_lscs(lab) == [StaleLsc(other, alien.certificate, Staleness.ISSUER)]
    end = LSC.certificate.not_after
    clock.now = end.timestamp()
    assert len(stale_lscs(lab)) == 1
    clock.now += 1
    stale = stale_lscs(lab)
    assert [(each.device.name, each.why) for each in stale] == [
        (good.name, Staleness.EXPIRED),
        (other.name, Staleness.EXPIRED),
    ]
    assert stale[0].certificate == LSC.certificate
    assert delete_stale_lscs(lab, by="anna") == stale
    entry = last_entry(lab)
    assert (entry.by, entry.action, entry.detail) == (
        "anna",
        "delete stale LSCs",
        "all",
    )
    assert find_device(lab, good.name).certificate is None
    assert find_device(lab, "SEP000000000001").certificate == mic()
