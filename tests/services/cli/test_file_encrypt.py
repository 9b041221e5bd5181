"""`tokenless file encrypt`, `decrypt` and `show` of encrypted configurations."""

import json
import re
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.rigs import encrypted, minting
from tests.rigs.encrypted import XML, encrypted_by_hand
from tests.services.cli.conftest import Run
from tokenless.protocol.phones.configuration import CapfServer, PhoneConfig

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
    status, _, err = run(*words, "--password", "wrong")
    assert status == 1
    options = {word.rstrip(";,") for word in err.split() if word.startswith("--")}
    assert options == {"--key"}  # `decrypt` has no --cert, --p12, --token


WRITTEN = b"""<device xsi:type="axl:XIPPhone"><fullConfig>true</fullConfig>
<capfAuthMode>0</capfAuthMode><sshPassword>secret</sshPassword>
<loadInformation>SCCP75.9-4-2SR1-1S</loadInformation><ipAddressMode>0</ipAddressMode>
<capfList><capf><phonePort>3804</phonePort><processNodeName>192.0.2.10</processNodeName>
</capf></capfList><certHash/><encrConfig>false</encrConfig></device>"""


def test_the_small_file_beside_it(run: Run, files: Path) -> None:
    (files / NAME).write_bytes(WRITTEN)
    status, out, _ = encrypt(run, "--companion")
    assert status == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        f"{NAME}.enc.sgn",
        f"{NAME}.sgn",
    ]
    assert run("verify", f"{NAME}.sgn", "--signer", "signer.pem")[0] == 0
    assert run("unsign", f"{NAME}.sgn", "small.xml")[0] == 0
    small = (files / "small.xml").read_bytes()
    assert b"secret" not in small
    # In document order, then the hash: the shape of REFERENCE-3 2.2.
    assert re.findall(r"^  <(\w+)", small.decode(), re.MULTILINE) == [
        "fullConfig",
        "capfAuthMode",
        "loadInformation",
        "ipAddressMode",
        "capfList",
        "certHash",
        "encrConfig",
    ]
    config = PhoneConfig.decode(small)
    assert not config.full_config
    assert config.encrypted
    assert config.certificate_hash == encrypted.phone().certificate.md5
    assert config.capf == (CapfServer("192.0.2.10"),)
    assert json.loads(encrypt(run, "--companion", "--json")[1])["companion"] == (
        f"{NAME}.sgn"
    )


@pytest.mark.parametrize(
    "content", [b"no XML", b"<Default/>", b"<!DOCTYPE d><device/>"]
)
def test_what_is_no_configuration_gets_no_small_file(
    run: Run, files: Path, content: bytes
) -> None:
    (files / NAME).write_bytes(content)
    status, out, err = encrypt(run, "--companion")
    assert (status, out) == (1, "")
    assert err.startswith(f"tokenless: {NAME}: ")
    assert not (files / f"{NAME}.enc.sgn").exists()
    assert not (files / f"{NAME}.sgn").exists()
