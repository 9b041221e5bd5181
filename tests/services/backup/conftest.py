"""Backups of the lab."""

from pathlib import Path

import pytest

from tests.rigs.archives import NOW
from tokenless.services.backup.take import take_backup
from tokenless.services.cluster.cluster import Cluster


@pytest.fixture(params=["backup.tar", "backup"])
def taken(request: pytest.FixtureRequest, lab: Cluster, tmp_path: Path) -> Path:
    target = tmp_path / str(request.param)
    take_backup(lab.data, target, now=NOW)
    return target


@pytest.fixture
def archive(lab: Cluster, tmp_path: Path) -> Path:
    target = tmp_path / "backup.tar"
    take_backup(lab.data, target, now=NOW)
    return target
