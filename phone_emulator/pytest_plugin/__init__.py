"""Fixtures that put emulated phones and a real cluster into other projects' tests.

    def test_our_change(tokenless_cluster, tokenless_phone, tokenless_fleet): …

docs/in-your-tests.md shows them at work. pytest finds this module by its entry point;
what it needs is imported when a test asks for it, so that other test suites start no
slower.
"""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tokenless.phone_emulator.pytest_plugin.cluster import ClusterUnderTest
    from tokenless.phone_emulator.pytest_plugin.configuration import LabConfig
    from tokenless.phone_emulator.pytest_plugin.external import ExternalCluster
    from tokenless.phone_emulator.pytest_plugin.failures import Evidence
    from tokenless.phone_emulator.pytest_plugin.lab import (
        LabCluster,
        LabFleet,
        LabPhone,
    )
    from tokenless.phone_emulator.pytest_plugin.shared import (
        SharedContainers,
        SharedLabs,
    )

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
    group.addoption(
        "--tokenless-image",
        metavar="IMAGE",
        help="Start clusters as containers of this image instead of processes.",
    )
    group.addoption(
        "--tokenless-engine",
        metavar="PROGRAM",
        help="What runs them: podman or docker; default: TOKENLESS_ENGINE, or what is "
        "installed.",
    )
    parser.addini(
        "tokenless_scope",
        "function: tokenless_cluster is new for each test; session: one cluster, put "
        "back before each test",
        default="function",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that do not fit together, before any test.

    Raises:
        pytest.UsageError: When they do not.
    """
    for one, other in (("exec", "tftp"), ("engine", "image")):
        given = config.getoption(f"tokenless_{one}") is not None
        if given and config.getoption(f"tokenless_{other}") is None:
            raise pytest.UsageError(f"--tokenless-{one} needs --tokenless-{other}")
    if None not in map(config.getoption, ("tokenless_tftp", "tokenless_image")):
        raise pytest.UsageError(
            "--tokenless-tftp names a cluster that runs, --tokenless-image starts one: "
            "give one of them"
        )
    scope = config.getini("tokenless_scope")
    if scope not in {"function", "session"}:
        raise pytest.UsageError(
            f"tokenless_scope is function or session, not {scope!r}"
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
    With `--tokenless-tftp` it is the one that runs there, with `--tokenless-image` one
    in containers; it is put back after each.
    """
    from tokenless.phone_emulator.pytest_plugin.failures import (  # noqa: PLC0415
        Evidence,
    )

    config = request.getfixturevalue("tokenless_config")
    external = request.getfixturevalue("_tokenless_external")
    if external is not None:
        if config is not None:
            pytest.skip("tokenless_config asks for another cluster than the one there")
    elif request.config.getoption("tokenless_image") is not None:
        external = request.getfixturevalue("_tokenless_containers").cluster(config)
    if external is not None:
        external.connect()  # for the whole run: its start takes longer than many a test
        with external.borrowed():
            request.node.stash[_EVIDENCE] = Evidence(external, tmp_path)
            yield external
        return
    if request.config.getini("tokenless_scope") == "session":
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


@pytest.fixture(scope="session")
def _tokenless_external(
    pytestconfig: pytest.Config,
) -> "Iterator[ExternalCluster | None]":
    """The cluster that the options name; None when the fixtures start one."""
    tftp = pytestconfig.getoption("tokenless_tftp")
    if tftp is None:
        yield None
        return
    from tokenless.phone_emulator.pytest_plugin.external import (  # noqa: PLC0415
        ExternalCluster,
    )

    with closing(
        ExternalCluster.of(tftp, pytestconfig.getoption("tokenless_exec"))
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _tokenless_containers(pytestconfig: pytest.Config) -> "Iterator[SharedContainers]":
    from tokenless.phone_emulator.pytest_plugin.shared import (  # noqa: PLC0415
        SharedContainers,
    )

    image = pytestconfig.getoption("tokenless_image")
    with SharedContainers(image, pytestconfig.getoption("tokenless_engine")) as shared:
        yield shared


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test that asks a cluster elsewhere for what only a lab can do."""
    try:
        return (yield)
    except Exception as error:
        # Imported only where it can be: tests without a cluster load nothing.
        module = sys.modules.get("tokenless.phone_emulator.pytest_plugin.cluster")
        if module is not None and isinstance(error, module.NotHereError):
            pytest.skip(str(error))
        raise


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, Any, None]:
    """Attach what helps, and logs of nodes and phones, to a failed test's report."""
    if call.excinfo is not None:
        _note_hints(call.excinfo.value)
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    evidence = item.stash.get(_EVIDENCE, None)
    if report.failed and evidence is not None:
        report.sections.extend(evidence.sections())


def _note_hints(error: BaseException) -> None:
    """Let pytest show the hints of our errors, those in groups too.

    They become notes only here: `pytest.raises(…, match=…)` looks at notes, too.
    """
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            _note_hints(each)
    module = sys.modules.get("tokenless.protocol.errors")
    if module is None or not isinstance(error, module.TokenlessError):
        return
    if error.hint and error.hint not in getattr(error, "__notes__", ()):
        error.add_note(error.hint)
