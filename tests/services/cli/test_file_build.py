"""`tokenless file build`: the vendor's lists from flags and descriptions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.lists import client_form, tokenless
from tokenless.protocol.files.trust_list import TrustList

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("folder")


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


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_build_with_a_version(run: Run, folder: Path, version: str) -> None:
    words = ["build", "out.tlv", "--cert", "pub.pem", "--key", "pub.key", *LAB_FLAGS]
    assert run(*words, "--version", version)[0] == 0
    built = TrustList.decode((folder / "out.tlv").read_bytes())
    assert built.header.version == tuple(map(int, version.split(".")))
    assert run("verify", "out.tlv", "--signer", "pub.pem")[0] == 0
    assert run(*words, "--version", "1.0")[0] == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense = 1", "list.toml:1: nonsense: there is no key `nonsense`"),
        ('form = "windows"', "Invalid enum value 'windows'"),
        ("[[record]]\nrole = 'KING'", "role KING: unknown"),
        ("[[record]]\nrole = 70000", "role 70000: unknown"),
        ("[[record]]\nrole = 'CAPF'", "without a certificate it needs a name"),
        ("[[record]]\ncertificate = 'pub.pem'\nip_address = '10.0.0'", "10.0.0"),
        ("[[record]]\ndns_name = 'a'\nip_address = 'b'", "record 1"),
        (
            f"[[record]]\ncertificate = 'pub.pem'\ndns_name = '{'a' * 65_000}'",
            "longer than 65,535 bytes",
        ),
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
    assert status == 2
    assert "ROLE=CERT,DNS,IP" in err


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--filename", "x" * 70_000], "the names make the header longer"),
        (["--filename", "\udcff"], "a name is not UTF-8"),
        (["--record", "SAST=pub.pem," + "x" * 65_000], "the names make the record"),
        (["--record", "SAST=pub.pem,\udcff"], "a name is not UTF-8"),
        (["--record", "TFTP=," + "x" * 70_000 + ",10.0.0.1"], "the names make the"),
        (["--record", "SAST=pub.pem,a,fe80::1%eth0"], "record 1: 'fe80::1%eth0' names"),
        (["--record", "TFTP=,a,fe80::1%eth0"], "record 1: 'fe80::1%eth0' names an"),
    ],
    ids=[
        *("long file name", "no UTF-8", "long record", "record no UTF-8", "emptied"),
        *("address with a scope", "emptied, with a scope"),
    ],
)
def test_what_a_file_cannot_hold(run: Run, flags: list[str], reason: str) -> None:
    signer = ["--cert", "pub.pem", "--key", "pub.key"]
    status, _, err = run("build", "out.tlv", *signer, *flags)
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith(f"tokenless: {reason}")
    assert not Path("out.tlv").exists()


@pytest.mark.parametrize(
    ("output", "more", "name"),
    [
        ("ITLFile.tlv", (), "ITLFile.tlv"),
        ("ITLSEP001122334455.tlv", (), "ITLFile.tlv"),
        ("CTLSEP001122334455.tlv", (), "CTLFile.tlv"),
        ("out.tlv", (), "CTLFile.tlv"),
        ("ITLFile.tlv", ("--filename", "CTLFile.tlv"), "CTLFile.tlv"),
    ],
)
def test_the_name_in_the_header_follows_that_of_the_file(
    run: Run, output: str, more: tuple[str, ...], name: str
) -> None:
    """Phones refuse an ITL whose header says CTLFile.tlv."""
    signer = ("--cert", "pub.pem", "--key", "pub.key")
    status, out, _ = run("build", output, *signer, *LAB_FLAGS, *more, "--json")
    assert status == 0
    assert json.loads(out)["filename"] == name
