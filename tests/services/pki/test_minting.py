"""The product's certificates, to the byte (REFERENCE 1.11, 10.1); OpenSSL judges."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Validity, mint
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.errors import BuildError
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import SubjectSection
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import generate_ec, generate_rsa, new_serial
from tokenless.services.pki.manufacturing import issue_token_certificate, to_pem
from tokenless.services.pki.profiles import PROFILES, subject_name

NOON = datetime(2015, 3, 9, 16, 6, 37, tzinfo=UTC)


def by_unit(lab: Cluster) -> dict[tuple[str, str], Certificate]:
    names = {node.id: node.name for node in lab.nodes}
    return {
        (placed.store.value, names[placed.node_id or 0]): placed.certificate
        for placed in certificates.own(lab)
    }


def test_the_labs_certificates_have_the_vendors_lengths(lab: Cluster) -> None:
    own = by_unit(lab)
    assert len(own["CallManager", "cucm-1051-a-pub"].der) == 694
    assert len(own["CallManager", "cucm-1051-a-sub1"].der) == 696
    assert len(own["CAPF", "cucm-1051-a-pub"].der) == 680
    assert set(own) == {
        ("CallManager", "cucm-1051-a-pub"),
        ("TVS", "cucm-1051-a-pub"),
        ("CAPF", "cucm-1051-a-pub"),
        ("CAPF", "cucm-1051-a-sub1"),
        ("ITLRecovery", "cucm-1051-a-pub"),
        ("CallManager", "cucm-1051-a-sub1"),
        ("TVS", "cucm-1051-a-sub1"),
        *(
            (unit, node)
            for unit in ("tomcat", "ipsec")
            for node in ("cucm-1051-a-pub", "cucm-1051-a-sub1")
        ),
    }


def test_a_regenerated_callmanager_has_955_bytes(lab: Cluster) -> None:
    made = certificates.regenerate(
        lab, lab.publisher, TrustStore.CALLMANAGER, by="test"
    )
    assert (len(made.der), made.key_bits) == (955, 2048)


def test_names_validity_serial_and_extensions(lab: Cluster) -> None:
    certificate = by_unit(lab)["CallManager", "cucm-1051-a-pub"]
    assert certificate.subject_text == (
        "CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL"
    )
    assert [key for key, _ in certificate.subject.attributes] == [
        "C",
        "O",
        "OU",
        "CN",
        "ST",
        "L",
    ]
    assert len(certificate.serial_number) == 16
    assert certificate.signature_algorithm == "SHA1withRSA"
    lasts = certificate.not_after - certificate.not_before
    assert (lasts.days, lasts.seconds) == (1824, 86399)
    parsed = x509.load_der_x509_certificate(certificate.der)
    assert [each.oid._name for each in parsed.extensions] == [
        "keyUsage",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
    ]
    assert not any(each.critical for each in parsed.extensions)
    usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.crl_sign


def test_itlrecovery_may_not_sign_certificates(lab: Cluster) -> None:
    certificate = by_unit(lab)["ITLRecovery", "cucm-1051-a-pub"]
    assert certificate.subject.get("CN") == "ITLRECOVERY_cucm-1051-a-pub"
    parsed = x509.load_der_x509_certificate(certificate.der)
    usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.key_cert_sign


def test_the_signature_holds(lab: Cluster) -> None:
    for (unit, _), certificate in by_unit(lab).items():
        key = certificate.public_key
        assert isinstance(key, RSAPublicKey)
        # SHA-1, as 2015 signed, but for tomcat's: browsers refuse SHA-1.
        digest = hashes.SHA256() if unit == "tomcat" else hashes.SHA1()  # noqa: S303
        key.verify(
            certificate.signature_value,
            certificate.tbs_certificate,
            PKCS1v15(),
            digest,
        )


def test_openssl_reads_and_verifies_what_we_write(lab: Cluster, tmp_path: Path) -> None:
    for certificate in by_unit(lab).values():
        path = tmp_path / "certificate.pem"
        path.write_bytes(to_pem(certificate))
        assert_openssl_verifies(path, path, "-partial_chain")


def assert_openssl_verifies(path: Path, authority: Path, *options: str) -> None:
    options = ("-auth_level", "0", "-no_check_time", *options)
    verdict = subprocess.run(
        ["openssl", "verify", *options, "-CAfile", str(authority), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict.stdout.strip().endswith("OK"), verdict.stderr


def test_a_token_certificate_has_902_bytes_and_its_makers_signature(
    tmp_path: Path,
) -> None:
    key = generate_rsa(1024)
    certificate = issue_token_certificate(tmp_path, key.public_key(), NOON.timestamp())
    assert len(certificate.der) == 902
    common_name = certificate.subject.get("CN")
    assert common_name is not None
    assert len(common_name) == 24
    assert common_name.endswith(" " * 8)
    assert len(certificate.serial_number) == 10
    again = issue_token_certificate(tmp_path, key.public_key(), NOON.timestamp())
    assert again.issuer_text == "CN=Cisco Manufacturing CA;O=Cisco Systems"
    path = tmp_path / "token.pem"
    path.write_bytes(to_pem(certificate))
    assert_openssl_verifies(path, tmp_path / "manufacturing-ca.pem")


def test_elliptic_curves_where_nothing_is_signed_for_phones(lab: Cluster) -> None:
    made = certificates.regenerate(
        lab, lab.publisher, TrustStore.TVS, key_type="EC", by="test"
    )
    assert made.signature_algorithm == "SHA256withECDSA"
    assert made.public_key_bytes[0] == 4
    with pytest.raises(ServiceError, match="RSA only"):
        certificates.regenerate(
            lab, lab.publisher, TrustStore.CALLMANAGER, key_type="EC", by="test"
        )


@pytest.mark.parametrize("size", [512, 1025, 0x10000])
def test_odd_key_sizes_are_refused(lab: Cluster, size: int) -> None:
    with pytest.raises(ServiceError, match="no RSA key"):
        certificates.regenerate(
            lab, lab.publisher, TrustStore.TVS, key_size=size, by="test"
        )


def test_alternative_names_are_names_or_addresses() -> None:
    key = generate_ec(256)
    subject = subject_name(SubjectSection(), "lab-pub")
    certificate = mint(
        subject,
        key.public_key(),
        Issuer(subject, key),
        PROFILES[TrustStore.TVS],
        Validity.days(NOON, 10),
        serial=new_serial(),
        alternative_names=("lab-pub.example", "*.lab", "127.0.47.155", "fe80::1"),
    )
    names = (
        x509.load_der_x509_certificate(certificate.der)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["lab-pub.example", "*.lab"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.47.155",
        "fe80::1",
    ]


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a\nb", "a..b", "-a", ".", "x" * 64, "a." * 200 + "a", "\udcff"],
    ids=ascii,
)
def test_what_is_no_alternative_name_is_refused(lab: Cluster, name: str) -> None:
    before = certificates.own(lab)
    with pytest.raises(BuildError, match="is not a name for a certificate"):
        certificates.regenerate(
            lab, lab.publisher, TrustStore.TVS, alternative_names=(name,), by="test"
        )
    assert certificates.own(lab) == before


@pytest.mark.parametrize(
    "name", ["a", "*.lab.example", "_tvs.example", "münchen.example"]
)
def test_what_is_an_alternative_name(lab: Cluster, name: str) -> None:
    made = certificates.regenerate(
        lab, lab.publisher, TrustStore.TVS, alternative_names=(name,), by="test"
    )
    assert name.encode("idna") in made.der


def test_a_validity_beyond_2049_is_written_as_rfc_5280_says() -> None:
    key = generate_ec(256)
    subject = subject_name(SubjectSection(), "lab-pub")
    profile = PROFILES[TrustStore.TVS]
    long = mint(
        subject,
        key.public_key(),
        Issuer(subject, key),
        profile,
        Validity.days(NOON, 36500),
        serial=new_serial(),
    )
    assert long.not_after.year == 2115


def test_serials_need_no_sign_byte() -> None:
    serials = {new_serial() for _ in range(200)}
    assert len(serials) == 200
    assert all(0x40 <= serial[0] < 0x80 for serial in serials)
