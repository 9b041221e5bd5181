"""docs/nine-nodes.md, typed as it stands, with fewer phones."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rigs.warm_start import warm_commands

PAGE = Path(__file__).parents[2] / "docs" / "nine-nodes.md"
PHONES = 16

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="there is no openssl"
)


def test_the_walk_does_what_its_page_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = f"{warm_commands()}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", "".join(blocks)],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "PHONES": str(PHONES)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.count(": OK") == 1 + 9 + 2, "openssl verifies every certificate"
    assert f"SAFE: none of {PHONES} phones is stuck" in said
    assert "as expected: every expectation holds" in said
    assert "let a CA renew CallManager for all nodes" in said
    assert said.count("cert sign CallManager") == 1
    assert "no error" in said
    script = (tmp_path / "ours.toml").read_text()
    assert "# The same anchors" in script
    assert script.count("[[groups]]") == 8
