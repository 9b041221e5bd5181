"""`tokenless file encrypt`, `decrypt` and `show` of encrypted configurations."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.rigs import encrypted, minting
from tests.rigs.encrypted import XML, encrypted_by_hand
from tests.services.cli.conftest import Run

SIGNER = ("--cert", "signer.pem", "--key", "signer.key")
NAME = "SEP001122334455.cnf.xml"


@pytest.fixture
def files(folder: Path) -> Path:
    """Put a phone, a signer and a configuration into the folder."""
    for name, identity in (
        ("phone", encrypted.phone()),
        ("signer", encrypted.signer()),
    ):
        (folder / f"{name}.pem").write_bytes(identity.certificate_pem)
        (folder / f"{name}.key").write_bytes(identity.key_pem)
    (folder / NAME).write_bytes(XML)
    return folder


def encrypt(run: Run, *more: str) -> tuple[int, str, str]:
    return run("encrypt", NAME, "--phone", "phone.pem", *SIGNER, *more)


def test_there_and_back(run: Run, files: Path) -> None:
    assert encrypt(run)[0] == 0
    made = f"{NAME}.enc.sgn"
    assert run("decrypt", made, "--key", "phone.key") == (0, XML.decode(), "")
    assert run("decrypt", made, "plain.xml", "--key", "phone.key")[0] == 0
    assert (files / "plain.xml").read_bytes() == XML
    assert stat.S_IMODE((files / "plain.xml").stat().st_mode) == 0o600
    assert run("verify", made, "--signer", "signer.pem")[0] == 0


def test_the_key_is_fresh_each_time(run: Run, files: Path) -> None:
    for name in ("a", "b"):
        assert run("encrypt", NAME, name, "--phone", "phone.pem", *SIGNER)[0] == 0
    first, second = ((files / name).read_bytes() for name in "ab")
    assert first[-len(XML) :] != second[-len(XML) :]


@pytest.mark.usefixtures("files")
def test_it_is_described(run: Run) -> None:
    status, out, _ = encrypt(run, "--json", "--digest", "sha512")
    assert status == 0
    described = json.loads(out)
    assert described["version"] == "2.0"
    assert described["encryption"] == {
        "cipher": "AES-128-CBC",
        "wrapping_key_bits": 2048,
        "pad_bytes": 16 - len(XML) % 16,
        "content_length": len(XML),
        "content_digest": "sha512",
    }


def test_it_is_shown(run: Run, files: Path) -> None:
    (files / "a.enc.sgn").write_bytes(encrypted_by_hand())
    status, out, _ = run("show", "a.enc.sgn")
    assert status == 0
    assert [line.split() for line in out.splitlines()[-7:]] == [
        ["16", "ENCRYPTION", "306", "AES-128-CBC"],
        ["19", "IV", "16"],
        ["20", "PADCOUNT", "2", "4"],
        ["23", "KEYBITS", "2", "2048"],
        ["25", "WRAPPEDKEY", "256"],
        ["26", "CONTENTDIGESTALGO", "1", "SHA1"],
        ["27", "CONTENTDIGEST", "20"],
    ]
    assert "RSA-2048 key" in run("show", "a.enc.sgn", "--table")[1]


def test_another_phones_key(run: Run, files: Path) -> None:
    (files / "a.enc.sgn").write_bytes(encrypted_by_hand())
    status, out, err = run("decrypt", "a.enc.sgn", "--key", "signer.key")
    assert (status, out) == (1, "")
    assert err == (
        "tokenless: a.enc.sgn: the file cannot be decrypted with this private key\n"
    )


def test_keys_that_do_not_fit(run: Run, files: Path) -> None:
    key = minting.ec_key("phone")
    identity = minting.Identity(
        minting.mint(minting.lab_name("x"), key, serial=3, digest="sha256"), key
    )
    (files / "ec.pem").write_bytes(identity.certificate_pem)
    (files / "ec.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (files / "a.enc.sgn").write_bytes(encrypted_by_hand())
    status, _, err = run("encrypt", NAME, "--phone", "ec.pem", *SIGNER)
    assert status == 1
    assert "install an LSC with an RSA key" in err
    status, _, err = run("decrypt", "a.enc.sgn", "--key", "ec.key")
    assert status == 1
    assert "only RSA keys open encrypted files" in err
    status, _, err = run("decrypt", "CTLFile.tlv", "--key", "phone.key")
    assert status == 1
    assert "not an encrypted file" in err


def test_a_key_with_a_password(run: Run, files: Path) -> None:
    secret = serialization.BestAvailableEncryption(b"geheim")
    (files / "locked.key").write_bytes(
        encrypted.phone().key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret
        )
    )
    (files / "a.enc.sgn").write_bytes(encrypted_by_hand())
    (files / "password").write_text("geheim\n")
    words = ("decrypt", "a.enc.sgn", "--key", "locked.key")
    assert run(*words, "--password-file", "password") == (0, XML.decode(), "")
    assert run(*words)[0] == 1
