"""A node that is served, backed up, lost and brought back: phones notice nothing."""

import json
import shutil
from pathlib import Path

from tests.system.serving import PUBLISHER, Served, admin, serving, tokenless


def boot(folder: Path, served: Served) -> dict[str, object]:
    where = ("--flash", "phone", "--tftp", served.address(PUBLISHER))
    done = tokenless(
        folder, "phone", "boot", "--device", "SEP001122334455", *where, "--json"
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_restored_node_is_trusted_by_its_phones(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        admin(tmp_path, "utils ctl set-cluster mixed-mode")
        admin(tmp_path, "utils service restart Cisco Tftp")
        assert boot(tmp_path, served)["outcome"] == "ok"
        done = tokenless(tmp_path, "backup", "kept.tar", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["has_database"]
        assert served.stop() == 0
    shutil.rmtree(tmp_path / "data")
    assert tokenless(tmp_path, "restore", "kept.tar").returncode == 0
    with serving(tmp_path) as served:
        again = boot(tmp_path, served)
        assert again["outcome"] == "ok"
        assert again["files"]["CTLFile.tlv"]["action"] == "unchanged"  # type: ignore[index]
    refused = tokenless(tmp_path, "restore", "kept.tar")
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
