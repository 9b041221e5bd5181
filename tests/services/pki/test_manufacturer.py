"""The emulated manufacturer, MICs and LSCs; OpenSSL judges chains and contents."""

import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.rigs import minting
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import (
    Issuer,
    Profile,
    Validity,
    mint,
    positive_serial,
)
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.certificates import (
    MIC_SERIAL_BYTES,
    MicGeneration,
    device_of,
    mint_lsc,
    mint_mic,
)
from tokenless.protocol.release import Release
from tokenless.services.changes import certificates, trust_stores
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.manufacturer import manufacturer_certificates
from tokenless.services.pki.manufacturing import to_pem

DEVICE = "SEP001122334455"
MADE = datetime(2014, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a manufacturer."""
    made = tmp_path_factory.mktemp("maker") / "manufacturer"
    manufacturer_certificates(made, 2048)
    return made


def key_of(folder: Path, generation: MicGeneration) -> RSAPrivateKey:
    pem = (folder / f"{generation.value}-key.pem").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    return key


def mic_of(folder: Path, generation: MicGeneration) -> Certificate:
    return mint_mic(
        DEVICE,
        "7975",
        minting.rsa_key(2048, "phone").public_key(),
        Issuer(generation.authority_name, key_of(folder, generation)),
        generation,
        serial=positive_serial(bytes(range(1, MIC_SERIAL_BYTES + 1))),
        made_at=MADE,
    )


@pytest.mark.parametrize("generation", MicGeneration)
def test_openssl_accepts_a_mic(
    folder: Path, tmp_path: Path, generation: MicGeneration
) -> None:
    mic = mic_of(folder, generation)
    assert mic.signature_algorithm == f"{generation.digest.upper()}withRSA"
    assert mic.subject.get("CN") == f"CP-7975-{DEVICE}"
    assert device_of(mic) == DEVICE
    (tmp_path / "mic.pem").write_bytes(to_pem(mic))
    chain = folder / f"{generation.value}.pem"
    # Level 0, because the first generation signs with SHA-1.
    said = subprocess.run(
        [
            "openssl",
            "verify",
            "-auth_level",
            "0",
            "-attime",
            str(int(MADE.timestamp())),
            "-CAfile",
            chain,
            tmp_path / "mic.pem",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.endswith("OK\n"), said


def test_its_keys_are_private_and_it_stays_the_same(folder: Path) -> None:
    for generation in MicGeneration:
        mode = (folder / f"{generation.value}-key.pem").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    assert manufacturer_certificates(folder, 2048) == manufacturer_certificates(
        folder, 1024
    )


def test_the_authorities_are_those_of_real_stores(folder: Path) -> None:
    made = manufacturer_certificates(folder, 2048)
    names = [certificate.subject.get("CN") for certificate in made]
    assert names == [
        "Cisco Manufacturing CA",
        "Cisco Root CA 2048",
        "Cisco Manufacturing CA SHA2",
        "Cisco Root CA M2",
    ]
    issuing, root, *_ = made
    verify_issued_by(issuing, root)
    assert f"{root.not_after:%Y-%m-%d}" == "2029-05-14"
    parsed = x509.load_der_x509_certificate(issuing.der)
    constraints = parsed.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)


def test_a_mic_ends_with_its_authority(folder: Path) -> None:
    assert mic_of(folder, MicGeneration.SHA1).not_after.year == 2029
    assert mic_of(folder, MicGeneration.SHA2).not_after.year == 2037


def test_a_new_cluster_trusts_it(lab: Cluster) -> None:
    made = manufacturer_certificates(lab.installation.manufacturer_folder, 2048)
    units = {
        TrustStore.CALLMANAGER_TRUST: {TrustStore.CAPF, TrustStore.CALLMANAGER},
        TrustStore.CAPF_TRUST: {TrustStore.CAPF},
    }
    for store, copied in units.items():
        own = [p.certificate for p in certificates.own(lab) if p.store in copied]
        trusted = [placed.certificate for placed in certificates.trust(lab, store)]
        assert sorted(each.sha1 for each in trusted) == sorted(
            each.sha1 for each in [*made, *own]
        )


def test_a_regenerated_capf_is_trusted_beside_the_old_one(lab: Cluster) -> None:
    """Until somebody deletes the old one: LSCs that it issued stay valid."""
    old = certificates.own_certificate(lab, lab.publisher, TrustStore.CAPF)
    new = certificates.regenerate(lab, lab.publisher, TrustStore.CAPF, by="test")
    trusted = {
        placed.certificate for placed in certificates.trust(lab, TrustStore.CAPF_TRUST)
    }
    assert {old, new} <= trusted
    trust_stores.delete(lab, TrustStore.CAPF_TRUST, old.serial_hex, by="test")


def test_a_damaged_manufacturer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sha1.pem").write_text("nonsense")
    with pytest.raises(ServiceError, match="no certificate"):
        manufacturer_certificates(tmp_path, 1024)


@pytest.mark.parametrize(
    ("version", "algorithm"),
    [
        ("11.5(1)SU1", "SHA256withRSA"),
        ("11.5(1)", "SHA1withRSA"),
        ("10.5(2)", "SHA1withRSA"),
        ("15", "SHA256withRSA"),
    ],
)
def test_an_lsc_as_a_real_one_looks(version: str, algorithm: str) -> None:
    capf = minting.capf()
    lsc = mint_lsc(
        DEVICE,
        minting.rsa_key(2048, "phone").public_key(),
        capf.certificate,
        Issuer(capf.certificate.subject, capf.key),
        serial=positive_serial(bytes(range(16))),
        validity=Validity.days(MADE, 365),
        release=Release.parse(version),
    )
    verify_issued_by(lsc, capf.certificate)
    assert lsc.signature_algorithm == algorithm
    assert lsc.subject_text == (
        f"CN={DEVICE};OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL"
    )
    assert lsc.issuer == capf.certificate.subject
    assert len(lsc.serial_number) == 16
    assert device_of(lsc) == DEVICE
    extensions = x509.load_der_x509_certificate(lsc.der).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in purposes] == [
        ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,
        ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
        "1.3.6.1.5.5.7.3.5",
    ]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [DEVICE]


@pytest.mark.parametrize("bits", [1024, 2048])
def test_an_lsc_of_sha256_is_what_mint_writes_to_the_byte(bits: int) -> None:
    """It is built by another, faster way."""
    capf = minting.capf()
    taken = [pair for pair in capf.certificate.subject.attributes if pair[0] != "CN"]
    issuer = Issuer(capf.certificate.subject, capf.key)
    public_key = minting.rsa_key(bits, "phone").public_key()
    serial, validity = positive_serial(bytes(range(16))), Validity.days(MADE, 1825)
    profile = Profile(
        frozenset({"digital_signature", "key_encipherment"}),
        ("server_auth", "client_auth", "1.3.6.1.5.5.7.3.5"),
        usage_is_critical=True,
        denies_authority=True,
    )
    by_mint = mint(
        DistinguishedName((("CN", DEVICE), *taken)),
        public_key,
        issuer,
        profile,
        validity,
        serial=serial,
        digest="sha256",
        uris=(DEVICE,),
    )
    lsc = mint_lsc(
        DEVICE,
        public_key,
        capf.certificate,
        issuer,
        serial=serial,
        validity=validity,
        release=Release.parse("15"),
    )
    assert lsc.der == by_mint.der
