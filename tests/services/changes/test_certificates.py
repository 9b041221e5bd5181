"""Certificates as administrators manage them: history, stores, expiry, names."""

import re

import pytest

from tests.rigs import minting
from tests.rigs.clock import START, Clock
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import UNITS, Role, TrustStore
from tokenless.services.changes import certificates, security, trust_stores
from tokenless.services.changes.membership import add_node, set_hostname
from tokenless.services.changes.security import SecurityMode
from tokenless.services.changes.tvs_entries import ctl_signers, with_roles
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, create_token
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store.audit import read_audit
from tokenless.services.store.parameters import Parameter

CALLMANAGER = TrustStore.CALLMANAGER
SAST = TrustStore.PHONE_SAST_TRUST
FOREIGN = minting.server("other-cluster-pub")


def current(lab: Cluster, store: TrustStore = CALLMANAGER) -> Certificate:
    return certificates.own_certificate(lab, lab.publisher, store)


def actions(lab: Cluster) -> list[str]:
    with lab.store.read() as connection:
        return [entry.action for entry in read_audit(connection)]


def regenerate(lab: Cluster, store: TrustStore = CALLMANAGER) -> Certificate:
    return certificates.regenerate(lab, lab.publisher, store, key_size=1024, by="test")


def test_a_regenerated_certificate_replaces_the_old_one(lab: Cluster) -> None:
    old = current(lab)
    new = regenerate(lab)
    assert current(lab) == new != old
    assert new.subject == old.subject
    assert [each.certificate for each in certificates.history(lab)] == [old]
    assert lab.publisher.keys.has(CALLMANAGER, old)
    assert actions(lab)[-1] == "regenerate"


def test_yesterdays_certificate_can_be_put_back(lab: Cluster) -> None:
    old = current(lab)
    newer = regenerate(lab)
    newest = regenerate(lab)
    restored = certificates.restore(
        lab, lab.publisher, CALLMANAGER, old.serial_hex, by="test"
    )
    assert restored == current(lab) == old
    history = [each.certificate for each in certificates.history(lab)]
    assert history == [newer, newest]
    assert rebuild_itl(lab, lab.publisher).signer.serial == old.serial_number


def test_without_its_key_it_cannot(lab: Cluster) -> None:
    old = current(lab)
    new = regenerate(lab)
    lab.publisher.keys.forget(CALLMANAGER, old)
    with pytest.raises(ServiceError, match="not on this machine"):
        certificates.restore(lab, lab.publisher, CALLMANAGER, old.serial_hex, by="test")
    assert current(lab) == new


def test_history_is_forgotten_with_its_key(lab: Cluster) -> None:
    old = current(lab)
    regenerate(lab)
    certificates.delete_history(
        lab, lab.publisher, CALLMANAGER, old.serial_hex[:8], by="test"
    )
    assert certificates.history(lab) == []
    assert not lab.publisher.keys.has(CALLMANAGER, old)


def test_itlrecovery_and_capf_are_the_publishers(lab: Cluster) -> None:
    subscriber = lab.nodes[1]
    certificates.regenerate(lab, subscriber, TrustStore.CAPF, by="test")
    before = len(certificates.own(lab))
    security.set_parameter(lab, Parameter.VERSION, "14", by="test")
    ended = certificates.history(lab, subscriber, TrustStore.CAPF)[-1]
    assert len(certificates.own(lab)) == before - 1 + 2 * 2, "CAPF goes, EC units come"
    for store in (TrustStore.CALLMANAGER_TRUST, TrustStore.CAPF_TRUST):
        kept = [each.certificate for each in certificates.trust(lab, store)]
        assert ended.certificate in kept
    for store in (TrustStore.ITLRECOVERY, TrustStore.CAPF):
        with pytest.raises(ServiceError, match="the publisher's"):
            certificates.regenerate(lab, subscriber, store, by="test")
    recovery = regenerate(lab, TrustStore.ITLRECOVERY)
    for node in lab.nodes:
        assert node.keys.has(TrustStore.ITLRECOVERY, recovery)
    capf = regenerate(lab, TrustStore.CAPF)
    name = capf.subject.get("CN") or ""
    assert re.fullmatch(r"CAPF-[0-9a-f]{8}", name)
    assert name != "CAPF-e41e7d87"


