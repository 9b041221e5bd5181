"""A cluster of the lab for each test; its keys are made once a run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cluster.cluster import Cluster
from services.config import load_config
from tests.clock import Clock

LAB = Path(__file__).parents[2] / "configs/lab.toml"


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder that nobody changes."""
    folder = tmp_path_factory.mktemp("lab") / "data"
    Cluster.open(folder, load_config(LAB), clock=Clock()).close()
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lab(lab_folder: Path, tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    """Return a cluster that the test may change."""
    data = tmp_path / "data"
    shutil.copytree(lab_folder, data)
    cluster = Cluster.open(data, clock=clock)
    yield cluster
    cluster.close()
