"""`file list | get | delete` on the stored state of a cluster that is down."""

from pathlib import Path

import pytest

from protocol.trust_list import TrustList
from services.admin.shell import AdminShell
from services.cluster.cluster import Cluster
from tests.services.admin.lines import (
    MIXED,
    PUBLISHER,
    SUBSCRIBER,
    Answers,
    done,
)


def test_a_file_that_was_deleted_stays_so_until_a_newer_one(
    lab: Cluster, shell: AdminShell
) -> None:
    done(shell.run(MIXED))
    assert done(shell.run("file delete tftp CTLFile.tlv")) == (
        "Delete the File CTLFile.tlv?\n"
        'Enter "y" followed by return to continue: y\n'
        "files: found = 1, deleted = 1\n"
    )
    done(shell.run("set enterprise AutoRegistration False"))
    assert not lab.publisher.ctl_file.exists()
    done(shell.run("utils ctl update CTLFile"))
    assert done(shell.run("file delete activelog cm/tftpdata/CTLFile.tlv")).endswith(
        "files: found = 1, deleted = 1\n"
    )
    again = shell.run("file delete tftp CTLFile.tlv")
    assert again.status == 1
    assert again.text.endswith("files: found = 0, deleted = 0\n")


@pytest.mark.parametrize(
    "name",
    ["../keys/x.pem", "/etc/passwd", "..", ".", "a/b", "x\\0y".replace("\\0", "\0")],
)
def test_no_name_leaves_the_folder(shell: AdminShell, name: str) -> None:
    for verb in ("list", "get", "delete"):
        result = shell.run_words(["file", verb, "tftp", name])
        assert result.status == 2, result


def test_a_fetched_file_is_saved(lab: Cluster, tmp_path: Path) -> None:
    target = tmp_path / "saved.tlv"
    shell = AdminShell(lab, PUBLISHER, assume_yes=True, output=target)
    done(shell.run(MIXED))
    done(shell.run("file get tftp CTLFile.tlv"))
    assert target.read_bytes() == lab.publisher.ctl_file.read_bytes()


def test_the_recovery_key_is_exported_and_signs_from_its_file(
    lab: Cluster, tmp_path: Path
) -> None:
    target = tmp_path / "ITLRecovery.p12"
    answers = Answers("secret", "secret", "wrong")
    shell = AdminShell(lab, PUBLISHER, ask=answers, output=target)
    done(shell.run("file get tftp ITLRecovery.p12"))
    assert target.stat().st_mode & 0o777 == 0o600
    text = done(shell.run(f"utils itl reset remotekey {target}"))
    assert "secret" not in text
    assert "Number of Active TFTP servers in the cluster : 2" in text
    assert f"Successfully transferred reset ITL to node {SUBSCRIBER}" in text
    itl = TrustList.decode(lab.node(SUBSCRIBER).itl_file.read_bytes())
    assert itl.signer.subject.startswith("CN=ITLRECOVERY_")
    assert shell.run(f"utils itl reset remotekey {target}").status == 1
