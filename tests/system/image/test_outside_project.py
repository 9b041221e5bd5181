"""Tests of another project whose clusters are containers of the image.

docs/in-your-tests.md, under podman and Docker. Part of `make image`.
"""

import re
import sys

import pytest

from tests.rigs.outside import ROOT, Project
from tests.rigs.waiting import wait_until
from tests.system.image.engine import IMAGE, NamespacedEngine

pytestmark = pytest.mark.timeout(900)

PAGE = (ROOT / "docs" / "in-your-tests.md").read_text()


def in_containers(host: NamespacedEngine) -> tuple[str, ...]:
    return (
        "-n",
        "2",
        f"--tokenless-image={IMAGE}",
        f"--tokenless-engine={host.program}",
    )


def left(host: NamespacedEngine) -> str:
    containers = host.run(host.program, "ps", "--all", "--format={{.Names}}")
    return containers + host.run(host.program, "volume", "ls", "--quiet")


def test_all_flows_in_containers(
    host: NamespacedEngine, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = host.run(*project.pytest(*in_containers(host), "--durations=20"))
    with capsys.disabled():
        sys.stdout.write(said)
    assert "9 passed" in said
    assert left(host) == ""


def test_the_example_of_the_page(host: NamespacedEngine, project: Project) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (example,) = [each for each in code if "def test_in_containers(" in each]
    (project.folder / "tests" / "test_page.py").write_text(example)
    command = project.pytest("tests/test_page.py", TOKENLESS_ENGINE=host.program)
    assert "1 passed" in host.run(*command)
    assert left(host) == ""


def test_nothing_is_left_of_tests_that_are_killed(
    host: NamespacedEngine, project: Project
) -> None:
    """The container of a node may just be made when it happens."""
    with host.started(*project.pytest(*in_containers(host))) as tests:
        wait_until(lambda: "-pub" in left(host))
        tests.kill()
    wait_until(lambda: left(host) == "")


def test_an_image_that_is_not_there(host: NamespacedEngine, project: Project) -> None:
    image = "--tokenless-image=localhost/nothing"
    options = (image, f"--tokenless-engine={host.program}")
    command = project.pytest(*options, "tests/test_phones.py", "-x")
    assert f"{host.program} image: Error" in host.run(*command, check=False)
    assert left(host) == ""
