"""Nine nodes of 12.5 with one CallManager that a CA signed.

The certificates are made by openssl, the lists by `tokenless file build`.
"""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.planner.model.steps import RESTART_TFTP
from tokenless.services.pki.keys import new_rsa

NODES = ["pub", *(f"sub{number}" for number in range(1, 9))]
DOMAIN = "example.test"
AS_OPENSSL = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()


def openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(
        ["openssl", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def self_signed(folder: Path, name: str, common: str) -> None:
    subject = ("-subj", f"/C=PL/O=Example/OU=IT/CN={common}")
    files = ("-key", make_key(folder, name), "-out", f"{name}.pem")
    openssl(folder, "req", "-x509", *subject, *files)


def make_key(folder: Path, name: str) -> str:
    """Write a key to a file; return its name."""
    pem = new_rsa(2048).private_bytes(*AS_OPENSSL)
    (folder / f"{name}.key").write_bytes(pem)
    return f"{name}.key"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nine")
    self_signed(folder, "ca", "Example Issuing CA")
    self_signed(folder, "itlr", f"ITLRECOVERY_pub.{DOMAIN}")
    self_signed(folder, "capf", "CAPF-0a1b2c3d")
    for node in NODES:
        self_signed(folder, f"tvs-{node}", f"{node}.{DOMAIN}")
    subject = ("-subj", f"/C=PL/O=Example/OU=IT/CN=pub-ms.{DOMAIN}")
    files = ("-key", make_key(folder, "cm"), "-out", "cm.csr")
    openssl(folder, "req", "-new", *subject, *files)
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cm.pem")
    openssl(folder, "x509", "-req", "-in", "cm.csr", *by)
    build(folder, "CTLFile.tlv", "pub", ["SAST=itlr", "CCM+TFTP=cm", "CAPF=capf"])
    for node in NODES:
        tvs = [f"TVS=tvs-{each}" for each in NODES]
        build(folder, f"ITL-{node}.tlv", node, ["SAST=itlr", "CCM+TFTP=cm", *tvs])
    return folder


def build(folder: Path, output: str, node: str, records: list[str]) -> None:
    """Write a list: the records, CAPF in an ITL, and the other SAST at the end."""
    kind = "CTLFile.tlv" if output.startswith("CTL") else "ITLFile.tlv"
    if kind == "ITLFile.tlv":
        records = [*records, "CAPF=capf"]
    words = []
    for record in [*records, "SAST=cm"]:
        role, _, name = record.partition("=")
        whose = name.removeprefix("tvs-") if name.startswith("tvs-") else node
        whose = "pub" if name in {"itlr", "capf"} else whose
        address = f"10.1.2.{NODES.index(whose) + 10}"
        certificate = folder / f"{name}.pem"
        words += ["--record", f"{role}={certificate},{whose},{address}"]
    signer = ("--cert", str(folder / "itlr.pem"), "--key", str(folder / "itlr.key"))
    status, _, err = run_cli(
        "file", "build", str(folder / output), "--filename", kind, *signer, *words
    )
    assert status == 0, err


MODELS = ("7811", "7841", "7965", "8811", "8845", "8851", "8861", "8865")
TFTP = NODES[1:3]


def phones_csv(folder: Path, count: int) -> Path:
    """Write BAT's export of phones of eight models in two device pools."""
    path = folder / "phones.csv"
    rows = ["Device Name,Description,Device Pool,Device Type,Device Protocol"]
    for number in range(count):
        model, pool = MODELS[number % len(MODELS)], ("DP-A", "DP-B")[number % 2]
        rows.append(f"SEP00AA{number:08X},x,{pool},Cisco {model},SIP")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_phones_of_eight_models_and_roles_from_their_sources(
    folder: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours.toml"
    words = ["--ctl", str(folder / "CTLFile.tlv")]
    for node in TFTP:
        words += ["--itl", str(folder / f"ITL-{node}.tlv")]
    words += ["--phones", str(phones_csv(tmp_path, 40)), "--version", "12.5(1)"]
    words += ["--serves-tftp", ",".join(TFTP), "--pool", "DP-B=sub4,sub5"]
    status, out, err = run_cli("rehearse", "import", *words, "-o", str(ours), "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["tftp_nodes"] == TFTP
    assert found["roles"]["pub"] == ["callmanager", "capf"]
    assert found["device_pools"] == {"DP-B": ["sub4", "sub5"]}
    assert found["same_anchors"]
    assert "and the CallManager group of DP-A is a guess" in err
    assert found["phones"] == 40
    script = tomllib.loads(ours.read_text())
    assert {len(group["tftp"]) for group in script["groups"]} == {2}
    lines = ["cert sign CallManager", "admin utils ctl update CTLFile"]
    lines += [RESTART_TFTP, "phones boot", "phones boot"]
    with ours.open("a") as file:
        file.write(f'\n[[steps]]\ntitle = "Renewal"\nrun = {json.dumps(lines)}\n')
    status, out, err = run_cli("rehearse", "run", str(ours), "--json")
    assert status == 0, (out, err)
    *steps, last = map(json.loads, out.splitlines())
    assert last["impact"] == {**last["impact"], "stuck": 0, "of": 40}
    at = {
        name[:4]: set(group["registration"]["nodes"])
        for name, group in steps[-1]["observed"]["groups"].items()
    }
    assert at == {"DP-A": {"pub"}, "DP-B": {"sub4"}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--serves-tftp", "nobody"), "nobody is not a node of the lists"),
        (("--pool", "DP-A=nobody"), "nobody is not a node of the lists"),
        (("--pool", "DP-A=pub,pub"), "different nodes"),
        (("--pool", "DP-C=pub"), "no phone of the list has the device pool DP-C"),
        (("--pool", "=pub"), "write POOL=NODE"),
    ],
)
def test_names_that_are_none_are_refused(
    folder: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    table = ("--phones", str(phones_csv(tmp_path, 8)))
    given = ("--ctl", str(folder / "CTLFile.tlv"), "--itl", str(folder / "ITL-pub.tlv"))
    status, _, err = run_cli("rehearse", "import", *given, *table, *words)
    assert status in {1, 2}
    assert said in err


def test_one_itl_and_the_ctl_tell_that_nodes_share_a_certificate(
    folder: Path,
) -> None:
    ctl, itl = str(folder / "CTLFile.tlv"), str(folder / "ITL-sub1.tlv")
    words = ("--ctl", ctl, "--itl", itl, "--version", "12.5(1)", "--json")
    status, out, err = run_cli("rehearse", "import", *words)
    assert status == 0, err
    topics = {each["topic"] for each in json.loads(out)["approximations"]}
    assert "shared-certificate" not in topics


def test_a_renewal_that_the_ctl_lacks_is_signed_by_the_ca_again(
    folder: Path, tmp_path: Path
) -> None:
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cm2.pem")
    openssl(folder, "x509", "-req", "-in", "cm.csr", *by)
    words = ["--ctl", str(folder / "CTLFile.tlv"), "--version", "12.5(1)"]
    for node in ("pub", "sub1"):
        build(folder, f"ITL2-{node}.tlv", node, ["SAST=itlr", "CCM+TFTP=cm2"])
        words += ["--itl", str(folder / f"ITL2-{node}.tlv")]
    ours = tmp_path / "ours.toml"
    status, out, err = run_cli("rehearse", "import", *words, "-o", str(ours), "--json")
    assert status == 0, err
    assert json.loads(out)["regenerated_since_ctl"][0]["unit"] == "CallManager"
    drift = tomllib.loads(ours.read_text())["steps"][1]
    assert drift["run"][0] == "cert sign CallManager"


@pytest.mark.parametrize("function", ["TFTP", "CCM"])
def test_functions_of_the_ctl_are_roles(
    folder: Path, tmp_path: Path, function: str
) -> None:
    ctl = tmp_path / "CTLFile.tlv"
    words = []
    for record in (
        "SAST=itlr,pub,10.1.2.10",
        "CCM+TFTP=cm,pub,10.1.2.10",
        "CAPF=capf,pub,10.1.2.10",
        f"{function}=tvs-sub1,sub1,10.1.2.11",
        "SAST=cm,pub,10.1.2.10",
    ):
        role, _, rest = record.partition("=")
        words += ["--record", f"{role}={folder}/{rest.replace(',', '.pem,', 1)}"]
    signer = ("--cert", str(folder / "itlr.pem"), "--key", str(folder / "itlr.key"))
    status, _, err = run_cli(
        "file", "build", str(ctl), "--filename", "CTLFile.tlv", *signer, *words
    )
    assert status == 0, err
    itl = ("--itl", str(folder / "ITL-pub.tlv"))
    status, out, err = run_cli("rehearse", "import", "--ctl", str(ctl), *itl, "--json")
    assert status == 0, err
    expected = {"TFTP": ["tftp", "capf"], "CCM": ["callmanager", "capf"]}[function]
    assert json.loads(out)["roles"]["sub1"] == expected


def test_the_cluster_has_its_anchors_and_its_renewal_is_rehearsed(
    folder: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours.toml"
    lists = ["--ctl", str(folder / "CTLFile.tlv")]
    for node in NODES:
        lists += ["--itl", str(folder / f"ITL-{node}.tlv")]
    words = (*lists, "--version", "12.5(1)", "--models", "8861", "--output", str(ours))
    status, out, err = run_cli("rehearse", "import", "--json", *words)
    assert status == 0, err
    found = json.loads(out)
    assert found["same_anchors"]
    topics = {each["topic"] for each in found["approximations"]}
    assert not topics & {"shared-certificate", "ca-signed"}
    lines = [
        "cert sign CallManager",
        "admin utils ctl update CTLFile",
        RESTART_TFTP,
        "phones boot",
    ]
    step = f'\n[[steps]]\ntitle = "Renewal"\nrun = {json.dumps(lines)}\n'
    with ours.open("a") as file:
        file.write(step)
    status, out, err = run_cli("rehearse", "run", str(ours), "--phones", "1", "--json")
    assert status == 0, (out, err)
    last = json.loads(out.splitlines()[-1])
    assert last["impact"]["stuck"] == 0
    assert last["ok"]
