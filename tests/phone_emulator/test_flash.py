"""Flash in a folder: atomic, damaged, another phone's."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rigs.cluster import DEVICE
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.flash import FolderFlash, PhoneState, read_record
from tokenless.phone_emulator.folder_boot import delete_trust
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.protocol.trust.anchors import FileKind


@pytest.fixture
def flash(tmp_path: Path) -> FolderFlash:
    made = FolderFlash.create(tmp_path / "flash", DEVICE, "7975")
    made.replace(FileKind.CTL, b"ctl")
    made.replace(FileKind.ITL, b"itl")
    made.replace(FileKind.CONFIGURATION, b"xml")
    return made


def test_what_is_kept(flash: FolderFlash) -> None:
    assert flash.load() == FlashContents(b"ctl", b"itl", b"xml")
    names = {path.name for path in flash.folder.iterdir()}
    assert {"CTLFile.tlv", "ITLFile.tlv", f"{DEVICE}.cnf.xml"} <= names


def test_delete_trust_keeps_the_configuration(flash: FolderFlash) -> None:
    assert delete_trust(flash.folder) == (FileKind.CTL, FileKind.ITL)
    assert flash.load() == FlashContents(configuration=b"xml")
    assert flash.known_state().status_lines[-1].endswith("Erasing CTL and ITL files")
    assert delete_trust(flash.folder) == ()


def test_factory_reset_keeps_nothing(flash: FolderFlash) -> None:
    flash.append_log(["x"])
    flash.save_record(b"{}")
    flash.factory_reset()
    assert flash.load() == FlashContents()
    assert flash.read_log() == ""
    assert [path.name for path in flash.folder.iterdir()] == ["phone.json"]


def test_a_crash_before_the_move_leaves_the_old_file(
    flash: FolderFlash, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        flash.replace(FileKind.CTL, b"new")
    monkeypatch.undo()
    assert flash.load().ctl == b"ctl"
    FolderFlash.create(flash.folder, DEVICE, "7975")
    assert not list(flash.folder.glob("*.new"))


def test_only_old_unfinished_files_are_deleted(flash: FolderFlash) -> None:
    """A young one may be that of another process that boots the phone, too."""
    young, old = (flash.folder / f".console.log.{n}.new" for n in (1, 2))
    for each in (young, old):
        each.write_bytes(b"unfinished")
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))
    FolderFlash.create(flash.folder, DEVICE, "7975")
    assert young.exists()
    assert not old.exists()


def test_another_phones_flash_is_refused(flash: FolderFlash) -> None:
    with pytest.raises(PhoneError, match=f"belongs to {DEVICE}"):
        FolderFlash.create(flash.folder, "SEP000000000000", "7975")


@pytest.mark.parametrize("name", ["../x", "", "SEP001122334455/x"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(PhoneError, match="is not a device name"):
        FolderFlash.create(tmp_path / "flash", name, "7975")
    assert not list(tmp_path.iterdir())


def test_a_registered_phone_is_known_as_such_while_it_lasts(flash: FolderFlash) -> None:
    other = FolderFlash.open(flash.folder)
    flash.mark_registered(is_registered=True)
    assert other.is_registered
    flash.mark_registered(is_registered=False)
    assert not other.is_registered


@pytest.mark.parametrize("is_registered", [False, True])
def test_whoever_asks_disturbs_nobody_else_who_asks(
    flash: FolderFlash, *, is_registered: bool
) -> None:
    flash.mark_registered(is_registered=is_registered)
    others = [FolderFlash.open(flash.folder) for _ in range(2)]

    def ask(other: FolderFlash) -> list[bool]:
        return [other.is_registered for _ in range(5_000)]

    with ThreadPoolExecutor(2) as askers:
        answers = {said for all_ in askers.map(ask, others) for said in all_}
    assert answers == {is_registered}


def test_two_processes_of_one_phone_do_not_wait_for_each_other(
    flash: FolderFlash,
) -> None:
    second = FolderFlash.open(flash.folder)
    flash.mark_registered(is_registered=True)
    second.mark_registered(is_registered=True)
    flash.mark_registered(is_registered=False)
    assert flash.is_registered  # by the second one
    second.mark_registered(is_registered=False)
    assert not flash.is_registered


def test_a_phone_may_become_another_model(flash: FolderFlash) -> None:
    FolderFlash.create(flash.folder, DEVICE, "8861")
    assert flash.known_state() == PhoneState(DEVICE, "8861")


def test_a_damaged_state_says_what_to_do(flash: FolderFlash) -> None:
    (flash.folder / "phone.json").write_bytes(b"{")
    with pytest.raises(PhoneError, match="damaged"):
        FolderFlash.create(flash.folder, DEVICE, "7975")


@pytest.mark.parametrize("folder", ["missing", "."])
def test_no_phone_there(tmp_path: Path, folder: str) -> None:
    with pytest.raises(PhoneError, match="no phone keeps its flash"):
        FolderFlash.open(tmp_path / folder)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhoneError, match="cannot be used"):
        FolderFlash.create(tmp_path / "file" / "flash", DEVICE, "7975")


def test_the_log_does_not_grow_for_ever(flash: FolderFlash) -> None:
    lines = [f"{number:0100}" for number in range(3000)]
    for _ in range(6):
        flash.append_log(lines)
    kept = flash.read_log().splitlines()
    assert len("\n".join(kept)) < 1_200_000
    assert kept[-1] == lines[-1]
    assert all(len(line) == 100 for line in kept)


def test_a_log_that_is_one_long_line_is_let_go(flash: FolderFlash) -> None:
    """Whatever was put there: the next boot may not fail over it."""
    (flash.folder / "console.log").write_bytes(b"x" * 600_000)
    flash.append_log(["booted"])
    assert flash.read_log() == "booted\n"


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match="no record"):
        read_record(tmp_path / "nothing")
    with pytest.raises(PhoneError, match="cannot be read"):
        read_record(tmp_path)


def test_the_configuration_is_the_owners_alone(tmp_path: Path) -> None:
    """It may have come encrypted, with passwords in it."""
    flash = FolderFlash.create(tmp_path / "flash", "SEP001122334455", "7975")
    flash.replace(FileKind.CONFIGURATION, b"<device/>")
    mode = (tmp_path / "flash/SEP001122334455.cnf.xml").stat().st_mode
    assert mode & 0o777 == 0o600