def test_an_unknown_unit(lab: Cluster) -> None:
    with pytest.raises(ServiceError, match="the node has no certificate"):
        regenerate(lab, TrustStore.PHONE_TRUST)


@pytest.mark.parametrize("store", certificates.trust_stores())
def test_a_store_decides_which_roles_tvs_answers(
    lab: Cluster, store: TrustStore
) -> None:
    uploaded = trust_stores.upload(lab, store, FOREIGN.certificate_pem, by="test")
    assert (uploaded.warning is None) == bool(store.roles)
    placed = [
        each.roles
        for each in with_roles(lab)
        if each.certificate == FOREIGN.certificate
    ]
    assert placed == ([tuple(sorted(store.roles))] if store.roles else [])


def test_roles_come_in_the_order_of_the_vendors_log(lab: Cluster) -> None:
    roles = {
        each.store: each.roles
        for each in with_roles(lab)
        if each.node_id == lab.publisher.id
    }
    assert roles == {
        CALLMANAGER: (Role.SAST, Role.CCM_TFTP),
        TrustStore.TVS: (Role.TVS,),
        TrustStore.CAPF: (Role.CAPF,),
        TrustStore.ITLRECOVERY: (Role.SAST,),
        TrustStore.TOMCAT: (Role.APP_SERVER,),
        TrustStore.IPSEC: (Role.APP_SERVER,),
    }


def test_the_same_certificate_twice(lab: Cluster) -> None:
    trust_stores.upload(lab, SAST, FOREIGN.certificate_pem, by="test")
    before = lab.store.revision()
    with pytest.raises(ServiceError, match="already"):
        trust_stores.upload(lab, SAST, FOREIGN.certificate.der, by="test")
    assert lab.store.revision() == before
    other = TrustStore.CALLMANAGER_TRUST
    count = len(certificates.trust(lab, other))
    trust_stores.upload(lab, other, FOREIGN.certificate_pem, by="test")
    assert len(certificates.trust(lab, other)) == count + 1
    assert len(certificates.trust(lab, SAST)) == 1


def test_own_units_take_no_uploads(lab: Cluster) -> None:
    with pytest.raises(ServiceError, match="own certificate"):
        trust_stores.upload(lab, CALLMANAGER, FOREIGN.certificate_pem, by="test")


def test_deleting_from_a_store(lab: Cluster) -> None:
    trust_stores.upload(lab, SAST, FOREIGN.certificate_pem, by="test")
    serial = FOREIGN.certificate.serial_hex
    with pytest.raises(ServiceError, match="0 certificates"):
        trust_stores.delete(lab, SAST, "FF" + serial, by="test")
    with pytest.raises(ServiceError, match="certificates have"):
        trust_stores.delete(lab, SAST, "", by="test")
    trust_stores.delete(lab, SAST, serial.lower(), by="test")
    assert certificates.trust(lab, SAST) == []
    trust_stores.upload(lab, SAST, FOREIGN.certificate_pem, by="test")


def test_what_was_made_while_the_clock_was_ahead_is_not_valid_yet(
    lab: Cluster, clock: Clock
) -> None:
    assert not any(each.begins_later for each in certificates.expiry(lab))
    clock.advance(86400)
    certificates.regenerate(
        lab, lab.publisher, TrustStore.TVS, key_size=1024, by="test"
    )
    clock.advance(-86400)
    report = certificates.expiry(lab, within_days=100)
    assert [each.placed.store for each in report] == [TrustStore.TVS]
    assert report[0].begins_later


def test_expiry_is_reported_the_next_first(lab: Cluster, clock: Clock) -> None:
    trust_stores.upload(lab, SAST, minting.token().certificate.der, by="test")
    report = certificates.expiry(lab)
    assert [each.days_left for each in report] == sorted(
        each.days_left for each in report
    )
    assert all(each.begins_later for each in certificates.expiry(lab, within_days=100))
    clock.advance(1830 * 86400)
    ended = [each.placed for each in certificates.expiry(lab) if each.days_left < 0]
    assert len([placed for placed in ended if placed.node_id is not None]) == 11
    assert {placed.store for placed in ended if placed.node_id is None} == {
        SAST,
        TrustStore.CALLMANAGER_TRUST,
        TrustStore.CAPF_TRUST,
    }


