"""A served lab with a console and a browser, one for the flows in a module."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rigs.peers import require
from tests.system.console.browser import CHROMIUM, DRIVER, Browser, browsing
from tests.system.serving import PUBLISHER, Served, lab_config, serving, tokenless

PASSWORD = "correct horse battery"


@dataclass
class Lab:
    """A cluster that is served, its folder, and a browser at its console."""

    folder: Path
    served: Served
    browser: Browser

    def run(self, *words: str) -> str:
        done = tokenless(self.folder, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve the lab with two tokens and two users; sign alice in."""
    require(str(CHROMIUM))
    require(str(DRIVER))
    folder = tmp_path_factory.mktemp("console")
    with lab_config(folder).open("a") as config:
        config.write("\n[console]\nport = 0\n")
    for name, role in (("alice", "change"), ("ray", "read")):
        if name == "alice":
            assert tokenless(folder, "init").returncode == 0
        done = tokenless(
            folder,
            "console",
            "user",
            "add",
            name,
            f"--role={role}",
            f"--password={PASSWORD}",
        )
        assert done.returncode == 0, done.stderr
    for name in ("SAST-ADN008580ef", "SAST-ADN0054f509"):
        assert tokenless(folder, "token", "create", name).returncode == 0
    with serving(folder) as served:
        base = f"https://{served.address(PUBLISHER, 'console')}"
        with browsing(base, folder) as browser:
            browser.sign_in("alice", PASSWORD)
            yield Lab(folder, served, browser)
