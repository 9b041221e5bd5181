"""`tokenless ca`, `cert request`, `cert import`; `set csr gen` and its answers."""

import json
import shutil
from pathlib import Path

import pytest

from tests.services.cli.answers import Tokenless, done
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster


@pytest.fixture
def data(lab_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(lab_folder, tmp_path / "data")
    return tmp_path / "data"


def test_a_ca_signs_what_a_node_requests(
    tokenless: Tokenless, tmp_path: Path, data: Path
) -> None:
    ca = tmp_path / "ca"
    made = done(tokenless(f"ca init {ca} --kind public --days 100 --json"))
    assert made == {"folder": str(ca), "kind": "public", "days": 100}
    assert (ca / "keys/root.pem").stat().st_mode & 0o777 == 0o600
    for name in ("root", "intermediate"):
        assert tokenless(f"cert upload tomcat-trust {ca}/{name}.pem")[0] == 0
    request, leaf = tmp_path / "r.csr", tmp_path / "leaf.pem"
    assert tokenless(f"cert request tomcat --multi-server --output {request}")[0] == 0
    assert tokenless(f"ca sign {ca} {request} --output {leaf}")[0] == 0
    taken = done(tokenless(f"cert import tomcat {leaf} --json"))
    assert taken["nodes"] == ["cucm-1051-a-pub", "cucm-1051-a-sub1"]
    assert "clientAuth" in str(taken["warning"])
    assert data.exists()


def test_what_is_not_a_request_is_refused(
    tokenless: Tokenless, tmp_path: Path, data: Path
) -> None:
    ca = tmp_path / "ca"
    done(tokenless(f"ca init {ca} --json"))
    (tmp_path / "empty").touch()
    for file in (ca / "root.pem", tmp_path / "empty"):
        status, out, err = tokenless(f"ca sign {ca} {file}")
        assert (status, out) == (1, "")
        assert err == (
            "tokenless: not a signing request; give what `cert request` or "
            "`show csr own` printed, PEM or DER\n"
        )
    assert tokenless(f"ca init {ca}")[0] == 1
    assert data.exists()


def test_the_shells_words(lab: Cluster, tmp_path: Path) -> None:
    shell = AdminShell(lab, lab.publisher.name, assume_yes=True, folder=tmp_path)
    assert shell.run("show csr own CallManager").error is not None
    made = shell.run("set csr gen CallManager")
    assert made.text.splitlines() == ["Successfully Generated CSR for CallManager"]
    assert shell.run("show csr list own").text.strip() == "CallManager/CallManager.csr"
    text = shell.run("show csr own CallManager").text.strip()
    assert text.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    refused = shell.run("set csr gen ITLRecovery")
    assert "ITLRecovery cannot be signed by a CA" in str(refused.error)
    json.dumps(text)
