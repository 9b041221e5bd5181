"""Trust stores by release, and what a release makes by itself."""

import pytest
from cryptography import x509

from tests.rigs.ca_signed import Make, own, papers_of
from tests.rigs.clock import Clock
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.signing import ctl_signer
from tokenless.services.changes import certificates, security, trust_stores
from tokenless.services.cluster.distribution import install_reset_itl
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.ctl import ctl_records
from tokenless.services.publishing.itl import rebuild_itl


class TestTrustStores:
    """REFERENCE-2 2.4."""

    def test_one_certificate_of_a_name_the_later_wins(
        self, cluster_of: Make, clock: Clock
    ) -> None:
        cluster, store = cluster_of("14"), TrustStore.PHONE_SAST_TRUST
        old = own(cluster, cluster.publisher, TrustStore.CALLMANAGER)
        clock.advance(86400)
        new = certificates.regenerate(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
        )
        trust_stores.upload(cluster, store, old.der, by="test")
        done = trust_stores.upload(cluster, store, new.der, by="test")
        assert done.replaced == (old,)
        again = trust_stores.upload(cluster, store, old.der, by="test")
        assert (again.certificates, again.kept_out) == ((), (old,))
        held = [each.certificate for each in certificates.trust(cluster, store)]
        assert held == [new]

    @pytest.mark.parametrize(
        ("version", "stays"), [("12.5(1)SU5", True), ("14SU2", False)]
    )
    def test_an_upgrade_drops_what_has_expired(
        self, cluster_of: Make, clock: Clock, version: str, stays: bool
    ) -> None:
        cluster, store = cluster_of("11.5(1)"), TrustStore.PHONE_SAST_TRUST
        mine = own(cluster, cluster.publisher, TrustStore.CALLMANAGER)
        trust_stores.upload(cluster, store, mine.der, by="test")
        clock.advance(1900 * 86400)
        security.set_parameter(cluster, "Version", version, by="test")
        with pytest.raises(ServiceError, match="expired on"):
            trust_stores.upload(
                cluster, TrustStore.CALLMANAGER_TRUST, mine.der, by="test"
            )
        assert bool(certificates.trust(cluster, store)) is stays

    def test_an_upgrade_makes_the_ec_units(self, cluster_of: Make) -> None:
        cluster = cluster_of("10.5(2)")
        security.set_parameter(cluster, "Version", "12.5(1)", by="test")
        for node in cluster.nodes:
            made = own(cluster, node, TrustStore.CALLMANAGER_ECDSA)
            assert made.subject.get("CN") == f"{node.name}-EC.lab.example"

    def test_phone_sast_trust_enters_the_ctl_from_12_5(self, cluster_of: Make) -> None:
        other = own(
            (theirs := cluster_of("10.5(2)")), theirs.nodes[1], TrustStore.CALLMANAGER
        )
        for version, listed in (("11.5(1)", False), ("12.5(1)", True)):
            cluster = cluster_of(version)
            trust_stores.upload(
                cluster, TrustStore.PHONE_SAST_TRUST, other.der, by="test"
            )
            snapshot = papers_of(cluster)
            records = ctl_records(snapshot, ctl_signer(snapshot.release).unit)
            sasts = {each.certificate_der for each in records if each.is_sast}
            assert (other.der in sasts) is listed


@pytest.mark.parametrize(
    ("version", "days", "authority"),
    [
        ("11.5(1)", 1825, None),
        ("12.5(1)", 7300, None),
        ("14", 7300, None),
        ("15SU3", 1825, False),
    ],
)
def test_itlrecovery_lasts_by_release(
    cluster_of: Make, version: str, days: int, authority: bool | None
) -> None:
    cluster = cluster_of(version)
    made = own(cluster, cluster.publisher, TrustStore.ITLRECOVERY)
    assert (made.not_after - made.not_before).days == days - 1
    parsed = x509.load_der_x509_certificate(made.der)
    found = [
        each for each in parsed.extensions if each.oid.dotted_string == "2.5.29.19"
    ]
    assert [each.value.ca for each in found] == ([] if authority is None else [False])


def test_reset_localkey_copies_the_publishers_itl(cluster_of: Make) -> None:
    cluster = cluster_of("12.5(1)")
    before = {node.name: rebuild_itl(cluster, node) for node in cluster.nodes}
    security.reset_itl_localkey(cluster, by="test")
    left = {install_reset_itl(cluster, node) for node in cluster.nodes}
    assert len(left) == 1
    data = left.pop()
    assert data is not None
    reset = TrustList.decode(data)
    assert reset.records == before["pub"].records
    signer = own(cluster, cluster.publisher, TrustStore.CALLMANAGER)
    reset.verify(signer.public_key)
