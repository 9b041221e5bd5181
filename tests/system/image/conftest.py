"""The image, built once for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.outside import Project, make_project
from tests.system.image.docker import Docker, running_docker
from tests.system.image.engine import (
    IMAGE,
    OFFICIAL_BASE,
    POSTGRES,
    ROOT,
    Engine,
    NamespacedEngine,
    running_engine,
)
from tests.system.image.stack import Stack


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(Path(tmp_path_factory.mktemp("engine"))) as engine:
        engine.make_base()
        yield engine


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the image is built from: nobody changes it between two builds."""
    folder = Path(tmp_path_factory.mktemp("source"))
    for name in ("Dockerfile", ".dockerignore", *_sent()):
        here, there = ROOT / name, folder / name
        there.parent.mkdir(exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(here, there)
    return folder


def _sent() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


@pytest.fixture(scope="session")
def image(engine: Engine, source: Path) -> str:
    engine.build(IMAGE, source)
    return IMAGE


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project of somebody else, with tests of the four flows."""
    return make_project(tmp_path).with_outside_tests(tmp_path / "outside")


@pytest.fixture(scope="session")
def postgres(engine: Engine, image: str) -> str:
    assert image
    context = ROOT / "tests/system/image/postgres"
    engine.build(POSTGRES, context, f"--build-arg=BASE={OFFICIAL_BASE}")
    return POSTGRES


@pytest.fixture(scope="session")
def docker(
    engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Docker]:
    """Return Docker's engine, which has the image under both of its names."""
    with running_docker(Path(tmp_path_factory.mktemp("docker"))) as docker:
        docker.take(engine, [image])
        docker.run("docker", "tag", image, "tokenless")
        yield docker


@pytest.fixture(scope="module", params=["podman", "docker"])
def host(
    request: pytest.FixtureRequest, engine: Engine, image: str
) -> NamespacedEngine:
    """Return an engine that has the image."""
    assert image
    if request.param == "podman":
        return engine
    docker: Docker = request.getfixturevalue("docker")
    return docker


@pytest.fixture(scope="module")
def stack(
    host: NamespacedEngine,
    engine: Engine,
    postgres: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Return a folder with compose.yaml; nothing is up."""
    if isinstance(host, Docker):
        host.take(engine, [postgres])
    stack = Stack(host, tmp_path_factory.mktemp("stack"))
    yield stack
    stack.compose("down --volumes", check=False)
