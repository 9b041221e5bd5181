"""Own certificates from a CA: requests, refusals, multi-server, reuse.

`openssl` agrees with every request, chain and certificate.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.rigs.ca_signed import (
    NODES,
    SHARED,
    Make,
    openssl,
    own,
    papers_of,
    signed,
    trusting,
)
from tests.rigs.clock import Clock
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.codes import Role, TrustStore, trust_store_of
from tokenless.protocol.release import Release
from tokenless.protocol.trust.signing import ctl_signer
from tokenless.services.changes import certificates, identities, security, trust_stores
from tokenless.services.changes.membership import add_node
from tokenless.services.changes.security import SecurityMode
from tokenless.services.changes.tvs_entries import with_roles
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.identity_checks import IdentityFault, IdentityRefusedError
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.signing_requests import SigningRequest
from tokenless.services.pki.usages import USAGES, usages_of
from tokenless.services.publishing.ctl import ctl_records
from tokenless.services.publishing.itl import rebuild_itl


@pytest.mark.parametrize("store", list(USAGES))
def test_openssl_agrees_with_request_chain_and_certificate(
    cluster_of: Make, ca: LabCa, store: TrustStore, tmp_path: Path
) -> None:
    cluster = cluster_of("14SU3")
    trusting(cluster, ca, trust_store_of(store))
    made = identities.request(cluster, cluster.publisher, store, by="test")
    request, leaf = tmp_path / "r.csr", tmp_path / "leaf.pem"
    request.write_bytes(made.pem)
    assert "verify OK" in openssl("req", "-in", request, "-verify", "-noout")
    leaf.write_bytes(ca.sign(made, cluster.clock()))
    root, middle = tmp_path / "ca/root.pem", tmp_path / "ca/intermediate.pem"
    at = ("-attime", int(cluster.clock()))
    chain = ("-CAfile", root, "-untrusted", middle, leaf)
    assert openssl("verify", "-x509_strict", *at, *chain).endswith("leaf.pem: OK\n")
    taken = identities.import_own(
        cluster, cluster.publisher, store, leaf.read_bytes(), by="test"
    )
    now = own(cluster, cluster.publisher, store)
    assert now == taken.certificate
    serial = openssl("x509", "-in", leaf, "-noout", "-serial").strip()
    assert serial == f"serial={now.serial_hex}"
    subject = openssl("x509", "-in", leaf, "-noout", "-subject")
    assert str(now.subject.get("CN")) in subject
    assert "OU" not in subject  # left out of requests from 14SU1 on
    cluster.publisher.keys.load(store, now)
    assert not identities.has_pending(cluster.publisher, store)


@pytest.mark.parametrize("store", [TrustStore.CALLMANAGER, TrustStore.TOMCAT_ECDSA])
def test_requests_before_14_ask_for_key_encipherment_too(store: TrustStore) -> None:
    """REFERENCE-2 2.1."""
    asked = {
        version: usages_of(store, Release.parse(version)).bits
        for version in ("12.5(1)SU6", "14")
    }
    assert asked["12.5(1)SU6"] - asked["14"] == {"key_encipherment"}


def test_itlrecovery_is_signed_by_nobody(cluster_of: Make) -> None:
    cluster = cluster_of("14SU3")
    with pytest.raises(ServiceError, match="ITLRecovery cannot be signed by a CA"):
        identities.request(
            cluster, cluster.publisher, TrustStore.ITLRECOVERY, by="test"
        )


def test_one_key_for_all_nodes_and_one_record_in_the_ctl(
    cluster_of: Make, ca: LabCa
) -> None:
    cluster = cluster_of("12.5(1)")
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
    taken = signed(cluster, ca, TrustStore.CALLMANAGER, SHARED)
    assert taken.nodes == NODES
    for node in cluster.nodes:
        now = own(cluster, node, TrustStore.CALLMANAGER)
        assert now == taken.certificate
        node.keys.signer(TrustStore.CALLMANAGER, now)
    assert taken.certificate.subject.get("CN") == "pub-ms.lab.example"
    snapshot = papers_of(cluster)
    records = ctl_records(snapshot, ctl_signer(snapshot.release).unit)
    servers = [each for each in records if each.role == Role.CCM_TFTP]
    assert [each.dns_name for each in servers] == ["pub"]
    itl = rebuild_itl(cluster, cluster.nodes[2])
    named = [each.dns_name for each in itl.records if each.role == Role.CCM_TFTP]
    assert named == ["sub2", "sub2"]  # RSA and EC
    signature = next(r for r in itl.records if r.role == Role.CCM_TFTP).signature
    assert signature is not None
    assert len(signature) == 256  # the issuer's key, whatever the certificate's


def test_the_ecdsa_record_stands_in_itls_from_11(cluster_of: Make) -> None:
    cluster = cluster_of("11.0(1)")
    itl = rebuild_itl(cluster, cluster.publisher)
    keys = [each.public_key for each in itl.records if each.role == Role.TFTP]
    assert [len(key or b"") for key in keys] == [140, 65]
    assert TrustStore.TOMCAT_ECDSA not in {
        each.store for each in certificates.own(cluster)
    }


def test_a_shared_tvs_stands_once_in_every_itl(cluster_of: Make) -> None:
    cluster = cluster_of("14")
    made = certificates.regenerate(
        cluster, cluster.publisher, TrustStore.TVS, shared=True, by="test"
    )
    for node in cluster.nodes:
        itl = rebuild_itl(cluster, node)
        found = [each for each in itl.records if each.role == Role.TVS]
        assert [each.certificate_der for each in found] == [made.der]
        node.keys.load(TrustStore.TVS, made)


def test_a_new_node_makes_shared_certificates_anew(cluster_of: Make) -> None:
    cluster = cluster_of("14")
    old = certificates.regenerate(
        cluster, cluster.publisher, TrustStore.TVS, shared=True, by="test"
    )
    new = add_node(cluster, "sub3", "127.0.61.4", by="test")
    now = own(cluster, new, TrustStore.TVS)
    assert now != old
    assert {own(cluster, each, TrustStore.TVS) for each in cluster.nodes} == {now}
    for node in cluster.nodes:
        node.keys.load(TrustStore.TVS, now)


def test_a_new_node_waits_for_the_ca_where_it_signed(
    cluster_of: Make, ca: LabCa
) -> None:
    cluster = cluster_of("14")
    trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
    taken = signed(cluster, ca, TrustStore.CALLMANAGER, SHARED)
    new = add_node(cluster, "sub3", "127.0.61.4", by="test")
    assert own(cluster, new, TrustStore.CALLMANAGER).is_self_signed
    assert own(cluster, cluster.publisher, TrustStore.CALLMANAGER) == taken.certificate


@pytest.mark.parametrize("store", [TrustStore.TVS, TrustStore.CALLMANAGER])
def test_before_14_self_signed_ones_are_of_one_node(
    cluster_of: Make, store: TrustStore
) -> None:
    cluster = cluster_of("12.5(1)")
    with pytest.raises(ServiceError, match="no self-signed multi-server"):
        certificates.regenerate(
            cluster, cluster.publisher, store, shared=True, by="test"
        )


def test_tomcat_serves_callmanager_and_its_renewal_does_too(
    cluster_of: Make, ca: LabCa
) -> None:
    cluster = cluster_of("14SU3")
    trusting(cluster, ca, TrustStore.TOMCAT_TRUST)
    first = signed(cluster, ca, TrustStore.TOMCAT, SHARED)
    with pytest.raises(IdentityRefusedError):  # its CAs are not in CallManager-trust
        identities.reuse_tomcat(cluster, TrustStore.CALLMANAGER, by="test")
    trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
    identities.reuse_tomcat(cluster, TrustStore.CALLMANAGER, by="test")
    roles = {
        role
        for each in with_roles(cluster)
        if each.certificate == first.certificate
        for role in each.roles
    }
    assert roles == {Role.SAST, Role.CCM_TFTP, Role.APP_SERVER}
    second = signed(cluster, ca, TrustStore.TOMCAT, SHARED)
    assert second.also == (TrustStore.CALLMANAGER,)
    for node in cluster.nodes:
        now = own(cluster, node, TrustStore.CALLMANAGER)
        assert now == second.certificate
        node.keys.signer(TrustStore.CALLMANAGER, now)
    # A second time, as two uploads at one moment are: what is in use is not history.
    identities.reuse_tomcat(cluster, TrustStore.CALLMANAGER, by="test")
    old = certificates.history(cluster, store=TrustStore.CALLMANAGER)
    assert second.certificate not in [each.certificate for each in old]


def test_reuse_needs_14_and_a_multi_server_tomcat(cluster_of: Make) -> None:
    with pytest.raises(ServiceError, match="cannot use"):
        identities.reuse_tomcat(
            cluster_of("12.5(1)"), TrustStore.CALLMANAGER, by="test"
        )
    with pytest.raises(ServiceError, match="not multi-server"):
        identities.reuse_tomcat(cluster_of("14"), TrustStore.CALLMANAGER, by="test")


class TestRefusals:
    """REFERENCE-5 5.1."""

    @staticmethod
    def refused(cluster: Cluster, pem: bytes) -> IdentityFault:
        before = own(cluster, cluster.publisher, TrustStore.CALLMANAGER)
        with pytest.raises(IdentityRefusedError) as caught:
            identities.import_own(
                cluster, cluster.publisher, TrustStore.CALLMANAGER, pem, by="test"
            )
        assert own(cluster, cluster.publisher, TrustStore.CALLMANAGER) == before
        return caught.value.fault

    def test_no_request(self, cluster_of: Make, ca: LabCa) -> None:
        assert self.refused(cluster_of("14"), ca.chain[0]) is IdentityFault.NO_REQUEST

    def test_the_root_comes_first(self, cluster_of: Make, ca: LabCa) -> None:
        cluster = cluster_of("14")
        made = identities.request(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
        )
        pem = ca.sign(made, cluster.clock())
        assert self.refused(cluster, pem) is IdentityFault.NOT_TRUSTED
        with pytest.raises(ServiceError, match="not available in the trust-store"):
            trust_stores.upload(
                cluster, TrustStore.CALLMANAGER_TRUST, ca.chain[1], by="test"
            )
        trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
        identities.import_own(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, pem, by="test"
        )

    def test_the_answer_to_an_older_request(self, cluster_of: Make, ca: LabCa) -> None:
        cluster = cluster_of("14")
        trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
        old = identities.request(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
        )
        identities.request(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
        )
        pem = ca.sign(old, cluster.clock())
        assert self.refused(cluster, pem) is IdentityFault.KEY

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"cn": "other.lab.example"}, IdentityFault.COMMON_NAME),
            ({"san": ["pub.lab.example", "www.example"]}, IdentityFault.NAMES),
            ({"san": []}, IdentityFault.NAMES),
            ({"san": ["*.lab.example"]}, IdentityFault.WILDCARD),
            ({"usage": False}, IdentityFault.KEY_USAGE),
            ({"purposes": []}, IdentityFault.PURPOSES),
            ({"begins": 10}, IdentityFault.NOT_YET_VALID),
            ({"begins": -400}, IdentityFault.EXPIRED),
        ],
        ids=lambda value: value.value if isinstance(value, IdentityFault) else "",
    )
    def test_what_a_ca_made_of_it(
        self,
        cluster_of: Make,
        change: dict[str, object],
        fault: IdentityFault,
        clock: Clock,
    ) -> None:
        cluster = cluster_of("14")
        made = identities.request(
            cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
        )
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert self.refused(cluster, odd_answer(made, key, clock(), change)) is fault


def odd_answer(
    made: SigningRequest, key: rsa.RSAPrivateKey, now: float, change: dict[str, object]
) -> bytes:
    """Sign a request, but change one thing."""
    begins_in = change.get("begins", 0)
    assert isinstance(begins_in, int)
    begins = datetime.fromtimestamp(int(now), UTC) + timedelta(days=begins_in)
    common = str(change.get("cn", made.common_name))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
        .public_key(made.parsed.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
    )
    for extension in made.parsed.extensions:
        value: x509.ExtensionType = extension.value
        if isinstance(value, x509.SubjectAlternativeName) and "san" in change:
            names = change["san"]
            assert isinstance(names, list)
            if not names:
                continue
            value = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
        if isinstance(value, x509.KeyUsage) and "usage" in change:
            value = x509.KeyUsage(
                *(True, False, False, False, False, False, False, False, False)
            )
        if isinstance(value, x509.ExtendedKeyUsage) and "purposes" in change:
            continue
        builder = builder.add_extension(value, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_public_cas_leave_clientauth_out(
    cluster_of: Make, tmp_path: Path, clock: Clock
) -> None:
    public = LabCa.create(tmp_path / "public", "Public", CaKind.PUBLIC, 47, clock())
    cluster = cluster_of("14SU3")
    trusting(cluster, public, TrustStore.TOMCAT_TRUST)
    taken = signed(cluster, public, TrustStore.TOMCAT)
    assert taken.warning is not None
    assert (taken.certificate.not_after - taken.certificate.not_before).days == 46
    with pytest.raises(ServiceError, match="200 days at most"):
        LabCa.create(tmp_path / "long", "Public", CaKind.PUBLIC, 398, clock())


def test_chains_are_read_in_any_order(cluster_of: Make, ca: LabCa) -> None:
    cluster = cluster_of("14")
    trusting(cluster, ca, TrustStore.TOMCAT_TRUST)
    made = identities.request(cluster, cluster.publisher, TrustStore.TOMCAT, by="test")
    leaf = ca.sign(made, cluster.clock())
    chain = ca.chain[0] + ca.chain[1] + leaf
    taken = identities.import_own(
        cluster, cluster.publisher, TrustStore.TOMCAT, chain, by="test"
    )
    assert taken.certificate.der == next(iter(read_certificates(leaf)))
