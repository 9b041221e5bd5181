"""Backups: whole, private, of one state; damaged or hostile ones leave nothing."""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tokenless.protocol.codes import TrustStore
from tokenless.services.backup.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    BackupError,
)
from tokenless.services.backup.restore import restore_backup
from tokenless.services.backup.take import take_backup
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.itl import rebuild_itl

NOW = 1_700_000_000.0
Members = dict[str, bytes]


@pytest.fixture(params=["backup.tar", "backup"])
def taken(request: pytest.FixtureRequest, lab: Cluster, tmp_path: Path) -> Path:
    target = tmp_path / str(request.param)
    take_backup(lab.data, target, now=NOW)
    return target


@pytest.fixture
def archive(lab: Cluster, tmp_path: Path) -> Path:
    target = tmp_path / "backup.tar"
    take_backup(lab.data, target, now=NOW)
    return target


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rewrite(archive: Path, change: Callable[[Members], None]) -> None:
    """Pack an archive anew after a change to its files."""
    with tarfile.open(archive) as tar:
        members = {
            each.name: file.read()
            for each in tar
            if (file := tar.extractfile(each)) is not None
        }
    change(members)
    with tarfile.open(archive, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def refused(archive: Path, data: Path, words: str) -> None:
    before = set(data.parent.iterdir())
    with pytest.raises(BackupError, match=words):
        restore_backup(archive, data)
    assert set(data.parent.iterdir()) == before


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


def test_a_folder_without_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="holds no cluster"):
        take_backup(tmp_path, tmp_path / "b.tar", now=NOW)
    assert not list(tmp_path.iterdir())


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


