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
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import MODULUS_CODES, RSA_PKCS1
from tokenless.protocol.codes import Digest
from tokenless.protocol.files.header import HeaderTag
from tokenless.protocol.files.header_build import identity_of
from tokenless.protocol.files.header_fields import SignatureInfo
from tokenless.protocol.files.signed_file import MAX_FILE_LENGTH, SignedFile
from tokenless.protocol.wire import pack_element

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
        (["--cert", "pub.pem", "--key", "sub.key"], "the key is not that of CN=cucm"),
        (["--cert", "pub.key", "--key", "pub.key"], "no certificate in it"),
        (["--cert", "pub.pem", "--key", "pub.pem"], "no private key"),
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


@pytest.mark.parametrize("options", [[], ["--cert", "pub.pem"]])
def test_no_signer_is_wrong_usage(run: Run, folder: Path, options: list[str]) -> None:
    status, _, err = run("sign", "pub.pem", *options)
    assert status == 2
    assert "no signer was given; give --cert and --key" in err
    assert not (folder / "pub.pem.sgn").exists()


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


def vendors_load(*, signer: minting.Identity) -> bytes:
    """Return what the vendor's `.loads` and `.sbn` files look like, signed by another.

    VERSION 1.1, FILENAME without `.sgn`, no TIMESTAMP (field: firmware-header.py).
    """
    name, digest = "term11.default.loads", Digest.SHA1
    bits = signer.certificate.key_bits
    identity = identity_of(signer.certificate, NameForm.CUCM)
    info = SignatureInfo(digest, RSA_PKCS1, MODULUS_CODES[bits])
    before = pack_element(HeaderTag.SIGNER_ID, identity.encode())
    before += pack_element(HeaderTag.SIGNATURE_INFO, info.encode())
    after = pack_element(HeaderTag.FILENAME, name.encode() + b"\0")
    length = 10 + len(before) + 3 + bits // 8 + len(after)
    pads = b"\x0d" * (-length % 4)
    head = pack_element(HeaderTag.VERSION, b"\1\1")
    head += pack_element(HeaderTag.HEADER_LENGTH, (length + len(pads)).to_bytes(2))
    signature = signer.signer.sign(head + before + after + pads + CONTENT, digest)
    middle = pack_element(HeaderTag.SIGNATURE, signature)
    return head + before + middle + after + pads + CONTENT


CONTENT = b"#\r\n# made up\r\n"


def test_the_vendors_own_signed_loads(run: Run, folder: Path) -> None:
    load = folder / "term11.default.loads"
    load.write_bytes(vendors_load(signer=minting.server()))
    status, out, err = run("show", load.name, "--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert shown["kind"] == "signed-file"
    assert (shown["version"], shown["timestamp"]) == ("1.1", None)
    assert shown["filename"] == load.name
    assert shown["payload_length"] == len(CONTENT)
    assert "Length of signed file" in run("show", load.name)[1]
    assert run("show", load.name, "--table")[0] == 0
    assert run("unsign", load.name, "content")[0] == 0
    assert (folder / "content").read_bytes() == CONTENT
    assert run("verify", load.name, "--signer", "pub.pem")[0] == 0
    assert run("verify", load.name, "--against", "CTLFile.tlv")[0] == 0
    assert run("verify", load.name, "--signer", "impostor.pem")[0] == 1
    assert run("verify", load.name, "--allow-self-signed")[0] == 1
    load.write_bytes(load.read_bytes()[:-1] + b"?")
    assert run("verify", load.name, "--signer", "pub.pem")[0] == 1


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
