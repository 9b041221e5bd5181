"""The publisher's shell, which answers yes to everything."""

import pytest

from services.admin.shell import AdminShell
from services.cluster.cluster import Cluster
from tests.services.admin.lines import PUBLISHER


@pytest.fixture
def shell(lab: Cluster) -> AdminShell:
    return AdminShell(lab, PUBLISHER, assume_yes=True)
