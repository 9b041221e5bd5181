"""The folder of a lab's CA: whole, or not there."""

import errno
from pathlib import Path

import pytest

from tokenless.services.pki import lab_ca
from tokenless.services.pki.lab_ca import CaKind, LabCa


def test_what_fails_half_way_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said then that the folder is not empty, with keys in it that no CA had."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "a" / "ca"
    with monkeypatch.context() as patched:
        patched.setattr(lab_ca, "replace_file", fail)
        with pytest.raises(OSError, match="No space") as caught:
            LabCa.create(folder, "Example", CaKind.COMPANY, None, 1_700_000_000)
    assert caught.value.filename == str(folder)
    assert list(folder.parent.iterdir()) == []
    LabCa.create(folder, "Example", CaKind.COMPANY, None, 1_700_000_000)
    assert LabCa.open(folder).kind is CaKind.COMPANY