def test_every_cut_is_noticed(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    for size in (0, 511, 512, 1500, len(whole) // 2):
        archive.write_bytes(whole[:size])
        refused(archive, tmp_path / "restored", ".")


def test_one_changed_byte_is_noticed(archive: Path, tmp_path: Path) -> None:
    def flip(members: Members) -> None:
        name = next(name for name in members if name.endswith(".pem"))
        members[name] = b"x" + members[name][1:]

    rewrite(archive, flip)
    refused(archive, tmp_path / "restored", "damaged")


def test_a_missing_file_is_noticed(archive: Path, tmp_path: Path) -> None:
    def drop(members: Members) -> None:
        del members["cluster.db"]

    rewrite(archive, drop)
    refused(archive, tmp_path / "restored", "cut off")


def test_a_file_too_many_is_noticed(archive: Path, tmp_path: Path) -> None:
    rewrite(archive, lambda members: members.update({"nodes/more": b"x"}))
    refused(archive, tmp_path / "restored", "besides")


@pytest.mark.parametrize(
    "path", ["/etc/cron.d/x", "../x", "nodes/../../x", "nodes//x", "./x", MANIFEST]
)
def test_paths_that_lead_out(archive: Path, tmp_path: Path, path: str) -> None:
    def lead_out(members: Members) -> None:
        manifest = json.loads(members[MANIFEST])
        manifest["files"][0]["path"] = path
        members[MANIFEST] = json.dumps(manifest).encode()

    rewrite(archive, lead_out)
    refused(archive, tmp_path / "restored", "outside|damaged|not a backup")
    assert not (tmp_path / "x").exists()


def test_a_link_in_an_archive(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile(MANIFEST)
        assert manifest is not None
        data = manifest.read()
    with tarfile.open(archive, "w") as tar:
        head = tarfile.TarInfo(MANIFEST)
        head.size = len(data)
        tar.addfile(head, io.BytesIO(data))
        link = tarfile.TarInfo("cluster.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
        filler = tarfile.TarInfo("filler")
        filler.size = 1_000_000
        tar.addfile(filler, io.BytesIO(bytes(filler.size)))
    refused(archive, tmp_path / "restored", "besides")


def test_a_link_in_a_folder(lab: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    take_backup(lab.data, folder, now=NOW)
    (folder / "cluster.json").unlink()
    (folder / "cluster.json").symlink_to("/etc/hostname")
    refused(folder, tmp_path / "restored", "cluster.json")


@pytest.mark.parametrize("data", [b"", b"x" * 10_000, b"\0" * 10_240, b"[]"])
def test_what_is_no_backup(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(data)
    refused(tmp_path / "b.tar", tmp_path / "restored", ".")


def change_manifest(**changes: object) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        manifest = json.loads(members[MANIFEST]) | changes
        members[MANIFEST] = json.dumps(manifest).encode()

    return change


def test_manifests_that_are_none(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()

    def twice(members: Members) -> None:
        manifest = json.loads(members[MANIFEST])
        manifest["files"].append(manifest["files"][0])
        members[MANIFEST] = json.dumps(manifest).encode()

    def endless(members: Members) -> None:
        members[MANIFEST] = b" " * (MAX_MANIFEST_BYTES + 1)

    for change, reason in (
        (change_manifest(format="tokenless backup 9"), "tokenless backup 9"),
        (change_manifest(files=[]), "not a backup of a whole data folder"),
        (change_manifest(has_database=False), "not a backup of a whole data folder"),
        (twice, "lists a file twice"),
        (endless, "has no end|not a backup"),
    ):
        archive.write_bytes(whole)
        rewrite(archive, change)
        refused(archive, tmp_path / "restored", reason)


def test_what_is_no_file_in_a_folder(lab: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    take_backup(lab.data, folder, now=NOW)
    (folder / "cluster.json").unlink()
    os.mkfifo(folder / "cluster.json")
    refused(folder, tmp_path / "restored", "is not a file")


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


def with_holes(archive: Path, name: str, kind: str) -> None:
    """Replace a file by one whose bytes are not in the archive."""
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile(MANIFEST)
        assert manifest is not None
        found = json.loads(manifest.read())
    size = 200_000_000 if kind == "any size" else 4096
    entry = next(each for each in found["files"] if each["path"] == name)
    entry |= {"size": size, "sha256": hashlib.sha256(bytes(size)).hexdigest()}
    data = json.dumps(found).encode()
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        head = tarfile.TarInfo(MANIFEST)
        head.size = len(data)
        tar.addfile(head, io.BytesIO(data))
        hole = tarfile.TarInfo(name)
        hole.pax_headers = {
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
            "GNU.sparse.name": name,
            "GNU.sparse.size": str(size),
            "GNU.sparse.map": f"{size},0",
        }
        tar.addfile(hole)
        filler = tarfile.TarInfo("filler")
        filler.size = 1_000_000
        tar.addfile(filler, io.BytesIO(bytes(filler.size)))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("any size", "bytes are claimed"), ("small", "holds 'cluster.json' besides")],
)
def test_holes_of_any_size_are_refused(
    archive: Path, tmp_path: Path, kind: str, reason: str
) -> None:
    with_holes(archive, "cluster.json", kind)
    refused(archive, tmp_path / "restored", reason)


def test_more_than_there_is_room_for(
    lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "b"
    take_backup(lab.data, folder, now=NOW)
    whole = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: whole._replace(free=10_000))
    refused(folder, tmp_path / "restored", "10000 are free")


def test_a_longer_file_is_not_read_to_its_end(lab: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    take_backup(lab.data, folder, now=NOW)
    with (folder / "cluster.json").open("r+b") as file:
        file.truncate(1 << 38)  # 256 GB of nothing
    refused(folder, tmp_path / "restored", "cluster.json is damaged")


def test_a_link_in_the_middle_of_a_path(lab: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    take_backup(lab.data, folder, now=NOW)
    (folder / "nodes").rename(tmp_path / "outside")
    (folder / "nodes").symlink_to(tmp_path / "outside")
    refused(folder, tmp_path / "restored", "nodes/.*")


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
