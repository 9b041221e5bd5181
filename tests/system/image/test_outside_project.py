"""Tests of another project whose clusters are containers of the image."""

import re
import sys
from pathlib import Path

import pytest

from tests.rigs.outside import ROOT, Project, make_project
from tests.rigs.waiting import wait_until
from tests.system.image.engine import IMAGE, Engine

pytestmark = pytest.mark.timeout(900)

PAGE = (ROOT / "docs" / "in-your-tests.md").read_text()
IN_CONTAINERS = ("-n", "2", f"--tokenless-image={IMAGE}", "--tokenless-engine=podman")


@pytest.fixture
def project(image: str, tmp_path: Path) -> Project:
    assert image
    return make_project(tmp_path).with_outside_tests(tmp_path / "outside")


def left(engine: Engine) -> str:
    containers = engine.podman("ps", "--all", "--format={{.Names}}")
    return containers + engine.podman("volume", "ls", "--quiet")


def test_all_flows_in_containers(
    engine: Engine, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = engine.run(*project.pytest(*IN_CONTAINERS, "--durations=20"))
    with capsys.disabled():
        sys.stdout.write(said)
    assert "9 passed" in said
    assert left(engine) == ""


def test_the_example_of_the_page(engine: Engine, project: Project) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (example,) = [each for each in code if "def test_in_containers(" in each]
    (project.folder / "tests" / "test_page.py").write_text(example)
    assert "1 passed" in engine.run(*project.pytest("tests/test_page.py"))
    assert left(engine) == ""


def test_nothing_is_left_of_tests_that_are_killed(
    engine: Engine, project: Project
) -> None:
    """The container of a node may just be made when it happens."""
    with engine.started(*project.pytest(*IN_CONTAINERS)) as tests:
        wait_until(lambda: "-pub" in left(engine))
        tests.kill()
    wait_until(lambda: left(engine) == "")


def test_an_image_that_is_not_there(engine: Engine, project: Project) -> None:
    options = ("--tokenless-image=localhost/nothing", "tests/test_phones.py", "-x")
    said = engine.run(*project.pytest(*options), check=False)
    assert "podman image: Error: " in said
    assert left(engine) == ""