class TestSignersOfCtlFiles:
    """REFERENCE 10.2: by bytes, never because a file says so."""

    @pytest.fixture(autouse=True)
    def mixed(self, lab: Cluster) -> None:
        security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")

    def test_own_certificates(self, lab: Cluster) -> None:
        signers = ctl_signers(lab)
        listed = [each for each in certificates.own(lab) if each.store in UNITS]
        assert {each.certificate.der for each in listed} == signers

    def test_a_token_only_after_its_upload(self, lab: Cluster) -> None:
        token = create_token(lab.tokens_folder, "A", now=START)
        token.unlock(DEFAULT_PASSWORD)
        der = token.certificate.der
        assert der not in ctl_signers(lab)
        trust_stores.upload(lab, TrustStore.CALLMANAGER_TRUST, der, by="test")
        assert der not in ctl_signers(lab)
        trust_stores.upload(lab, SAST, der, by="test")
        assert der in ctl_signers(lab)

    def test_a_replaced_one_until_the_ctl_is_updated(self, lab: Cluster) -> None:
        old = current(lab)
        regenerate(lab)
        assert old.der in ctl_signers(lab)
        security.update_ctl(lab, by="test")
        assert old.der not in ctl_signers(lab)

    def test_an_impostor_with_the_same_names_and_serial(self, lab: Cluster) -> None:
        true = current(lab)
        key = minting.rsa_key(1024, "impostor")
        false = minting.mint(
            minting.lab_name(lab.publisher.name),
            key,
            serial=int.from_bytes(true.serial_number),
        )
        assert (false.subject_text, false.serial_hex) == (
            true.subject_text,
            true.serial_hex,
        )
        assert false.der not in ctl_signers(lab)


def test_another_host_name_makes_every_certificate_anew(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    publisher = lab.publisher
    old = {each.certificate.der for each in certificates.own(lab, publisher)}
    set_hostname(lab, publisher, "krakow-pub", by="test")
    renamed = lab.node("krakow-pub")
    assert renamed.id == publisher.id
    assert renamed.folder == publisher.folder
    new = certificates.own(lab, renamed)
    assert not old & {each.certificate.der for each in new}
    names = {each.store: each.certificate.subject.get("CN") for each in new}
    assert (names.pop(TrustStore.CAPF) or "").startswith("CAPF-")
    assert names == {
        CALLMANAGER: "krakow-pub",
        TrustStore.TVS: "krakow-pub",
        TrustStore.ITLRECOVERY: "ITLRECOVERY_krakow-pub",
        TrustStore.TOMCAT: "krakow-pub",
        TrustStore.IPSEC: "krakow-pub",
    }
    assert actions(lab)[-1] == "set hostname"
    itl = rebuild_itl(lab, publisher)
    assert itl.records[0].dns_name == "krakow-pub"
    security.update_ctl(lab, by="test")
    install_ctl(lab, publisher)
    assert b"krakow-pub" in renamed.ctl_file.read_bytes()


def test_a_subscriber_keeps_the_clusters_itlrecovery(lab: Cluster) -> None:
    recovery = current(lab, TrustStore.ITLRECOVERY)
    set_hostname(lab, lab.nodes[1], "krakow-sub", by="test")
    assert current(lab, TrustStore.ITLRECOVERY) == recovery
    assert len(certificates.own(lab)) == 11


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a b", "a\n", "../x", "cucm-1051-a-sub1", "CUCM-1051-A-PUB", "a" * 200],
)
def test_names_that_no_node_can_have(lab: Cluster, name: str) -> None:
    before = lab.store.revision()
    with pytest.raises(ServiceError):
        set_hostname(lab, lab.publisher, name, by="test")
    assert lab.store.revision() == before


def test_a_new_node_with_an_old_name_has_a_folder_of_its_own(lab: Cluster) -> None:
    old = lab.nodes[1]
    set_hostname(lab, old, "krakow-sub", by="test")
    joined = add_node(lab, old.name, "127.0.47.157", by="test")
    assert joined.folder != lab.node("krakow-sub").folder == old.folder
    assert joined.keys_folder.is_dir()
