"""A fleet's flash when something goes wrong on the way to it."""

import sqlite3
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.protocol.trust.anchors import FileKind

DEVICE = "SEP001122334455"


def test_a_boot_that_cannot_be_written_leaves_the_phone_as_it_was(
    tmp_path: Path,
) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        flash = store.flash(DEVICE, "7975")
        flash.replace(FileKind.CTL, b"first")
        flash.save({"outcome": "ok"}, 1.0)
        flash = store.flash(DEVICE, "7975")
        flash.replace(FileKind.CTL, b"second")
        with pytest.raises(TypeError):
            flash.save({"outcome": "ok", "what": object()}, 2.0)
        (kept,) = store.phones()
        assert (kept.contents.ctl, kept.report) == (b"first", {"outcome": "ok"})
        flash.save({"outcome": "rejected"}, 3.0)
        (kept,) = store.phones()
        assert (kept.contents.ctl, kept.outcome) == (b"second", "rejected")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PhoneError, match="cannot be used") as refused:
        FleetStore.open(tmp_path / "file")
    assert "name a folder that can be written" in refused.value.explain()


def test_a_phone_that_was_never_saved_is_new(tmp_path: Path) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        assert store.flash(DEVICE, "7975").load().ctl is None
        assert list(store.phones()) == []
        assert store.delete_trust() == 0


def test_what_phones_have_replaced_is_not_kept(tmp_path: Path) -> None:
    """Each reset after a change of groups brings every phone another configuration."""
    with closing(FleetStore.open(tmp_path)) as store:
        flash = store.flash(DEVICE, "7975")
        tracemalloc.start()
        for number in range(200):
            flash.replace(FileKind.CONFIGURATION, b"%d" % number + bytes(100_000))
            flash.save({"outcome": "ok"}, 1.0)
            flash.load()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert kept < 12_000_000  # of 20 million bytes


@pytest.mark.parametrize("column", ["data", "report"])
def test_what_unpacks_to_more_than_it_can_be_is_refused(
    tmp_path: Path, column: str
) -> None:
    """A flash that somebody sent along with a report: 600 kB, and a gigabyte inside."""
    with closing(FleetStore.open(tmp_path)) as store:
        flash = store.flash(DEVICE, "7975")
        flash.replace(FileKind.CTL, b"first")
        flash.save({"outcome": "ok"}, 1.0)
    bomb = zlib.compress(bytes(64 << 20), 9)
    table = "content" if column == "data" else "phone"
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", (bomb,))  # noqa: S608
        connection.commit()
    with closing(FleetStore.open(tmp_path)) as store:
        with pytest.raises(PhoneError, match="unpacks to over") as refused:
            list(store.phones())
        assert "boot the fleet into a new one" in refused.value.explain()


@pytest.mark.parametrize("data", [b"no zlib", zlib.compress(b"other"), b""])
def test_a_changed_content_is_refused(tmp_path: Path, data: bytes) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        flash = store.flash(DEVICE, "7975")
        flash.replace(FileKind.CTL, b"first")
        flash.save({"outcome": "ok"}, 1.0)
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as connection:
        connection.execute("UPDATE content SET data = ?", (data,))
        connection.commit()
    with (
        closing(FleetStore.open(tmp_path)) as store,
        pytest.raises(PhoneError, match="is damaged"),
    ):
        list(store.phones())


@pytest.mark.parametrize("report", [b"{", b"[" * 100_000, b"\xff"])
def test_a_report_that_is_none_is_refused(tmp_path: Path, report: bytes) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        store.flash(DEVICE, "7975").save({"outcome": "ok"}, 1.0)
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as connection:
        connection.execute("UPDATE phone SET report = ?", (zlib.compress(report),))
        connection.commit()
    with (
        closing(FleetStore.open(tmp_path)) as store,
        pytest.raises(PhoneError, match="a report cannot be read"),
    ):
        list(store.phones())


def test_what_a_boot_installed_is_there_before_it_is_kept(tmp_path: Path) -> None:
    """A phone that goes to CAPF, or tries again, looks into its flash before that."""
    with closing(FleetStore.open(tmp_path)) as store:
        flash = store.flash("SEP001122334455", "7975")
        flash.replace(FileKind.CTL, b"a list")
        assert flash.load().ctl == b"a list"
        assert store.flash("SEP001122334455", "7975").load().ctl is None


def install(store: FleetStore, device: str, ctl: bytes) -> None:
    """Let a phone boot, and keep the CTL that it got."""
    flash = store.flash(device, "7975")
    flash.replace(FileKind.CTL, ctl)
    flash.save({"outcome": "ok"}, 1.0)


def test_a_list_that_comes_back_after_others_looked_is_kept(tmp_path: Path) -> None:
    """Commands beside `fleet run`: one drops contents that no phone holds."""
    with closing(FleetStore.open(tmp_path)) as running:
        install(running, DEVICE, b"first")
        install(running, DEVICE, b"second")
        with closing(FleetStore.open_to_read(tmp_path)) as shown:
            assert [each.contents.ctl for each in shown.phones()] == [b"second"]
        FleetStore.open_existing(tmp_path).close()
        install(running, DEVICE, b"first")
    with closing(FleetStore.open_existing(tmp_path)) as store:
        assert store.flash(DEVICE, "7975").load().ctl == b"first"


def test_looking_writes_nothing(tmp_path: Path) -> None:
    """A flash may lie on a medium that is read-only, or be another person's."""
    with closing(FleetStore.open(tmp_path)) as store:
        install(store, DEVICE, b"first")
    file = tmp_path / "fleet.db"
    file.chmod(0o644)  # a copy, where others may read it
    before = file.stat(), file.read_bytes()
    with closing(FleetStore.open_to_read(tmp_path)) as shown:
        assert [each.contents.ctl for each in shown.phones()] == [b"first"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            shown.delete_trust()
    assert list(tmp_path.iterdir()) == [file]
    assert (file.stat(), file.read_bytes()) == before


def test_what_is_no_fleet_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match="no fleet keeps its flash"):
        FleetStore.open_to_read(tmp_path)
    for content in (b"", b"SQLite, not", bytes(4096)):
        (tmp_path / "fleet.db").write_bytes(content)
        with pytest.raises(PhoneError, match="cannot be used"):
            FleetStore.open_to_read(tmp_path)


def test_a_store_that_is_opened_twice_keeps_its_locks(tmp_path: Path) -> None:
    """A process that closes any file gives up all of its POSIX locks of that file."""
    with closing(FleetStore.open(tmp_path)) as running:
        install(running, DEVICE, b"first")
        FleetStore.open(tmp_path).close()
        # Where nobody seems to use the database, its last reader ends the log.
        script = "import sqlite3; d = sqlite3.connect('fleet.db'); "
        script += "d.execute('SELECT * FROM phone').fetchall(); d.close()"
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
        install(running, DEVICE, b"second")
        with closing(sqlite3.connect(tmp_path / "fleet.db")) as other:
            kept = other.execute("SELECT COUNT(*) FROM content").fetchone()
    assert kept == (2,)
    with closing(FleetStore.open_existing(tmp_path)) as store:
        assert store.flash(DEVICE, "7975").load().ctl == b"second"


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(PhoneError) as refused:
        FleetStore.open(tmp_path / "plain" / "fleet")
    assert str(refused.value).endswith(" cannot be used: Not a directory")
