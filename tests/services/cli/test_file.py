"""`tokenless file`: what it prints, what it refuses, with which status."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_der_x509_certificate

from protocol.show_text_parse import parse_shown_list
from protocol.signed_file import SignedFile
from protocol.trust_list import TrustList
from services.cli.main import main
from tests import defects, minting
from tests.defects import DEFECTS, Defect
from tests.lists import client_form, tokenless
from tests.run_cli import run_cli

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Run:
    """Run `tokenless file` in this process, through the front door."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokenless", "file", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfdbinary.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, out.decode(), err.decode()

    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the lab's lists, certificates and keys."""
    (tmp_path / "CTLFile.tlv").write_bytes(tokenless().data)
    (tmp_path / "new.tlv").write_bytes(tokenless(2048).data)
    (tmp_path / "token.tlv").write_bytes(client_form(secure=True).data)
    for name, identity in {
        "pub": minting.server(),
        "sub": minting.server(minting.SUBSCRIBER),
        "capf": minting.capf(),
        "token": minting.token(),
        "other": minting.token("SAST-ADN0054f509        "),
        "impostor": minting.impostor(),
    }.items():
        (tmp_path / f"{name}.pem").write_bytes(identity.certificate_pem)
        (tmp_path / f"{name}.key").write_bytes(identity.key_pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LAB_FLAGS = (
    "--record",
    "SAST=pub.pem,cucm-1051-a-pub,10.48.47.155",
    "--record",
    "CCM+TFTP=pub.pem,cucm-1051-a-pub,10.48.47.155",
    "--record",
    "CAPF=capf.pem,cucm-1051-a-pub,10.48.47.155",
    "--record",
    "CCM+TFTP=sub.pem,cucm-1051-a-sub1,10.48.47.156",
)
LAB_TOML = """
filename = "CTLFile.tlv"

[[record]]
role = "SAST"
certificate = "pub.pem"
dns_name = "cucm-1051-a-pub"
ip_address = "10.48.47.155"

[[record]]
role = 2
certificate = "pub.pem"
dns_name = "cucm-1051-a-pub"
ip_address = "10.48.47.155"

[[record]]
role = "CAPF"
certificate = "capf.pem"
dns_name = "cucm-1051-a-pub"
ip_address = "10.48.47.155"

[[record]]
role = "CCM+TFTP"
certificate = "sub.pem"
dns_name = "cucm-1051-a-sub1"
ip_address = "10.48.47.156"
"""
TOKEN_TOML = """
form = "ctl-client"

[[record]]
token = true
certificate = "token.pem"

[[record]]
role = "CCM+TFTP"
dns_name = "10.48.47.155"
ip_address = "10.48.47.155"

[[record]]
role = "CAPF"
certificate = "capf.pem"
dns_name = "10.48.47.155"
ip_address = "10.48.47.155"

[[record]]
role = "CCM+TFTP"
dns_name = "10.48.47.156"
ip_address = "10.48.47.156"

[[record]]
token = true
certificate = "other.pem"
"""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_gives_one_line_with_its_offset_and_status_1(
    run: Run, tmp_path: Path, defect: Defect
) -> None:
    path = tmp_path / "damaged.tlv"
    path.write_bytes(defect.data)
    for command in ("show", "lint", "verify"):
        status, out, err = run(command, path)
        assert (status, out) == (1, "")
        assert err.startswith(f"tokenless: {path}: ")
        assert err.count("\n") == 1
        assert " at byte " in err


def test_show_is_the_text_of_show_ctl(run: Run) -> None:
    status, out, err = run("show", "CTLFile.tlv")
    shown = parse_shown_list(out)
    assert status == 0
    assert (shown.length, shown.md5, shown.verified) == (4947, tokenless().md5, True)
    assert "single-sast" not in err
    assert err.startswith("warning: one SAST key only")


def test_show_json_has_the_contracts_fields(run: Run) -> None:
    status, out, err = run("show", "CTLFile.tlv", "--json")
    shown = json.loads(out)
    assert (status, err) == (0, "")
    expected = {
        "kind": "trust-list",
        "length": 4947,
        "version": "1.2",
        "header_length": 336,
        "digest": "sha1",
        "signature_length": 128,
        "filename": "CTLFile.tlv",
        "timestamp": "2015-03-06T18:45:13Z",
        "signature": "valid",
        "md5": tokenless().md5,
        "sha1": tokenless().sha1,
        "signer_serial": minting.server().certificate.serial_hex,
        "signer_name": minting.server().certificate.subject_text,
        "issuer_name": minting.server().certificate.issuer_text,
    }
    assert {key: shown[key] for key in expected} == expected
    first = {
        "number": 1,
        "length": 1156,
        "dns_name": "cucm-1051-a-pub",
        "function": "SAST",
        "function_code": 0,
        "public_key_length": 140,
        "signature_length": 128,
        "certificate_length": 694,
        "certificate_sha1": minting.server().certificate.sha1,
        "ip_address": "10.48.47.155",
        "signed_this_file": True,
    }
    assert {key: shown["records"][0][key] for key in first} == first
    assert [r["signed_this_file"] for r in shown["records"]] == [True] + [False] * 3


def test_show_json_has_null_for_what_is_not_there(run: Run, folder: Path) -> None:
    path = folder / "non-secure.tlv"
    path.write_bytes(client_form(secure=False).data)
    emptied = json.loads(run("show", path, "--json")[1])["records"][1]
    for key in ("subject_name", "issuer_name", "serial_number", "certificate_sha1"):
        assert emptied[key] is None
    assert emptied["length"] == 33


def test_show_json_of_a_signed_file(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    assert run("sign", "a.xml", "--cert", "pub.pem", "--key", "pub.key")[0] == 0
    shown = json.loads(run("show", "a.xml.sgn", "--json")[1])
    assert shown["kind"] == "signed-file"
    assert shown["payload_length"] == 4
    assert shown["signature"] == "unverifiable"
    assert "records" not in shown


def test_show_table(run: Run) -> None:
    status, out, _ = run("show", "CTLFile.tlv", "--table")
    assert status == 0
    assert "holds under the list's own record" in out
    assert "expired 2020-03-07" in out
    assert run("show", "CTLFile.tlv", "--table", "--json")[0] == 2


@pytest.mark.parametrize(
    ("options", "status", "verified_by"),
    [
        ([], 1, None),
        (["--allow-self-signed"], 0, None),
        (["--signer", "pub.pem"], 0, "signer"),
        (["--signer", "sub.pem"], 1, None),
        (["--signer", "impostor.pem"], 1, None),
        (["--signer", "impostor.pem", "--allow-self-signed"], 1, None),
        (["--signer", "sub.pem", "--signer", "pub.pem"], 0, "signer"),
        (["--against", "CTLFile.tlv"], 0, "against"),
        (["--against", "token.tlv"], 1, None),
        (["--against", "token.tlv", "--signer", "pub.pem"], 0, "signer"),
    ],
)
def test_verify(
    run: Run, options: list[str], status: int, verified_by: str | None
) -> None:
    got, out, err = run("verify", "CTLFile.tlv", *options, "--json")
    shown: dict[str, Any] = json.loads(out)
    assert got == status
    assert shown["verified_by"] == verified_by
    assert shown["status"] == ("verified" if verified_by else "self-consistent")
    assert err.count("\n") == (1 if status else 0)


def test_the_same_names_with_another_key_are_not_the_signer(
    run: Run, folder: Path
) -> None:
    (folder / "forged.tlv").write_bytes(defects.impostors_list().data)
    status, out, err = run("verify", "forged.tlv", "--against", "CTLFile.tlv")
    assert status == 1
    assert out.startswith("self-consistent")
    assert "no SAST of the trusted list" in err
    assert "byte 180" in err
    assert run("verify", "forged.tlv", "--signer", "pub.pem")[0] == 1
    assert run("verify", "forged.tlv", "--signer", "impostor.pem")[0] == 0


def test_a_changed_list_does_not_verify(run: Run, folder: Path) -> None:
    (folder / "changed.tlv").write_bytes(defects.resigned_by_another().data)
    status, out, err = run("verify", "changed.tlv", "--allow-self-signed")
    assert (status, out) == (1, "")
    assert "signature at byte 180 does not hold" in err
    assert run("lint", "changed.tlv")[0] == 1


def test_a_token_signed_list_by_the_tokens_certificate(run: Run) -> None:
    assert run("verify", "token.tlv", "--signer", "token.pem")[0] == 0
    assert run("verify", "token.tlv", "--signer", "other.pem")[0] == 1


def test_configurations_need_a_tftp_role(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    for name, status in (("sub", 0), ("capf", 1)):
        run("sign", "a.xml", "--cert", f"{name}.pem", "--key", f"{name}.key")
        assert run("verify", "a.xml.sgn", "--against", "CTLFile.tlv")[0] == status


def test_build_by_flags_gives_the_vendors_length(run: Run, folder: Path) -> None:
    words = ["build", "out.tlv", "--cert", "pub.pem", "--key", "pub.key", *LAB_FLAGS]
    status, out, _ = run(*words)
    assert status == 0
    assert "4947 bytes, 4 records" in out
    # Same certificates, other time: all but the header is the same.
    assert (folder / "out.tlv").read_bytes()[336:] == tokenless().data[336:]
    assert run(*words, "--timestamp", "1425667513")[0] == 0
    assert (folder / "out.tlv").read_bytes() == tokenless().data


def test_build_from_toml(run: Run, folder: Path) -> None:
    (folder / "list.toml").write_text(LAB_TOML)
    status, out, _ = run(
        *("build", "out.tlv", "--description", "list.toml", "--json"),
        *("--cert", "pub.pem", "--key", "pub.key", "--timestamp", "1425667513"),
    )
    assert status == 0
    assert json.loads(out)["md5"] == tokenless().md5
    assert (folder / "out.tlv").read_bytes() == tokenless().data


def test_build_in_the_ctl_clients_form(run: Run, folder: Path) -> None:
    (folder / "list.toml").write_text(TOKEN_TOML)
    status, out, _ = run(
        *("build", "out.tlv", "--description", "list.toml"),
        *("--cert", "token.pem", "--key", "token.key", "--timestamp", "1425667513"),
    )
    assert status == 0
    assert "3746 bytes" in out
    assert (folder / "out.tlv").read_bytes() == client_form(secure=False).data


def test_build_with_sha512_and_element_28(run: Run, folder: Path) -> None:
    words = ["build", "out.tlv", "--cert", "pub.pem", "--key", "pub.key", *LAB_FLAGS]
    options = ["--digest", "sha512", "--signer-version", "1.1", "--form", "comma"]
    assert run(*words, *options, "--filename", "ITLFile.tlv")[0] == 0
    built = TrustList.decode((folder / "out.tlv").read_bytes())
    assert built.header.digest.name == "SHA512"
    assert built.header.signer_version == (1, 1)
    assert built.filename == "ITLFile.tlv"
    assert built.signer.subject.startswith("C=PL,")
    assert run("verify", "out.tlv", "--signer", "pub.pem")[0] == 0


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
    locked = ["sign", "a.xml", "--cert", "pub.pem", "--key", "locked.key"]
    p12 = ["sign", "a.xml", "--p12", "pub.p12"]
    for words in (locked, p12):
        status, _, err = run(*words)
        assert status == 1
        assert "TOKENLESS_PASSWORD" in err
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense = 1", "unknown field `nonsense`"),
        ('form = "windows"', "Invalid enum value 'windows'"),
        ("[[record]]\nrole = 'KING'", "role KING: unknown"),
        ("[[record]]\nrole = 70000", "role 70000: unknown"),
        ("[[record]]\nrole = 'CAPF'", "without a certificate it needs a name"),
        ("[[record]]\ncertificate = 'pub.pem'\nip_address = '10.0.0'", "10.0.0"),
        ("[[record]]\ndns_name = 'a'\nip_address = 'b'", "record 1"),
        ("[[record]\n", "list.toml"),
        ("signer_version = '1.999'", "not of the form 1.1"),
    ],
)
def test_descriptions_that_cannot_be(
    run: Run, folder: Path, text: str, reason: str
) -> None:
    (folder / "list.toml").write_text(text)
    status, _, err = run(
        *("build", "out.tlv", "--description", "list.toml"),
        *("--cert", "pub.pem", "--key", "pub.key"),
    )
    assert status == 1
    assert reason in err
    assert err.count("\n") == 1
    assert not (folder / "out.tlv").exists()


@pytest.mark.parametrize("flag", ["SAST", "SAST=a,b,c,d"])
def test_record_flags_of_another_form(run: Run, flag: str) -> None:
    status, _, err = run("build", "out.tlv", "--record", flag)
    assert status == 1
    assert "ROLE=CERT,DNS,IP" in err


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


def test_diff(run: Run, folder: Path) -> None:
    status, out, _ = run("diff", "CTLFile.tlv", "CTLFile.tlv")
    assert status == 0
    assert "the new one is the same" in out
    status, out, _ = run("diff", "CTLFile.tlv", "new.tlv", "--json")
    assert status == 0
    assert json.loads(out)["outcome"] == "installs-with-tvs"
    (folder / "forged.tlv").write_bytes(defects.impostors_list().data)
    status, out, err = run("diff", "CTLFile.tlv", "forged.tlv")
    assert status == 1
    assert out.startswith("A phone with the old list refuses")
    assert "phones with CTLFile.tlv refuse forged.tlv" in err


def test_lint_json_is_one_object_a_line(run: Run) -> None:
    status, out, _ = run("lint", "CTLFile.tlv", "--json")
    codes = [json.loads(line)["code"] for line in out.splitlines()]
    assert status == 0
    assert codes == ["single-sast"] + ["expired"] * 4


def test_missing_files_and_wrong_usage(run: Run) -> None:
    status, _, err = run("show", "nowhere.tlv")
    assert status == 1
    assert err == "tokenless: nowhere.tlv: No such file or directory\n"
    assert run("show")[0] == 2
    assert run("juggle", "CTLFile.tlv")[0] == 2


def test_an_endless_file_ends(run: Run) -> None:
    if Path("/dev/zero").exists():
        status, _, err = run("show", "/dev/zero")
        assert status == 1
        assert "over 67108864 bytes" in err


def test_as_a_process_of_its_own() -> None:
    status, out, err = run_cli("file", "verify", "CTLFile.tlv", "--signer", "pub.pem")
    assert status == 0, err
    assert out.startswith("verified: signed by CN=cucm-1051-a-pub")
