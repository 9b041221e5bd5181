"""The image, built once for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.image.docker import Docker, running_docker
from tests.system.image.engine import IMAGE, ROOT, Engine, running_engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(Path(tmp_path_factory.mktemp("engine"))) as engine:
        engine.make_base()
        yield engine


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with running_docker(Path(tmp_path_factory.mktemp("docker"))) as docker:
        yield docker


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
