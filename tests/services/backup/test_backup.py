"""Backups: whole, private, of one state."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from tests.rigs.archives import NOW, Members, mode, rewrite
from tokenless.protocol.codes import TrustStore
from tokenless.services.backup.manifest import MANIFEST
from tokenless.services.backup.restore import restore_backup
from tokenless.services.backup.take import take_backup
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import generate_rsa
from tokenless.services.pki.manufacturing import CA_KEY, issue_token_certificate
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store import migrate


def test_what_was_taken_comes_back(lab: Cluster, taken: Path, tmp_path: Path) -> None:
    restored = tmp_path / "restored" / "data"
    manifest = restore_backup(taken, restored)
    assert manifest.cluster == "lab"
    with closing(Cluster.open(restored)) as again:
        assert again.store.revision() == lab.store.revision()
        for old, new in zip(lab.nodes, again.nodes, strict=True):
            assert old.name == new.name
            certificate = own_certificate(again, new, TrustStore.TVS)
            assert certificate == own_certificate(lab, old, TrustStore.TVS)
            new.keys.load(TrustStore.TVS, certificate)


def test_keys_are_their_owners(taken: Path, tmp_path: Path) -> None:
    assert mode(taken) & 0o077 == 0
    restored = tmp_path / "restored"
    restore_backup(taken, restored)
    keys = sorted(restored.glob("nodes/*/keys/*.pem"))
    assert keys
    assert {mode(key) for key in keys} == {0o600}
    assert {mode(key.parent) for key in keys} == {0o700}
    assert mode(restored / "cluster.json") == 0o600


def test_an_archive_that_opens_a_key_does_not_open_it(
    archive: Path, tmp_path: Path
) -> None:
    def open_all(members: Members) -> None:
        members[MANIFEST] = members[MANIFEST].replace(
            b'"is_private": true', b'"is_private": false'
        )

    rewrite(archive, open_all)
    restore_backup(archive, tmp_path / "restored")
    keys = list((tmp_path / "restored").glob("nodes/*/keys/*.pem"))
    assert keys
    assert {mode(key) for key in keys} == {0o600}


def test_nothing_is_overwritten(lab: Cluster, taken: Path) -> None:
    with pytest.raises(ServiceError, match="exists"):
        take_backup(lab.data, taken, now=NOW)
    with pytest.raises(ServiceError, match="not empty"):
        restore_backup(taken, lab.data)
    assert lab.store.revision()


@pytest.mark.parametrize("place", ["in.tar", "nodes", "new/../in.tar"])
def test_no_backup_is_put_into_the_folder_that_it_copies(
    lab: Cluster, tmp_path: Path, place: str
) -> None:
    """The next one would hold it, and TFTP would serve what lies in its folder."""
    link = tmp_path / "link"
    link.symlink_to(lab.data)
    before = sorted(lab.data.rglob("*"))
    for folder in (lab.data, link):
        with pytest.raises(ServiceError, match=r"is in the data folder|exists"):
            take_backup(lab.data, folder / place, now=NOW)
    with pytest.raises(ServiceError, match="is in the data folder"):
        take_backup(link, lab.data / "in.tar", now=NOW)
    assert sorted(lab.data.rglob("*")) == before


def test_a_folder_without_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="holds no cluster"):
        take_backup(tmp_path, tmp_path / "b.tar", now=NOW)
    assert not list(tmp_path.iterdir())


def test_errors_name_the_place_that_people_know(
    lab: Cluster, taken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made beside it has a name that nobody has given."""
    absent = tmp_path / "absent" / "target"
    with pytest.raises(OSError, match="No such file") as caught:
        take_backup(lab.data, absent, now=NOW)
    assert caught.value.filename == str(absent)

    copying = "tokenless.services.backup.restore.copy_checked"
    monkeypatch.setattr(copying, _full_disk)
    with pytest.raises(OSError, match="No space") as caught:
        restore_backup(taken, tmp_path / "restored")
    assert caught.value.filename == str(tmp_path / "restored")
    assert not list(tmp_path.glob(".*"))


