"""Run `tokenless` as typed, on a cluster or in a folder with the lab's files."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs import lists, minting
from tests.services.cli.answers import Tokenless
from tests.services.conftest import LAB
from tokenless.services.cli.main import main
from tokenless.services.cluster.cluster import Cluster

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Run:
    """Run `tokenless file` in this process, through the front door."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tokenless", "file", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfdbinary.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, out.decode(), err.decode()

    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the lab's lists, certificates and keys."""
    (tmp_path / "CTLFile.tlv").write_bytes(lists.tokenless().data)
    (tmp_path / "new.tlv").write_bytes(lists.tokenless(2048).data)
    (tmp_path / "token.tlv").write_bytes(lists.client_form(secure=True).data)
    for name, identity in {
        "pub": minting.server(),
        "sub": minting.server(minting.SUBSCRIBER),
        "capf": minting.capf(),
        "token": minting.token(),
        "other": minting.token("SAST-ADN0054f509        "),
        "impostor": minting.impostor(),
    }.items():
        (tmp_path / f"{name}.pem").write_bytes(identity.certificate_pem)
        (tmp_path / f"{name}.key").write_bytes(identity.key_pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of a cluster that was made today; nobody changes it."""
    folder = tmp_path_factory.mktemp("made") / "data"
    Cluster.open(folder, LAB).close()
    return folder


@pytest.fixture
def tokenless(
    made_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Tokenless:
    """Run the command line in this process, on a cluster of the test's own.

    The folder is there before the first command, unless the test has put one there.
    """
    data = tmp_path / "data"
    monkeypatch.setenv("TOKENLESS_DATA", str(data))
    monkeypatch.setenv("TOKENLESS_CONFIG", str(LAB))
    monkeypatch.chdir(tmp_path)

    def call(line: str, *more: str) -> tuple[int, str, str]:
        if not data.exists():
            shutil.copytree(made_folder, data)
        monkeypatch.setattr(sys, "argv", ["tokenless", *line.split(), *more])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfdbinary.readouterr()
        assert isinstance(stop.value.code, int)
        assert "Traceback" not in err.decode()
        return stop.value.code, out.decode(errors="replace"), err.decode()

    return call
