"""Emulated phones register at served nodes, over real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import keypair
from tests.rigs.dial_tone import (
    AUTHENTICATED,
    CALLMANAGER,
    ENCRYPTED,
    NON_SECURE,
    PORTS,
    PUBLISHER,
    SUBSCRIBER,
    Site,
    dial_tone,
)
from tests.rigs.node_rig import LAB
from tokenless.phone_emulator.registration.register import register_once
from tokenless.phone_emulator.registration.report import (
    Failure,
    RegistrationOutcome,
    RegistrationReport,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.registration import Signalling, is_null_cipher
from tokenless.protocol.sip.digest import DigestAccount, ha1_of
from tokenless.services.changes import certificates
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

PHONE = "SEP001122334455"
MODELS = ("7975", "8861")
"""One that speaks SCCP and one that speaks SIP."""


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


async def test_a_phone_registers_where_its_configuration_says(site: Site) -> None:
    phone = await site.boot(PHONE)
    report = await register_once(phone, site.network)
    assert report.outcome is RegistrationOutcome.REGISTERED
    assert report.signalling is Signalling.SCCP
    assert (report.node, report.is_elsewhere) == (PUBLISHER, False)
    assert report.attempts == ()
    assert report.to_json()["reason_code"] is None


async def test_each_model_registers_in_clear(site: Site) -> None:
    for number, model in enumerate(("7975", "7960", "8861", "7821")):
        phone = await site.add(f"SEP{number:012}", model)
        report = await register_once(phone, site.network)
        assert report.outcome is RegistrationOutcome.REGISTERED, model
        assert report.node == PUBLISHER, model


async def test_a_phone_proves_the_password_of_its_configuration(site: Site) -> None:
    await site.add(PHONE, "8861")

    async def registers(account: DigestAccount) -> RegistrationReport:
        await site.change(PHONE, DeviceChange(digest=account))
        phone = await site.boot(PHONE, "8861")
        return await register_once(phone, site.network)

    account = DigestAccount("alice", ha1_of("alice", "secret"))
    refused = await registers(account)
    assert refused.failure is Failure.REJECTED
    assert refused.attempts[0].said == "401 Unauthorized"
    taken = await registers(replace(account, password="secret"))
    assert (taken.outcome, taken.node) == (RegistrationOutcome.REGISTERED, PUBLISHER)
    # The node asks a phone for the new password; its flash holds the old one.
    other = replace(account, ha1=ha1_of("alice", "another"), password="secret")
    assert (await registers(other)).failure is Failure.REJECTED


async def test_a_secure_phone_registers_with_its_lsc(site: Site) -> None:
    await site.go_mixed()
    for number, (model, mode) in enumerate(product(MODELS, (AUTHENTICATED, ENCRYPTED))):
        phone = await site.add(f"SEP{number:012}", model, mode)
        report = await register_once(phone, site.network)
        assert report.attempts == (), (model, mode)
        assert report.outcome is RegistrationOutcome.REGISTERED_SECURE, (model, mode)
        assert report.cipher is not None
        assert is_null_cipher(report.cipher) is (mode is AUTHENTICATED)


async def test_a_stale_ctl_shows_as_what_it_is(site: Site) -> None:
    await site.go_mixed()
    phones = [
        await site.add(f"SEP{number:012}", model, ENCRYPTED)
        for number, model in enumerate(MODELS)
    ]
    publisher = site.cluster.node(PUBLISHER)

    def regenerate() -> None:
        certificates.regenerate(
            site.cluster, publisher, TrustStore.CALLMANAGER, key_size=1024, by="test"
        )

    await trio.to_thread.run_sync(regenerate)
    await site.restart(CALLMANAGER)
    for phone in phones:
        report = await register_once(phone, site.network)
        assert (report.node, report.is_elsewhere) == (SUBSCRIBER, True)
        assert report.is_secure
        assert report.failure is Failure.NOT_IN_CTL


async def test_a_phone_without_a_certificate_stays_out(site: Site) -> None:
    await site.go_mixed()
    sccp = await site.add(PHONE, "7975", ENCRYPTED, with_lsc=False)
    report = await register_once(sccp, site.network)
    assert report.outcome is RegistrationOutcome.NOT_REGISTERED
    assert [each.failure for each in report.attempts] == [
        Failure.NO_OWN_CERTIFICATE,
        Failure.NO_OWN_CERTIFICATE,
    ]
    sip = await site.add("SEP001122334466", "8861", ENCRYPTED, with_lsc=False)
    report = await register_once(sip, site.network)
    # It tries in clear, and is told so (REFERENCE-3 5.2).
    assert [(each.is_secure, each.failure) for each in report.attempts] == [
        (False, Failure.REJECTED),
        (False, Failure.REJECTED),
    ]
    assert "expected TLS" in report.attempts[0].said


async def test_a_mic_does_where_there_is_no_lsc(site: Site) -> None:
    await site.go_mixed()
    phone = await site.add(PHONE, "7975", ENCRYPTED, with_lsc=False)
    own = phone.certificates
    assert own is not None
    manufacturer = site.cluster.installation.manufacturer_folder
    own.make_mic(PHONE, "7975", manufacturer, site.cluster.clock())
    assert own.lsc is None
    report = await register_once(phone, site.network)
    assert report.attempts == ()
    assert report.outcome is RegistrationOutcome.REGISTERED_SECURE


async def test_a_certificate_of_another_authority_is_refused(
    site: Site, tmp_path: Path
) -> None:
    await site.go_mixed()
    phone = await site.add(PHONE, "7975", ENCRYPTED)
    stranger = keypair(PHONE)
    pem = tmp_path / "stranger.pem"
    pem.write_bytes(stranger.pem + stranger.certificate_pem)
    report = await register_once(phone, site.network, own=pem)
    assert report.failure is Failure.OWN_CERTIFICATE_REFUSED


async def test_another_phone_s_lsc_is_refused_by_its_name(site: Site) -> None:
    await site.go_mixed()
    other = await site.add("SEP001122334466", "7975", ENCRYPTED)
    phone = await site.add(PHONE, "7975", ENCRYPTED)
    assert other.certificates is not None
    own = other.certificates.present_file
    report = await register_once(phone, site.network, own=own)
    assert report.failure is Failure.REJECTED
    assert report.attempts[0].said == "Invalid X509 name"


async def test_a_node_that_is_down_is_passed_over(site: Site) -> None:
    phone = await site.add(PHONE, "7975", NON_SECURE)
    await site.stop(PUBLISHER)
    report = await register_once(phone, site.network)
    assert (report.node, report.is_elsewhere) == (SUBSCRIBER, True)
    assert report.failure is Failure.UNREACHABLE


async def test_without_mixed_mode_a_secure_profile_registers_in_clear(
    site: Site,
) -> None:
    for number, model in enumerate(MODELS):
        phone = await site.add(f"SEP{number:012}", model, ENCRYPTED)
        report = await register_once(phone, site.network)
        assert report.outcome is RegistrationOutcome.REGISTERED, model
        assert report.node == PUBLISHER
        assert report.attempts == ()
