"""The folder of a lab's CA: whole, or not there."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tokenless.services.errors import ServiceError
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


def modes_of(folder: Path) -> dict[str, int]:
    return {
        str(each.relative_to(folder)): each.stat().st_mode & 0o777
        for each in folder.rglob("*")
    }


def test_an_empty_folder_becomes_a_ca_as_a_new_one_does(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
            folder.chmod(0o777)
        LabCa.create(folder, "Example", CaKind.COMPANY, None, 1_700_000_000)
    assert modes_of(tmp_path / "empty") == modes_of(tmp_path / "new")
    assert modes_of(tmp_path / "empty")["keys"] == 0o700
    assert (tmp_path / "empty").stat().st_mode & 0o022 == 0
    with pytest.raises(ServiceError, match="is not empty"):
        LabCa.create(tmp_path / "empty", "Example", CaKind.COMPANY, None, 1_700_000_000)


def test_what_fails_half_way_leaves_an_empty_folder_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if target.parent == tmp_path and target.name == "ca.json":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space") as caught:
            LabCa.create(tmp_path, "Example", CaKind.COMPANY, None, 1_700_000_000)
    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_mounted_there_becomes_a_ca(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    tokenless = f"{sys.executable} -m tokenless ca"
    line = (
        f"mount -t tmpfs none {tmp_path}/ca && {tokenless} init {tmp_path}/ca"
        f" && ls -A {tmp_path}/ca && stat -c %a {tmp_path}/ca/keys"
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    listed = done.stdout.splitlines()[-5:]
    assert listed == ["ca.json", "intermediate.pem", "keys", "root.pem", "700"]
