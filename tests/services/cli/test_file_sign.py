"""`tokenless file sign` and `unsign`, and who can sign."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_der_x509_certificate

from tests.rigs import minting
from tests.rigs.encrypted import encrypted_by_hand
from tokenless.protocol.signed_file import MAX_FILE_LENGTH, SignedFile

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("folder")


def encrypted_keys(folder: Path) -> None:
    identity = minting.server()
    secret = serialization.BestAvailableEncryption(b"Cisco123")
    (folder / "locked.key").write_bytes(
        identity.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret
        )
    )
    certificate = load_der_x509_certificate(identity.certificate.der)
    (folder / "pub.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"pub", identity.key, certificate, None, secret
        )
    )


def test_keys_with_passwords(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted_keys(folder)
    (folder / "a.xml").write_text("<x/>")
    (folder / "secret").write_text("Cisco123\n")
    (folder / "empty").write_text("")
    locked = ["sign", "a.xml", "--cert", "pub.pem", "--key", "locked.key"]
    p12 = ["sign", "a.xml", "--p12", "pub.p12"]
    for words in (locked, p12):
        for none in ([], ["--password", ""], ["--password-file", "empty"]):
            status, _, err = run(*words, *none)
            assert status == 1
            assert "TOKENLESS_PASSWORD" in err
            assert "internal error" not in err
        assert run(*words, "--password", "wrong")[0] == 1
        assert run(*words, "--password-file", "secret")[0] == 0
        with monkeypatch.context() as patch:
            patch.setenv("TOKENLESS_PASSWORD", "Cisco123")
            assert run(*words)[0] == 0
        assert run("verify", "a.xml.sgn", "--signer", "pub.pem")[0] == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "nobody to sign"),
        (["--cert", "pub.pem"], "nobody to sign"),
        (["--cert", "pub.pem", "--key", "sub.key"], "the key is not that of CN=cucm"),
        (["--cert", "pub.key", "--key", "pub.key"], "holds no certificate"),
        (["--cert", "pub.pem", "--key", "pub.pem"], "no private key"),
        (["--cert", "nowhere.pem", "--key", "pub.key"], "nowhere.pem: No such file"),
        (["--p12", "pub.pem"], "no PKCS#12 file"),
    ],
)
def test_who_cannot_sign(
    run: Run, folder: Path, options: list[str], reason: str
) -> None:
    (folder / "a.xml").write_text("<x/>")
    status, _, err = run("sign", "a.xml", *options)
    assert status == 1
    assert reason in err
    assert err.count("\n") == 1
    assert not (folder / "a.xml.sgn").exists()


@pytest.mark.parametrize("verb", ["sign", "build"])
@pytest.mark.parametrize("seconds", [-1, 1 << 32])
def test_a_time_that_a_header_cannot_hold(run: Run, verb: str, seconds: int) -> None:
    status, _, err = run(verb, "pub.pem", "--timestamp", str(seconds))
    assert status == 2
    assert "0<=x<=4294967295" in err


def test_a_name_that_a_header_cannot_hold(run: Run) -> None:
    signer = ("--cert", "pub.pem", "--key", "pub.key")
    for words in (["sign", "pub.pem", "out"], ["build", "out"]):
        status, _, err = run(*words, "--filename", "a" * 70_000, *signer)
        assert status == 1
        assert "longer than 65,535 bytes" in err


def test_unsign_gives_the_content_back(run: Run, folder: Path) -> None:
    content = "<device>\n</device>\r\n"
    (folder / "a.xml").write_bytes(content.encode())
    signed = run("sign", "a.xml", "b.sgn", "--cert", "pub.pem", "--key", "pub.key")
    assert signed[0] == 0
    decoded = SignedFile.decode((folder / "b.sgn").read_bytes())
    assert decoded.filename == "b.sgn"
    assert run("unsign", "b.sgn") == (0, content, "")
    assert run("unsign", "b.sgn", "c.xml")[0] == 0
    assert (folder / "c.xml").read_bytes() == content.encode()
    assert run("unsign", "CTLFile.tlv")[0] == 1


def test_files_that_hold_no_signer(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    plain = serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "alone.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"", key, None, None, plain)
    )
    (folder / "ec.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        )
    )
    for options, reason in {
        ("--p12", "alone.p12"): "export both into one PKCS#12 file",
        ("--cert", "pub.pem", "--key", "ec.key"): "use an RSA key",
    }.items():
        status, _, err = run("sign", "a.xml", *options)
        assert status == 1
        assert reason in err


def test_a_password_for_a_key_that_has_none_does_no_harm(
    run: Run, folder: Path
) -> None:
    (folder / "a.xml").write_text("<x/>")
    key = ["--cert", "pub.pem", "--key", "pub.key", "--password", "x"]
    status, out, _ = run("sign", "a.xml", *key, "--json")
    assert status == 0
    described = json.loads(out)
    assert described["path"] == "a.xml.sgn"
    assert described["length"] == (folder / "a.xml.sgn").stat().st_size


def test_an_encrypted_configuration_is_not_taken_out(run: Run, folder: Path) -> None:
    (folder / "a.enc.sgn").write_bytes(encrypted_by_hand())
    status, out, err = run("unsign", "a.enc.sgn")
    assert (status, out) == (1, "")
    assert "encrypted for one phone; take it out with the phone's key" in err


def test_what_is_too_large_for_a_phone(run: Run, folder: Path) -> None:
    with (folder / "a.xml").open("wb") as file:
        file.truncate(MAX_FILE_LENGTH + 1)
    status, _, err = run("sign", "a.xml", "--cert", "pub.pem", "--key", "pub.key")
    assert status == 1
    assert "name a file that phones would take" in err


def test_a_damaged_pem(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    head, foot = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    (folder / "bad.pem").write_text(f"{head}\nAAA\n{foot}\n")
    status, _, err = run("sign", "a.xml", "--cert", "bad.pem", "--key", "pub.key")
    assert status == 1
    assert "export the certificate again" in err
