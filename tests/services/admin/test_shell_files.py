"""`file list | get | delete` on the stored state of a cluster that is down."""

from pathlib import Path

import pytest

from tests.services.admin.lines import (
    MIXED,
    PUBLISHER,
    SUBSCRIBER,
    Answers,
    done,
    refusal,
)
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster


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


def test_both_names_of_the_folder_list_and_fetch_the_same(
    lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = AdminShell(lab, PUBLISHER, assume_yes=True)
    done(shell.run(MIXED))
    listed = done(shell.run("file list tftp CTL*"))
    assert " 4947 CTLFile.tlv\n" in listed
    assert listed.endswith("dir count = 0, file count = 1\n")
    assert done(shell.run("file list activelog cm/tftpdata/CTL*")) == listed
    fetch = "file get activelog cm/tftpdata/CTLFile.tlv"
    assert "transferred = 1 (CTLFile.tlv)" in done(shell.run(fetch))
    fetched = (tmp_path / "CTLFile.tlv").read_bytes()
    assert fetched == lab.publisher.ctl_file.read_bytes()
    assert refusal(shell.run(fetch)) == (
        "CTLFile.tlv exists already; name another file with --output"
    )
    assert "see `file list tftp`" in refusal(shell.run("file get tftp nothing"))


def test_two_stars_in_a_row_are_a_pattern_too(shell: AdminShell) -> None:
    done(shell.run(MIXED))
    assert " CTLFile.tlv\n" in done(shell.run("file list tftp CTL**"))
    assert " CTLFile.tlv\n" in done(shell.run("file list tftp **"))


def test_a_file_that_a_pattern_names_is_saved_under_its_own_name(
    lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = AdminShell(lab, PUBLISHER, assume_yes=True)
    done(shell.run(MIXED))
    for words in ("tftp CTLF*", "activelog cm/tftpdata/CTLF*"):
        done(shell.run(f"file get {words}"))
        assert [each.name for each in tmp_path.glob("*.tlv")] == ["CTLFile.tlv"]
        (tmp_path / "CTLFile.tlv").unlink()
        assert not list(tmp_path.glob("CTL*"))


def test_activelog_has_one_folder(shell: AdminShell) -> None:
    result = shell.run("file list activelog cm/trace/tvs/sdi/*")
    assert result.status == 2
    assert result.error == (
        "activelog has no cm/trace/tvs/sdi here; use cm/tftpdata/NAME"
    )


def test_a_file_that_cannot_be_read_or_written_is_named(
    lab: Cluster, tmp_path: Path
) -> None:
    missing = tmp_path / "none" / "saved.tlv"
    shell = AdminShell(lab, PUBLISHER, assume_yes=True, output=missing)
    done(shell.run(MIXED))
    assert "none" in refusal(shell.run("file get tftp CTLFile.tlv"))
    reason = refusal(shell.run(f"utils itl reset remotekey {missing}"))
    assert reason == (
        f"{missing}: No such file or directory; nothing was changed there"
    )
    text = tmp_path / "text"
    text.write_text("no key file")
    assert "check the password" in refusal(
        shell.run(f"utils itl reset remotekey {text}")
    )


def test_the_key_file_needs_a_password(lab: Cluster, tmp_path: Path) -> None:
    target = tmp_path / "ITLRecovery.p12"
    shell = AdminShell(lab, PUBLISHER, ask=Answers(""), output=target)
    assert "needs a password" in refusal(shell.run("file get tftp ITLRecovery.p12"))
    assert not target.exists()


def test_the_itls_other_signer(lab: Cluster, shell: AdminShell) -> None:
    text = done(shell.run("utils itl reset localkey"))
    assert "The reset ITL file was generated successfully" in text
    signers = {
        TrustList.decode(node.itl_file.read_bytes()).signer.subject
        for node in lab.nodes
    }
    assert [each.startswith("CN=ITLRECOVERY_") for each in signers] == [True]
    assert "ITLRECOVERY_" in done(shell.run("show itl"))
