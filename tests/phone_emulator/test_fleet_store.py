"""A fleet's flash when something goes wrong on the way to it."""

from contextlib import closing
from pathlib import Path

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.protocol.trust_anchors import FileKind

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
