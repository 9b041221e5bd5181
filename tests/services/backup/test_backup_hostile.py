"""Damaged and hostile backups leave nothing."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.archives import NOW, Members, refused, rewrite
from tokenless.services.backup.manifest import MANIFEST, MAX_MANIFEST_BYTES
from tokenless.services.backup.take import take_backup
from tokenless.services.cluster.cluster import Cluster


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
    refused(archive, tmp_path / "restored", "incomplete")


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


def header(kind: bytes, size: int) -> bytes:
    """Return a header that no library would write."""
    made = tarfile.TarInfo("x")
    made.type, made.size = kind, 0
    data = bytearray(made.tobuf(tarfile.USTAR_FORMAT))
    data[124:136] = b"\x80" + size.to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data)


ONE_EXTENDED = header(tarfile.XHDTYPE, 512) + b"6 a=b\n".ljust(512, b"\0")
LONG_SIZE = header(tarfile.XHDTYPE, 512) + (b"28 size=" + b"1" * 19 + b"\n").ljust(
    512, b"\0"
)


@pytest.mark.parametrize(
    "data",
    [
        header(tarfile.XHDTYPE, 8 << 30),
        header(tarfile.XHDTYPE, 1 << 62),
        header(tarfile.GNUTYPE_LONGNAME, 1 << 80),
        ONE_EXTENDED * 3000,
        LONG_SIZE + header(tarfile.REGTYPE, 0),
    ],
    ids=["8 GB", "beyond files", "beyond numbers", "many", "a long size"],
)
def test_headers_that_claim_too_much(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(data + bytes(1024))
    refused(tmp_path / "b.tar", tmp_path / "restored", "is damaged|not a backup")


def test_folders_without_number_are_not_made(archive: Path, tmp_path: Path) -> None:
    def nest(members: Members) -> None:
        manifest = json.loads(members[MANIFEST])
        nested = "/".join("a" * 500)
        empty = {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
        for number in range(250):
            path = f"{number}/{nested}"
            manifest["files"].append(empty | {"path": path, "is_private": False})
            members[path] = b""
        members[MANIFEST] = json.dumps(manifest).encode()

    rewrite(archive, nest)
    refused(archive, tmp_path / "restored", "over 100000 folders")


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
