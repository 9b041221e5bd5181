"""The publisher's shell, which answers yes to everything."""

import pytest

from tests.services.admin.lines import PUBLISHER
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster


@pytest.fixture
def shell(lab: Cluster) -> AdminShell:
    return AdminShell(lab, PUBLISHER, assume_yes=True)
