"""The wheel in a project whose own packages are called as the folders here are."""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import httpx
import pytest

from tests.rigs.outside import ROOT, Project, build, build_wheel, make_project
from tests.rigs.waiting import wait_until
from tools import compiled

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("elsewhere"))
    for name in PACKAGES:
        (made.folder / name).mkdir()
        (made.folder / name / "__init__.py").write_text("MINE = True\n")
    (made.folder / "tests" / "test_change.py").write_text(TEST)
    return made


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
    [
        ("demo", "--phones", "2"),
        ("rehearse", "run", "hostname-one-node", "--phones", "2"),
    ],
)
def test_commands_run_there(project: Project, command: tuple[str, ...]) -> None:
    assert "SAFE" in project.run("tokenless", *command)


@pytest.fixture
def outside(project: Project, tmp_path: Path) -> Project:
    """Another project: its services, its asynchronous tests of all flows."""
    return project.with_outside_tests(tmp_path / "outside")


IN_PARALLEL: Final = ("-m", "pytest", "-q", "-n", "2", "--random-order")


@pytest.mark.timeout(900)  # four nodes and two workers, on a machine that is busy
def test_a_project_tests_all_flows_in_parallel_and_in_any_order(
    outside: Project,
) -> None:
    said = outside.run("python", *IN_PARALLEL, "--durations=20")
    print(said)  # noqa: T201  # how long each took, to look at (-rA)
    assert "9 passed" in said


def test_nothing_is_left_of_tests_that_are_killed(
    outside: Project, tmp_path: Path
) -> None:
    """The controller is killed while its workers' clusters run tests."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with outside.started("python", *IN_PARALLEL, TMPDIR=str(scratch)) as tests:
        wait_until(lambda: len([*scratch.glob("tokenless-*/lab/nodes/*")]) == 4)
        assert processes_in(scratch)
        tests.kill()
    wait_until(lambda: not processes_in(scratch))
    wait_until(lambda: not [*scratch.glob("tokenless-*")])


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of processes whose temporary files are in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"TMPDIR={folder}".encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_text().replace("\0", " "))
    return found


def shipped() -> set[str]:
    """Return what belongs into the wheel: all files of the package's folders."""
    package = ROOT / "src" / "tokenless"
    rooms = [package / "ground", ROOT / "configs" / "rehearsals"]
    rooms += [ROOT / name for name in PACKAGES if name != "tests"]
    files = [*package.glob("*.*"), ROOT / "configs" / "lab.toml"]
    files += [file for room in rooms for file in room.rglob("*") if file.is_file()]
    # `make compiled` puts extensions beside the sources; this wheel is Python only.
    made = {each.resolve() for each in compiled.extensions()}
    return {
        f"tokenless/{file.relative_to(package if package in file.parents else ROOT)}"
        for file in files
        if "__pycache__" not in file.parts and file.resolve() not in made
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


def test_the_archive_of_sources_gives_the_same_wheel(
    project: Project, tmp_path: Path
) -> None:
    """`pip install` of it builds the wheel from what is in it: it has no links."""
    build("sdist", tmp_path / "dist")
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    (sources,) = tmp_path.glob("tokenless-*")
    wheel = build_wheel(tmp_path / "wheel", sources)
    with ZipFile(project.wheel) as ours, ZipFile(wheel) as theirs:
        assert theirs.namelist() == ours.namelist()
        assert [each.CRC for each in theirs.infolist()] == [
            each.CRC for each in ours.infolist()
        ]


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
