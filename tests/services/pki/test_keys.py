"""Private keys on the disk: modes, damage, and keys that belong to others."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.fuzz.uploads import without_sum
from tests.rigs import minting
from tokenless.protocol.certificates.signature import verify_signature
from tokenless.protocol.codes import Digest, TrustStore
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import KeyFolder, generate_ec
from tokenless.services.pki.recovery import export_key, load_recovery

STORE = TrustStore.CALLMANAGER
OWN = minting.server()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    folder = KeyFolder(tmp_path / "keys")
    folder.save(STORE, OWN.certificate, OWN.key)
    return folder


def test_a_key_signs_for_its_certificate(keys: KeyFolder) -> None:
    signer = keys.signer(STORE, OWN.certificate)
    signature = signer.sign(b"data", Digest.SHA1)
    verify_signature(OWN.certificate.public_key, signature, b"data", Digest.SHA1)


def test_nobody_else_can_read_it(keys: KeyFolder, tmp_path: Path) -> None:
    path = keys.path(STORE, OWN.certificate)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert path.name == f"CallManager-{OWN.certificate.serial_hex}.pem"


def test_a_missing_key(keys: KeyFolder) -> None:
    keys.forget(STORE, OWN.certificate)
    assert not keys.has(STORE, OWN.certificate)
    with pytest.raises(ServiceError, match="not on this machine"):
        keys.signer(STORE, OWN.certificate)


@pytest.mark.parametrize("content", [b"", b"junk", OWN.certificate_pem])
def test_a_damaged_key(keys: KeyFolder, content: bytes) -> None:
    keys.path(STORE, OWN.certificate).write_bytes(content)
    with pytest.raises(ServiceError, match="no usable private key"):
        keys.signer(STORE, OWN.certificate)


def test_another_ones_key(keys: KeyFolder) -> None:
    other = minting.server(minting.SUBSCRIBER)
    keys.path(STORE, OWN.certificate).write_bytes(other.key_pem)
    with pytest.raises(ServiceError, match="not the key of its certificate"):
        keys.signer(STORE, OWN.certificate)


def test_a_key_never_shows_itself(keys: KeyFolder) -> None:
    signer = keys.signer(STORE, OWN.certificate)
    assert repr(signer) == f"<PrivateKeySigner {OWN.certificate.subject_text}>"


def test_the_recovery_key_travels_in_a_file() -> None:
    assert isinstance(OWN.key, RSAPrivateKey)
    data = export_key(OWN.key, OWN.certificate, "secret")
    assert load_recovery(data, "secret").certificate == OWN.certificate
    for wrong in ("", "Secret", "secret "):
        with pytest.raises(ServiceError, match="cannot be opened"):
            load_recovery(data, wrong)
    with pytest.raises(ServiceError, match="cannot be opened"):
        load_recovery(b"junk", "secret")
    with pytest.raises(ServiceError, match="needs a password"):
        export_key(OWN.key, OWN.certificate, "")


def test_a_file_whose_certificate_no_library_reads() -> None:
    assert isinstance(OWN.key, RSAPrivateKey)
    data = without_sum(OWN.key, OWN.certificate)
    assert load_recovery(data, "").certificate == OWN.certificate
    v3, v2 = bytes.fromhex("a003020102"), bytes.fromhex("a003020101")
    with pytest.raises(ServiceError, match="cannot be opened"):
        load_recovery(data.replace(v3, v2), "")


def test_a_file_in_ber_as_other_programs_write_it() -> None:
    """The library remarks on it by a warning, which would be an error here."""
    assert isinstance(OWN.key, RSAPrivateKey)
    data = without_sum(OWN.key, OWN.certificate)
    assert data[:2] == b"\x30\x82"
    unbounded = b"\x30\x80" + data[4:] + b"\0\0"
    assert load_recovery(unbounded, "").certificate == OWN.certificate


def test_a_file_whose_key_and_certificate_do_not_belong_together() -> None:
    assert isinstance(OWN.key, RSAPrivateKey)
    data = without_sum(OWN.key, OWN.certificate)
    ours, others = OWN.certificate.der, minting.impostor().certificate.der
    assert len(ours) == len(others)
    data = data.replace(ours, others)
    with pytest.raises(ServiceError, match="holds no RSA key with its certificate"):
        load_recovery(data, "")


def test_a_file_with_a_key_of_another_kind() -> None:
    key = generate_ec(256)
    secret = BestAvailableEncryption(b"secret")
    data = pkcs12.serialize_key_and_certificates(b"", key, None, None, secret)
    with pytest.raises(ServiceError) as caught:
        load_recovery(data, "secret")
    assert "file get tftp ITLRecovery.p12" in caught.value.explain()


def test_a_key_whose_numbers_were_changed_is_refused_after_the_right_one_was_read(
    keys: KeyFolder,
) -> None:
    keys.load(STORE, OWN.certificate)
    assert isinstance(OWN.key, RSAPrivateKey)
    right = OWN.key.private_numbers()
    changed = RSAPrivateNumbers(
        right.p,
        right.q,
        right.d + 2,
        right.dmp1,
        right.dmq1,
        right.iqmp,
        right.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    pem = changed.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys.path(STORE, OWN.certificate).write_bytes(pem)
    for _ in range(2):
        with pytest.raises(ServiceError, match="no usable private key"):
            keys.load(STORE, OWN.certificate)
