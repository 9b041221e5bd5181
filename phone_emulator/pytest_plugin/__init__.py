"""Fixtures that put emulated phones and a real cluster into other projects' tests.

    def test_our_change(tokenless_cluster, tokenless_phone, tokenless_fleet): …

docs/in-your-tests.md shows them at work. pytest finds this module by its entry point;
what it needs is imported when a test asks for it, so that other test suites start no
slower.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tokenless.phone_emulator.pytest_plugin.cluster import ClusterUnderTest
    from tokenless.phone_emulator.pytest_plugin.configuration import LabConfig
    from tokenless.phone_emulator.pytest_plugin.failures import Evidence
    from tokenless.phone_emulator.pytest_plugin.lab import (
        LabCluster,
        LabFleet,
        LabPhone,
    )
    from tokenless.phone_emulator.pytest_plugin.shared import SharedLabs

_EVIDENCE: "pytest.StashKey[Evidence]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name a cluster which runs elsewhere."""
    group = parser.getgroup("tokenless", "tokenless: phones and clusters")
    group.addoption(
        "--tokenless-tftp",
        metavar="[NODE=]HOST[:PORT],…",
        help="Use the cluster with these TFTP servers, the publisher's first, instead "
        "of starting one.",
    )
    group.addoption(
        "--tokenless-exec",
        metavar="COMMAND",
        help="How to run a command on a node of that cluster: 'podman exec -i {node}', "
        "'ssh {host}'.",
    )
    parser.addini(
        "tokenless_scope",
        "function: tokenless_cluster is new for each test; session: one cluster, put "
        "back before each test",
        default="function",
    )


@pytest.fixture(scope="session")
def tokenless_config() -> "LabConfig":
    """The cluster's configuration; override it to have another than the lab's.

    A TOML file, or tables that are laid over the lab's.
    """
    return None


@pytest.fixture
def tokenless_cluster(
    request: pytest.FixtureRequest, tmp_path: Path
) -> "Iterator[ClusterUnderTest]":
    """A cluster of two nodes that serves on loopback, as new for each test.

    With `tokenless_scope = session` the tests share one, which is put back before each.
    With `--tokenless-tftp` it is the one that runs there, as the last test left it.
    """
    from tokenless.phone_emulator.pytest_plugin.failures import (  # noqa: PLC0415
        Evidence,
    )

    external = _external(request.config)
    if external is not None:
        request.node.stash[_EVIDENCE] = Evidence(external, tmp_path)
        yield external
        return
    config = request.getfixturevalue("tokenless_config")
    if _is_shared(request.config):
        cluster = request.getfixturevalue("_tokenless_labs").lab(config)
        request.node.stash[_EVIDENCE] = Evidence(cluster, tmp_path)
        yield cluster
        return
    from tokenless.phone_emulator.pytest_plugin.lab import running_lab  # noqa: PLC0415

    with running_lab(config) as cluster:
        request.node.stash[_EVIDENCE] = Evidence(cluster, tmp_path)
        yield cluster


@pytest.fixture(scope="session")
def _tokenless_labs() -> "Iterator[SharedLabs]":
    from tokenless.phone_emulator.pytest_plugin.shared import (  # noqa: PLC0415
        SharedLabs,
    )

    with SharedLabs() as labs:
        yield labs


def _is_shared(config: pytest.Config) -> bool:
    scope = config.getini("tokenless_scope")
    if scope not in {"function", "session"}:
        raise pytest.UsageError(
            f"tokenless_scope is function or session, not {scope!r}"
        )
    return bool(scope == "session")


def _external(config: pytest.Config) -> "ClusterUnderTest | None":
    tftp, reach = config.getoption("tokenless_tftp"), config.getoption("tokenless_exec")
    if tftp is None:
        if reach is not None:
            raise pytest.UsageError("--tokenless-exec needs --tokenless-tftp")
        return None
    from tokenless.phone_emulator.pytest_plugin.external import (  # noqa: PLC0415
        ExternalCluster,
    )

    return ExternalCluster.of(tftp, reach)


@pytest.fixture
def tokenless_phone(
    tokenless_cluster: "LabCluster", tmp_path: Path
) -> "Callable[..., LabPhone]":
    """A function that makes phones of the cluster: `tokenless_phone(model="8861")`."""
    from tokenless.phone_emulator.pytest_plugin.failures import (  # noqa: PLC0415
        PHONES_FOLDER,
    )
    from tokenless.phone_emulator.pytest_plugin.phones import (  # noqa: PLC0415
        PhoneMaker,
    )

    return PhoneMaker(tokenless_cluster, tmp_path / PHONES_FOLDER)


@pytest.fixture
def tokenless_fleet(
    tokenless_cluster: "LabCluster", tmp_path: Path
) -> "Callable[..., LabFleet]":
    """A function that makes fleets of the cluster: `tokenless_fleet(count=100)`."""
    from tokenless.phone_emulator.pytest_plugin.phones import (  # noqa: PLC0415
        FleetMaker,
    )

    return FleetMaker(tokenless_cluster, tmp_path / "tokenless-fleets")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Attach the logs of nodes and phones to the report of a test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    evidence = item.stash.get(_EVIDENCE, None)
    if report.failed and evidence is not None:
        report.sections.extend(evidence.sections())
