"""A cluster in mixed mode on hosts of its own; it is made once a run.

A test begins where the one before it has ended, if all agreed there
(`check_agreement`); else the next one sets a new scene.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.postgresql import copy_data, require_postgresql
from tests.system.hosts.agreement import check_agreement
from tests.system.hosts.network import require_namespaces
from tests.system.hosts.scene import Scene, found_cluster, scene

_LONGEST_S = 900
MakeScene = Callable[[Mapping[str, float]], Scene]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a cluster and its phones keep, put away."""

    hosts: Path
    database: Path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Make a cluster in mixed mode whose phones hold its lists; put it away."""
    require_namespaces()
    require_postgresql()
    hosts = tmp_path_factory.mktemp("hosts")
    kept = Path(tempfile.mkdtemp(prefix="prepared-"))
    try:
        with scene(hosts) as founded:
            found_cluster(founded)
            founded.serve()
            founded.publisher.shell("utils ctl set-cluster mixed-mode")
            founded.restart_tftp()
            founded.boot()
            check_agreement(founded)
            for node in founded.nodes:
                node.stop()
            founded.database.stop("fast")
            copy_data(founded.database.data, kept / "data")
        yield Prepared(hosts, kept / "data")
    finally:
        _STAGE.clear()  # where the run was broken off
        shutil.rmtree(kept)


@contextmanager
def _set(
    prepared: Prepared, folder: Path, delays_s: Mapping[str, float]
) -> Iterator[Scene]:
    shutil.copytree(prepared.hosts, folder)
    with scene(folder, database=prepared.database, delays_s=delays_s) as made:
        made.serve()
        yield made


@pytest.fixture
def make_scene(prepared: Prepared, tmp_path: Path) -> Iterator[MakeScene]:
    """Return what sets a scene of the test's own, with cables of some length."""
    with ExitStack() as stack:
        yield lambda delays_s: stack.enter_context(
            _set(prepared, tmp_path / "hosts", delays_s)
        )


class _Stage:
    """Where tests play one after the other, on the same scene as long as it lasts."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._scene: Scene | None = None

    def scene(self, prepared: Prepared, folder: Path) -> Scene:
        """Return the scene of the last test, if all agreed in the end; else a new one.

        Args:
            prepared: What a new one begins with.
            folder: Where it keeps its data.
        """
        if self._scene is None or not self._scene.agrees:
            self.clear()
            self._scene = self._stack.enter_context(_set(prepared, folder, {}))
        self._scene.begin()
        return self._scene

    def clear(self) -> None:
        """End the scene."""
        self._scene = None
        self._stack.close()


_STAGE: Final = _Stage()


@pytest.fixture(name="scene")
def _scene(prepared: Prepared, tmp_path: Path) -> Scene:
    """Set the scene: the cluster serves, and every phone holds its lists."""
    return _STAGE.scene(prepared, tmp_path / "hosts")


@pytest.fixture
def new_scene(prepared: Prepared, tmp_path: Path) -> Scene:
    """Set the scene, where nothing has happened yet."""
    _STAGE.clear()
    return _STAGE.scene(prepared, tmp_path / "hosts")


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the scene when no other test of this folder comes."""
    if nextitem is None or nextitem.path.parent != Path(__file__).parent:
        _STAGE.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests time: each starts some fifty processes, one by one."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_LONGEST_S))
