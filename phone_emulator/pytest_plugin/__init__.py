"""Fixtures that put emulated phones and a real cluster into other projects' tests.

    def test_our_change(tokenless_cluster, tokenless_phone, tokenless_fleet): …

pytest finds this module by its entry point; what it needs is imported when a test asks
for it, so that other test suites start no slower.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tokenless.phone_emulator.pytest_plugin.lab import (
        LabCluster,
        LabFleet,
        LabPhone,
    )


@pytest.fixture
def tokenless_cluster() -> "Iterator[LabCluster]":
    """A lab cluster of two nodes that serves on loopback, new for each test."""
    from tokenless.phone_emulator.pytest_plugin.lab import running_lab  # noqa: PLC0415

    with running_lab() as cluster:
        yield cluster


@pytest.fixture
def tokenless_phone(
    tokenless_cluster: "LabCluster", tmp_path: Path
) -> "Callable[..., LabPhone]":
    """A function that makes phones of the cluster: `tokenless_phone(model="8861")`."""
    from tokenless.phone_emulator.pytest_plugin.lab import PhoneMaker  # noqa: PLC0415

    return PhoneMaker(tokenless_cluster, tmp_path / "tokenless-phones")


@pytest.fixture
def tokenless_fleet(
    tokenless_cluster: "LabCluster", tmp_path: Path
) -> "Callable[..., LabFleet]":
    """A function that makes fleets of the cluster: `tokenless_fleet(count=100)`."""
    from tokenless.phone_emulator.pytest_plugin.lab import FleetMaker  # noqa: PLC0415

    return FleetMaker(tokenless_cluster, tmp_path / "tokenless-fleets")
