"""One CallManager certificate of all nodes, which is tomcat's: import and calendar."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import run_script
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
REUSED = Script(
    name="reused",
    lesson="CallManager has tomcat's certificate on both nodes",
    groups=(Group(name="g", model="8861", count=1),),
    steps=(
        Step(
            title="Current state",
            run=(
                "cert sign tomcat",
                "cert reuse CallManager",
                "admin utils ctl set-cluster mixed-mode",
                "admin --all utils service restart Cisco Tftp",
            ),
        ),
    ),
    cluster={
        "cluster": {"version": "14"},
        "certificates": {"key_size": 1024, "regenerated_key_size": 1024},
    },
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the lists of such a cluster, and the certificate of its tomcat."""
    folder = tmp_path_factory.mktemp("reused")
    (folder / "played").mkdir()
    played = run_script(REUSED, 1, folder / "played", ProgressListener())
    assert played.first_difference is None
    data = folder / "played" / "cluster"
    with closing(Cluster.open(data)) as cluster:
        (tomcat, *_) = (
            each.certificate
            for each in certificates.own(cluster)
            if each.store is TrustStore.TOMCAT
        )
        (folder / "tomcat.pem").write_bytes(write_certificate(tomcat.der))
    for node in (PUB, SUB):
        tftp = data / "nodes" / node / "tftp"
        (folder / f"{node}.tlv").write_bytes((tftp / "ITLFile.tlv").read_bytes())
        (folder / "CTLFile.tlv").write_bytes((tftp / "CTLFile.tlv").read_bytes())
    return folder


def imported(files: Path, output: Path, *words: str) -> dict[str, Any]:
    ctl = ("--ctl", str(files / "CTLFile.tlv"), "--version", "14")
    command = ("rehearse", "import", *ctl, *words, "-o", str(output), "--json")
    status, out, err = run_cli(*command)
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def itls(files: Path, *nodes: str) -> list[str]:
    return [word for node in nodes for word in ("--itl", str(files / f"{node}.tlv"))]


def test_the_calendar_has_tomcat_whose_certificate_callmanager_reuses(
    files: Path, tmp_path: Path
) -> None:
    output = tmp_path / "ours.toml"
    tomcat = ("--cert", str(files / "tomcat.pem"))
    imported(files, output, *itls(files, PUB, SUB), *tomcat)
    status, out, _ = run_cli("preflight", str(output), "--goal", "TVS", "--json")
    assert status in (0, 1)
    rows = {each["unit"]: each["effect"] for each in json.loads(out)["calendar"]}
    assert rows["tomcat"].startswith("CallManager reuses it: a new signer")
    assert rows["tomcat"].endswith(rows["CallManager"])


def test_one_itl_makes_no_certificate_up(files: Path, tmp_path: Path) -> None:
    """What cannot be known is a guess at the top: whose else the certificate is."""
    output = tmp_path / "ours.toml"
    found = imported(files, output, *itls(files, PUB))
    (said,) = [e for e in found["approximations"] if e["topic"] == "shared-certificate"]
    assert said["what"].endswith(f"is taken for that of {SUB}, too: a guess")
    assert not found["same_anchors"]
    assert load_script(output).steps[0].run[0] == "cert sign CallManager"


def test_both_itls_tell_it(files: Path, tmp_path: Path) -> None:
    output = tmp_path / "ours.toml"
    found = imported(files, output, *itls(files, PUB, SUB))
    topics = {each["topic"] for each in found["approximations"]}
    assert "shared-certificate" not in topics
    assert load_script(output).steps[0].run[0] == "cert sign CallManager"