def _full_disk(*_: object) -> None:
    """Fail as a write to a descriptor does: without a name."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_authority_of_tokens_comes_back(lab: Cluster, tmp_path: Path) -> None:
    """Without its key another one would be made, and sign the next token."""
    first, second = generate_rsa(1024).public_key(), generate_rsa(1024).public_key()
    issue_token_certificate(lab.tokens_folder, first, NOW)
    authority = (lab.tokens_folder / "manufacturing-ca.pem").read_bytes()
    take_backup(lab.data, tmp_path / "b.tar", now=NOW)
    restore_backup(tmp_path / "b.tar", tmp_path / "restored")
    tokens = tmp_path / "restored" / "tokens"
    issue_token_certificate(tokens, second, NOW)
    assert (tokens / "manufacturing-ca.pem").read_bytes() == authority
    assert mode(tokens / CA_KEY) == 0o600


def test_a_restore_follows_a_link(taken: Path, tmp_path: Path) -> None:
    (tmp_path / "restored").symlink_to("elsewhere")
    restore_backup(taken, tmp_path / "restored")
    assert (tmp_path / "restored").is_symlink()
    Cluster.open(tmp_path / "elsewhere").close()


def test_a_file_system_without_hard_links(
    lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick with FAT."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    take_backup(lab.data, tmp_path / "b.tar", now=NOW)
    assert mode(tmp_path / "b.tar") == 0o600
    restore_backup(tmp_path / "b.tar", tmp_path / "restored")
    Cluster.open(tmp_path / "restored").close()


@pytest.mark.parametrize(
    ("damage", "hint"),
    [
        (lambda file: file.with_name("cluster.db-wal").mkdir(), "make the data folder"),
        (lambda file: file.write_bytes(b"no database" * 999), "from a backup"),
        (lambda file: file.unlink(), "an earlier backup"),
    ],
)
def test_a_database_that_cannot_be_copied(
    lab: Cluster, tmp_path: Path, damage: Callable[[Path], object], hint: str
) -> None:
    lab.close()
    damage(lab.data / DATABASE_FILE)
    with pytest.raises(ServiceError, match="database") as caught:
        take_backup(lab.data, tmp_path / "b.tar", now=NOW)
    assert hint in (caught.value.hint or "")


def test_an_administrator_at_work_is_not_cut_in_two(
    lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenless.services.backup.take._LOCK_S", 0.01)
    with (
        lab.store.change("test", "", by="test"),
        pytest.raises(ServiceError, match="locked"),
    ):
        take_backup(lab.data, tmp_path / "b.tar", now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_committed_but_not_yet_in_the_file_is_taken(
    lab: Cluster, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(lab.data / "cluster.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM cluster").fetchall()  # holds the log back
        with lab.store.change("test", "", by="test"):
            pass
        take_backup(lab.data, tmp_path / "b", now=NOW)
    with closing(sqlite3.connect(tmp_path / "b" / "cluster.db")) as copied:
        (revision,) = copied.execute("SELECT revision FROM cluster").fetchone()
    assert revision == lab.store.revision()


def test_links_and_leavings_stay_out(lab: Cluster, tmp_path: Path) -> None:
    folder = lab.publisher.tftp_folder
    (folder / "term.loads").write_bytes(b"firmware")
    (folder / "link").symlink_to("/etc/hostname")
    (folder / ".CTLFile.tlv.half").write_bytes(b"half")
    lab.publisher.control_socket.with_suffix(".lock").touch()
    names = {each.path for each in take_backup(lab.data, tmp_path / "b", now=NOW).files}
    names = {Path(name).name for name in names}
    assert "term.loads" in names
    assert not names & {"link", ".CTLFile.tlv.half", "control.lock", "cluster.db-wal"}


def test_a_file_that_appears_meanwhile_is_not_replaced(
    lab: Cluster, tmp_path: Path
) -> None:
    target = tmp_path / "b.tar"
    done_of: list[tuple[int, int]] = []

    def another_writes(_words: str, done: int, total: int) -> None:
        target.write_text("precious")
        done_of.append((done, total))

    with pytest.raises(ServiceError, match="exists") as caught:
        take_backup(lab.data, target, now=NOW, progress=another_writes)
    assert "name another place" in caught.value.explain()
    assert target.read_text() == "precious"
    assert any(0 < done < total for done, total in done_of)


def test_modes_come_back_and_are_not_widened(
    lab: Cluster, tmp_path: Path, taken: Path
) -> None:
    assert taken.exists()
    node = lab.publisher
    for path, bits in ((lab.data, 0o750), (node.tftp_folder, 0o750)):
        path.chmod(bits)
    (node.tftp_folder / "ring.xml").write_text("x")
    (node.tftp_folder / "ring.xml").chmod(0o640)
    again = tmp_path / f"again{taken.suffix}"
    take_backup(lab.data, again, now=NOW)
    restored = tmp_path / "restored"
    restore_backup(again, restored)
    inside = restored / node.tftp_folder.relative_to(lab.data)
    assert mode(restored) == mode(inside) == 0o750
    assert mode(inside / "ring.xml") == 0o640


def test_a_restored_mode_is_no_wider_than_the_umask(
    archive: Path, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        restore_backup(archive, tmp_path / "restored")
    finally:
        os.umask(before)
    found = list((tmp_path / "restored").rglob("*"))
    assert found
    assert [path for path in found if mode(path) & 0o027] == []


@pytest.mark.parametrize("first_format", [False, True])
def test_empty_folders_come_back(
    archive: Path, lab: Cluster, tmp_path: Path, first_format: bool
) -> None:
    """A backup taken before anything was served: it must be possible to serve."""
    if first_format:

        def make_old(members: Members) -> None:
            manifest = json.loads(members[MANIFEST]) | {"format": "tokenless backup 1"}
            del manifest["folders"]
            for entry in manifest["files"]:
                del entry["mode"]
            members[MANIFEST] = json.dumps(manifest).encode()

        rewrite(archive, make_old)
    assert list(lab.publisher.tftp_folder.iterdir()) == []
    restore_backup(archive, tmp_path / "restored")
    with closing(Cluster.open(tmp_path / "restored")) as again:
        for node in again.nodes:
            rebuild_itl(again, node)
            assert node.itl_file.is_file()


def _set_schema(data: Path, version: str) -> None:
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_a_backup_of_a_newer_program_is_refused(lab: Cluster, tmp_path: Path) -> None:
    """Its folder would be one that no command of this program opens."""
    lab.close()
    _set_schema(lab.data, "0099")
    take_backup(lab.data, tmp_path / "b", now=NOW)
    with pytest.raises(ServiceError, match="has schema 0099") as caught:
        restore_backup(tmp_path / "b", tmp_path / "to" / "data")
    assert "use the newer program" in caught.value.explain()
    assert list((tmp_path / "to").iterdir()) == []


def test_a_backup_of_an_older_program_is_upgraded_when_it_is_opened(
    lab: Cluster, tmp_path: Path
) -> None:
    lab.close()
    with closing(sqlite3.connect(lab.data / DATABASE_FILE)) as connection:
        # As before step 0013.
        connection.execute("ALTER TABLE registration DROP COLUMN alarms")
    _set_schema(lab.data, "0012")
    take_backup(lab.data, tmp_path / "b", now=NOW)
    restored = tmp_path / "to" / "data"
    restore_backup(tmp_path / "b", restored)
    assert not list(restored.glob("*.db-*"))
    with (
        closing(Cluster.open(restored)) as again,
        again.store.read() as connection,
    ):
        assert migrate.version(connection) == migrate.NEWEST
        columns = inspect(connection).get_columns("registration")
        assert "alarms" in {each["name"] for each in columns}
