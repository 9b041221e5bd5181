"""Who may import whom: the rings of docs/architecture.md, enforced."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.rigs.unmeasured import unmeasured

ROOT = Path(__file__).parents[1]
RINGS = ("protocol", "services", "phone_emulator")
NO_IO = frozenset(
    [
        "asyncio",
        "logging",
        "os",
        "pathlib",
        "select",
        "selectors",
        "socket",
        "sqlalchemy",
        "ssl",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "trio",
    ]
)
SERVICES, PHONES = OUTER = ("tokenless.services", "tokenless.phone_emulator")
MAY_DRIVE_SERVICES = ("rehearsal", "studio", "pytest_plugin")


@cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return frozenset(found)


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, "a folder that is not there would pass every test"
    return found


def trespasses(
    paths: list[Path], is_forbidden: Callable[[str], bool]
) -> list[tuple[str, str]]:
    """Return each import that its file may not have, with the file."""
    return [
        (str(path.relative_to(ROOT)), name)
        for path in paths
        for name in sorted(imports(path))
        if is_forbidden(name)
    ]


def root(name: str) -> str:
    return name.partition(".")[0]


def test_protocol_touches_nothing_outside() -> None:
    def is_forbidden(name: str) -> bool:
        return root(name) in NO_IO or name.startswith(OUTER)

    assert trespasses(files("protocol"), is_forbidden) == []


# What the X.509 libraries load for purposes of their own is not ours to change.
_LIBRARIES = ("asn1crypto.x509", "cryptography.x509")
_IMPORTS = """
import importlib, sys
libraries, modules = (each.split(",") for each in sys.argv[1:])
for name in filter(None, libraries):
    importlib.import_module(name)
before = set(sys.modules)
for name in modules:
    importlib.import_module(name)
print(*(set(sys.modules) - before))
"""


def loaded_by(modules: list[str], libraries: tuple[str, ...]) -> set[str]:
    """Return what a new process loads with modules, once libraries are there."""
    arguments = [",".join(libraries), ",".join(modules)]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *arguments],
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(done.stdout.split())


def test_the_pure_ring_loads_no_socket_and_no_thread() -> None:
    """Not through a library either: importing tftpy would bring all of them."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in files("protocol"))
    modules = [f"tokenless.{'.'.join(path.parts)}" for path in paths]
    modules = [name.removesuffix(".__init__") for name in modules]
    impure = {"logging", "select", "selectors", "socket", "ssl", "tftpy", "threading"}
    assert not loaded_by(modules, _LIBRARIES) & impure
    # The test sees what it looks for.
    assert impure - {"ssl"} <= loaded_by(["tftpy"], ())


def test_the_shared_floor_knows_no_ring_above_it() -> None:
    found = trespasses(
        files("src/tokenless/ground"), lambda name: name.startswith(OUTER)
    )
    assert found == []


def test_the_pure_ring_stands_below_the_shared_floor() -> None:
    def is_forbidden(name: str) -> bool:
        own = name.startswith("tokenless.")
        return own and not name.startswith("tokenless.protocol")

    assert trespasses(files("protocol"), is_forbidden) == []


def test_services_know_no_phone() -> None:
    assert trespasses(files("services"), lambda name: name.startswith(PHONES)) == []


def test_phones_know_no_service() -> None:
    paths = [path for path in files("phone_emulator") if not may_drive_services(path)]
    assert trespasses(paths, lambda name: name.startswith(SERVICES)) == []


def may_drive_services(path: Path) -> bool:
    inside = path.relative_to(ROOT / "phone_emulator").parts
    return any(part.removesuffix(".py") in MAY_DRIVE_SERVICES for part in inside)


def test_everything_has_the_name_of_the_project() -> None:
    """Installed, there is no `services`: it may be a package of somebody else."""
    paths = [path for ring in RINGS for path in files(ring)]
    assert trespasses(paths, lambda name: root(name) in RINGS) == []


def test_nothing_stands_behind_the_start_of_a_program() -> None:
    """With `python -m` it would not be there yet when the program runs."""
    folders = (*RINGS, "src/tokenless/ground", "tools", "benchmarks", "tests")
    behind = [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in files(folder)
        for node in ast.parse(path.read_text()).body[:-1]
        if isinstance(node, ast.If) and "__name__ ==" in ast.unparse(node.test)
    ]
    assert behind == []


def test_a_trespass_is_found() -> None:
    found = trespasses([Path(__file__)], lambda name: root(name) == "graphlib")
    assert found == [("tests/test_layering.py", "graphlib")]


def rooms(ring: str) -> dict[str, set[str]]:
    """Return what each package or module at the top of a folder imports of its own."""
    package = f"tokenless.{ring.replace('/', '.')}."
    found: dict[str, set[str]] = {}
    for path in files(ring):
        room = path.relative_to(ROOT / ring).parts[0].removesuffix(".py")
        own = {name for name in imports(path) if name.startswith(package)}
        found.setdefault(room, set()).update(
            name.removeprefix(package).partition(".")[0] for name in own
        )
        found[room].discard(room)
    return found


@pytest.mark.parametrize("ring", [*RINGS, "phone_emulator/rehearsal"])
def test_rooms_stand_on_floors(ring: str) -> None:
    """No room imports one that, by whatever way, imports it."""
    graphlib.TopologicalSorter(rooms(ring)).prepare()
