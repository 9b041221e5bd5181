"""A cluster in mixed mode on hosts of its own, for each test; it is made once a run."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

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
        shutil.rmtree(kept)


@pytest.fixture
def make_scene(prepared: Prepared, tmp_path: Path) -> Iterator[MakeScene]:
    """Return what sets the scene, with cables of some length."""
    with ExitStack() as stack:

        def make(delays_s: Mapping[str, float]) -> Scene:
            hosts = tmp_path / "hosts"
            shutil.copytree(prepared.hosts, hosts)
            made = stack.enter_context(
                scene(hosts, database=prepared.database, delays_s=delays_s)
            )
            made.serve()
            return made

        yield make


@pytest.fixture(name="scene")
def _scene(make_scene: MakeScene) -> Scene:
    """Set the scene: the cluster serves, and every phone holds its lists."""
    return make_scene({})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests time: each starts some fifty processes, one by one."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_LONGEST_S))
