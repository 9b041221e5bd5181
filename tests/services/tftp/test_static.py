"""Files below one root, and nothing else."""

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.tftp.files.source import ChainedSource, MemoryFiles, whole
from tokenless.services.tftp.files.static_files import StaticFiles, StaticLimits


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "rootlike").mkdir()
    (tmp_path / "rootlike" / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "lists").mkdir(parents=True)
    (root / "term75.default.loads").write_bytes(b"loads")
    (root / "lists" / "Ringlist.xml").write_bytes(b"rings")
    (root / "inside").symlink_to("lists/Ringlist.xml")
    (root / "inside-folder").symlink_to("lists")
    (root / "out").symlink_to("../secret")
    (root / "out-absolute").symlink_to(tmp_path / "secret")
    (root / "out-folder").symlink_to("..")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def unix_socket(root: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        yield


def refused(source: StaticFiles, name: str) -> int:
    with pytest.raises(TftpError) as caught:
        source.find(name)
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("term75.default.loads", b"loads"),
        ("lists/Ringlist.xml", b"rings"),
        ("./lists//Ringlist.xml", b"rings"),
        ("inside", b"rings"),
        ("inside-folder/Ringlist.xml", b"rings"),
    ],
)
def test_what_lies_below_the_root_is_served(
    root: Path, name: str, content: bytes
) -> None:
    assert StaticFiles(root).find(name).read_whole() == content


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../secret", TftpErrorCode.ACCESS_VIOLATION),
        ("lists/../../secret", TftpErrorCode.ACCESS_VIOLATION),
        ("lists/../term75.default.loads", TftpErrorCode.ACCESS_VIOLATION),
        ("../rootlike/secret", TftpErrorCode.ACCESS_VIOLATION),
        ("/etc/passwd", TftpErrorCode.ACCESS_VIOLATION),
        ("//etc/passwd", TftpErrorCode.ACCESS_VIOLATION),
        ("..\\secret", TftpErrorCode.ACCESS_VIOLATION),
        ("C:\\secret", TftpErrorCode.ACCESS_VIOLATION),
        ("term75.default.loads\0.png", TftpErrorCode.ACCESS_VIOLATION),
        ("out", TftpErrorCode.ACCESS_VIOLATION),
        ("out-absolute", TftpErrorCode.ACCESS_VIOLATION),
        ("out-folder/secret", TftpErrorCode.ACCESS_VIOLATION),
        ("out-folder/root/inside", None),
        ("dangling", TftpErrorCode.FILE_NOT_FOUND),
        ("loop", None),
        ("pipe", TftpErrorCode.FILE_NOT_FOUND),
        ("lists", TftpErrorCode.FILE_NOT_FOUND),
        ("lists/", TftpErrorCode.FILE_NOT_FOUND),
        (".", TftpErrorCode.FILE_NOT_FOUND),
        ("", TftpErrorCode.FILE_NOT_FOUND),
        ("absent", TftpErrorCode.FILE_NOT_FOUND),
        ("absent/absent", TftpErrorCode.FILE_NOT_FOUND),
        ("inside/deeper", TftpErrorCode.FILE_NOT_FOUND),
        ("x" * 400, TftpErrorCode.FILE_NOT_FOUND),
    ],
)
def test_everything_else_is_refused(
    root: Path, name: str, code: TftpErrorCode | None
) -> None:
    source = StaticFiles(root)
    if name == "out-folder/root/inside":
        assert (
            source.find(name).read_whole() == b"rings"
        )  # out and in again: it lies below the root
    elif code is None:
        refused(source, name)
    else:
        assert refused(source, name) == code


@pytest.mark.usefixtures("unix_socket")
def test_sockets_are_refused(root: Path) -> None:
    refused(StaticFiles(root), "socket")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_an_access_violation(root: Path) -> None:
    (root / "lists" / "Ringlist.xml").chmod(0)
    source = StaticFiles(root)
    assert refused(source, "lists/Ringlist.xml") == TftpErrorCode.ACCESS_VIOLATION


def test_a_folder_swapped_for_a_link_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding out where a name leads and opening it, a folder is swapped."""
    real = root / "lists" / "Ringlist.xml"
    (root / "by-a-link.xml").symlink_to("lists/Ringlist.xml")
    realpath = os.path.realpath

    def swap(path: object) -> str:
        found = realpath(path)  # type: ignore[call-overload]
        if found == str(real):
            real.unlink()
            real.parent.rmdir()
            real.parent.symlink_to(root.parent)
            (root.parent / "Ringlist.xml").write_bytes(b"secret")
        return str(found)

    monkeypatch.setattr(os.path, "realpath", swap)
    refused(StaticFiles(root), "by-a-link.xml")
    assert real.parent.is_symlink()
    monkeypatch.undo()
    refused(StaticFiles(root), "lists/Ringlist.xml")


def test_only_what_matches_a_pattern_is_served(root: Path) -> None:
    source = StaticFiles(root, StaticLimits(patterns=("*.loads", "lists/*")))
    assert source.find("term75.default.loads").read_whole() == b"loads"
    assert source.find("lists/Ringlist.xml").read_whole() == b"rings"
    assert refused(source, "inside") == TftpErrorCode.FILE_NOT_FOUND


def test_large_files_are_refused(root: Path) -> None:
    source = StaticFiles(root, StaticLimits(file_bytes=4))
    assert refused(source, "term75.default.loads") == TftpErrorCode.DISK_FULL


def test_a_version_is_one_object_and_a_change_another(root: Path) -> None:
    source = StaticFiles(root)
    first = source.find("term75.default.loads")
    assert source.find("term75.default.loads") is first
    (root / "term75.default.loads").write_bytes(b"newer loads")
    assert source.find("term75.default.loads").read_whole() == b"newer loads"
    with pytest.raises(TftpError, match="changed"):
        first.check_unchanged()


def test_a_file_is_open_while_somebody_has_it_and_no_longer(root: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.collect()
    source, before = StaticFiles(root), open_files()
    held = [source.find("term75.default.loads") for _ in range(10)]
    assert open_files() == before + 1
    held.append(source.find("./term75.default.loads"))
    assert open_files() == before + 1
    held.clear()
    assert open_files() == before
    for name in ("lists", "pipe", "absent"):
        refused(source, name)
    assert refused(StaticFiles(root, StaticLimits(file_bytes=4)), "inside") == 3
    gc.collect()  # what pytest keeps of the refusal
    assert open_files() == before


def test_sources_in_a_chain_are_asked_in_turn(root: Path) -> None:
    lists = MemoryFiles({"CTLFile.tlv": b"list", "inside": b"first"})
    chain = ChainedSource([lists, StaticFiles(root)])
    assert chain.find("CTLFile.tlv") == b"list"
    assert chain.find("inside") == b"first"
    assert whole(chain.find("term75.default.loads")) == b"loads"
    with pytest.raises(TftpError) as caught:
        chain.find("../secret")
    assert caught.value.code == TftpErrorCode.ACCESS_VIOLATION
    with pytest.raises(TftpError) as caught:
        ChainedSource([]).find("x")
    assert caught.value.code == TftpErrorCode.FILE_NOT_FOUND
