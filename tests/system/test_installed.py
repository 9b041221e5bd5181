"""The wheel in a project whose own packages are called as the folders here are."""

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

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


class Project:
    """A folder of somebody else, and an environment with the wheel."""

    def __init__(self, folder: Path, environment: Path) -> None:
        self.folder = folder
        self._programs = environment / "bin"

    def run(self, *command: str) -> str:
        """Run a program of the environment in the folder; return what it prints."""
        name, *arguments = command
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "TOKENLESS", "COV_"))
        }
        done = subprocess.run(
            [str(self._programs / name), *arguments],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


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
    return Project(folder, environment)


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
