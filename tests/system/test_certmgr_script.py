"""The script of docs/certmgr.md renews tomcat; phones follow as the rehearsal says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.serving import (
    LAB,
    PUBLISHER,
    SUBSCRIBER,
    Served,
    admin,
    environment,
    lab_config,
    serving,
    tokenless,
)

PAGE = LAB.parents[1] / "docs" / "certmgr.md"
PASSWORD = "correct horse battery"
NEEDS = [name for name in ("curl", "awk", "sed") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(NEEDS), reason=f"not here: {', '.join(NEEDS)}")


def script(folder: Path) -> Path:
    """Write the script as the page has it."""
    found = re.search(r"```sh\n(#!/bin/sh.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if not line.startswith("#")]
    assert len(lines) <= 10
    path = folder / "renew.sh"
    path.write_text(found[1])
    return path


def renew(folder: Path, served: Served) -> dict[str, object]:
    """Run it; return the last answer."""
    more = {
        "NODE": f"https://{served.address(PUBLISHER, 'console')}",
        "LOGIN": f"alice:{PASSWORD}",
        "CA": "company",
    }
    done = subprocess.run(
        ["sh", str(script(folder))],
        cwd=folder,
        env=environment(folder) | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = re.search(r'\{"message":[^{]*"reusedFor".*\}', done.stdout)
    assert answer is not None, done.stdout
    return dict(json.loads(answer[0]))


def restart_tftp(folder: Path) -> None:
    for node in (PUBLISHER, SUBSCRIBER):
        admin(folder, "utils service restart Cisco Tftp", node=node)


def boot(folder: Path, served: Served, model: str, flash: str) -> dict[str, int]:
    tftp = ",".join(served.address(node) for node in (PUBLISHER, SUBSCRIBER))
    done = tokenless(
        folder,
        *("fleet", "boot", "--count", "3", "--model", model, "--flash", flash),
        *("--tftp", tftp, "--tftp-only", "--json"),
    )
    return dict(json.loads(done.stdout)["outcomes"])


def rehearsed(folder: Path) -> dict[str, str]:
    """Return what the rehearsal says of each group after the renewal."""
    done = tokenless(
        folder,
        *("rehearse", "run", "tomcat-renewal-reused@14", "--phones", "6", "--json"),
    )
    assert done.returncode == 0, done.stderr
    step = json.loads(done.stdout.splitlines()[1])
    assert step["title"].startswith("tomcat is renewed")
    groups = step["observed"]["groups"].items()
    return {name: "stuck" if each["refusals"] else "ok" for name, each in groups}


def test_the_fleet_follows_or_is_stuck_as_was_rehearsed(tmp_path: Path) -> None:
    config = lab_config(tmp_path)
    text = config.read_text().replace('"10.5(1)"', '"14SU3"')
    config.write_text(text + "\n[console]\nport = 0\n")
    with serving(tmp_path) as served:
        user = ("console", "user", "add", "alice", "--password", PASSWORD)
        assert tokenless(tmp_path, *user).returncode == 0
        assert tokenless(tmp_path, "ca", "init", "company").returncode == 0
        assert renew(tmp_path, served)["reusedFor"] == []
        reused = tokenless(tmp_path, "cert", "reuse", "CallManager")
        assert reused.returncode == 0, reused.stderr
        admin(tmp_path, "utils ctl set-cluster mixed-mode")
        restart_tftp(tmp_path)
        for model in ("8861", "Jabber"):
            assert boot(tmp_path, served, model, model) == {"ok": 3}
        answer = renew(tmp_path, served)
        assert answer["reusedFor"] == ["CallManager"]
        restart_tftp(tmp_path)
        came_of_it = {
            group: "ok"
            if boot(tmp_path, served, model, model) == {"ok": 3}
            else "stuck"
            for group, model in (("desk", "8861"), ("soft", "Jabber"))
        }
    assert came_of_it == {"desk": "ok", "soft": "stuck"}
    assert came_of_it == rehearsed(tmp_path)
