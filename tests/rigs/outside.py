"""A project of somebody else: an environment with the wheel, and a folder of theirs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import trio

ROOT: Final = Path(__file__).parents[2]
# What a user installs with the wheel; here it lies in this environment already.
LIBRARIES: Final = Path(trio.__file__).parents[1]
_PATIENCE_S: Final = 800
OUTSIDE: Final = ROOT / "tests" / "system" / "outside_project"


class Project:
    """A folder of somebody else, and an environment with the wheel."""

    def __init__(self, folder: Path, environment: Path, wheel: Path) -> None:
        self.folder = folder
        self.environment = environment
        self.wheel = wheel
        self._programs = environment / "bin"

    def run(self, *command: str) -> str:
        """Run a program of the environment in the folder; return what it prints."""
        name, *arguments = command
        done = subprocess.run(
            [str(self._programs / name), *arguments],
            cwd=self.folder,
            env=_variables(),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
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
            env=_variables(),
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

    @contextmanager
    def started(
        self, name: str, *arguments: str, **variables: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program of the environment in the folder; kill it in the end."""
        with subprocess.Popen(
            [str(self._programs / name), *arguments],
            cwd=self.folder,
            env=_variables() | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def pytest(self, *options: str, **variables: str) -> list[str]:
        """Return the command that runs the folder's tests, from wherever it is run."""
        given = [f"{name}={value}" for name, value in variables.items()]
        hidden = [f"--unset={name}" for name in os.environ if name not in _variables()]
        python = str(self._programs / "python")
        quiet = ("-q", "-p", "no:cacheprovider")
        place = f"--chdir={self.folder}"
        return ["env", place, *hidden, *given, python, "-m", "pytest", *quiet, *options]

    def with_outside_tests(self, folder: Path) -> "Project":
        """Copy a project that tests the four flows; it has the same environment."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(OUTSIDE, folder, ignore=ignored)
        return Project(folder, self.environment, self.wheel)


def make_project(home: Path) -> Project:
    """Build the wheel and install it in a new environment, beside an empty folder."""
    wheel = build_wheel(home / "dist")
    environment = home / "environment"
    venv.create(environment, with_pip=False)
    install(environment / "bin" / "python", wheel)
    (home / "project").mkdir()
    return Project(home / "project", environment, wheel)


def build_wheel(folder: Path, sources: Path = ROOT) -> Path:
    build("wheel", folder, sources)
    (wheel,) = folder.glob("*.whl")
    return wheel


def build(target: str, folder: Path, sources: Path = ROOT) -> None:
    """Build "wheel" or "sdist" from sources into a folder."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=sources,
        check=True,
        capture_output=True,
        timeout=120,
    )


def install(python: Path, wheel: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        timeout=120,
    )
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{LIBRARIES}\n")


def _variables() -> dict[str, str]:
    """Return the environment without what is about these tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "TOKENLESS", "COV_"))
    }
