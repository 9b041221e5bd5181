"""The wheel in a project whose own packages are called as the folders here are."""

import json
import os
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import httpx
import pytest
import trio

ROOT: Final = Path(__file__).parents[2]
# What a user installs with the wheel; here it lies in this environment already.
LIBRARIES: Final = Path(trio.__file__).parents[1]
PACKAGES: Final = ("services", "protocol", "phone_emulator", "tests")
TEST: Final = """
import phone_emulator, protocol, services


def test_a_phone_and_a_fleet(tokenless_cluster, tokenless_phone, tokenless_fleet):
    assert {phone_emulator.MINE, protocol.MINE, services.MINE} == {True}
    tokenless_cluster.admin("utils ctl set-cluster mixed-mode")
    assert tokenless_phone(model="7975").boot().outcome == "ok"
    assert tokenless_fleet(count=2).boot().stuck == []
"""


PAGES: Final = ("/", "/cmplatform/certificates", "/ccmservice/control-center", "/cli")
PASSWORD: Final = "correct horse battery"


class Project:
    """A folder of somebody else, and an environment with the wheel."""

    def __init__(self, folder: Path, environment: Path, wheel: Path) -> None:
        self.folder = folder
        self.wheel = wheel
        self._programs = environment / "bin"

    def run(self, *command: str) -> str:
        """Run a program of the environment in the folder; return what it prints."""
        name, *arguments = command
        done = subprocess.run(
            [str(self._programs / name), *arguments],
            cwd=self.folder,
            env=self._variables(),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *options: str) -> Iterator[dict[str, Any]]:
        """Run `tokenless serve`; yield what it says of its last socket."""
        with subprocess.Popen(
            [str(self._programs / "tokenless"), "serve", *options],
            cwd=self.folder,
            env=self._variables(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                socket: dict[str, Any] = {}
                for line in process.stdout:
                    event = json.loads(line)
                    if event["event"] == "serving":
                        break
                    socket = event
                yield socket
            finally:
                process.send_signal(signal.SIGTERM)

    def _variables(self) -> dict[str, str]:
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "TOKENLESS", "COV_"))
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    home = tmp_path_factory.mktemp("elsewhere")
    wheel = build_wheel(home / "dist")
    environment = home / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    install(python, wheel)
    folder = home / "project"
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("MINE = True\n")
    (folder / "tests" / "test_change.py").write_text(TEST)
    return Project(folder, environment, wheel)


def build_wheel(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(python: Path, wheel: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        timeout=120,
    )
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{LIBRARIES}\n")


def test_nothing_but_one_package_is_installed(project: Project) -> None:
    words = "import tokenless.services as s, services; print(s.__file__, services.MINE)"
    place, mine = project.run("python", "-c", words).split()
    assert "site-packages/tokenless/services" in place
    assert mine == "True"


def test_the_fixtures_boot_phones(project: Project) -> None:
    said = project.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "1 passed" in said


@pytest.mark.parametrize(
    "command",
    [("demo", "--phones", "2"), ("rehearse", "run", "four-flows", "--phones", "2")],
)
def test_commands_run_there(project: Project, command: tuple[str, ...]) -> None:
    assert "SAFE" in project.run("tokenless", *command)


def shipped() -> set[str]:
    """Return what belongs into the wheel: all files of the package's folders."""
    package = ROOT / "src" / "tokenless"
    rooms = [package / "ground", ROOT / "configs" / "rehearsals"]
    rooms += [ROOT / name for name in PACKAGES if name != "tests"]
    files = [*package.glob("*.*"), ROOT / "configs" / "lab.toml"]
    files += [file for room in rooms for file in room.rglob("*") if file.is_file()]
    return {
        f"tokenless/{file.relative_to(package if package in file.parents else ROOT)}"
        for file in files
        if "__pycache__" not in file.parts
    }


def test_the_wheel_has_the_code_and_what_it_reads_and_nothing_else(
    project: Project,
) -> None:
    with ZipFile(project.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        readme = archive.read(metadata).decode()
    assert names == shipped()
    for kind in ("console/templates/", "console/static/", "reports/report.css"):
        assert any(kind in name for name in names)
    assert "# " in readme.partition("\n\n")[2], "README.md is the description"


def test_the_console_is_served_from_the_wheel(project: Project) -> None:
    (project.folder / "lab.toml").write_text(
        f"{(ROOT / 'configs' / 'lab.toml').read_text()}\n[console]\nport = 0\n"
    )
    place = ("--data", "data", "--config", "lab.toml")
    project.run("tokenless", "init", *place)
    user = ("user", "add", "alice", "--role", "change", "--password", PASSWORD)
    project.run("tokenless", "console", *user, *place)
    with (
        project.serving("--only", "console", *place) as socket,
        httpx.Client(
            base_url=f"https://{socket['address']}:{socket['port']}",
            verify=False,  # noqa: S501  # the lab's certificate is nobody's
            follow_redirects=True,
        ) as browser,
    ):
        csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/sign-in").text)
        assert csrf is not None
        fields = {"name": "alice", "password": PASSWORD, "csrf": csrf.group(1)}
        assert browser.post("/sign-in", data=fields).status_code == httpx.codes.OK
        for path in PAGES:
            assert "Sign out" in browser.get(path).text, path
        for file in (ROOT / "services" / "console" / "static").iterdir():
            if file.suffix != ".txt":
                served = browser.get(f"/static/{file.name}")
                assert served.content == file.read_bytes(), file.name
