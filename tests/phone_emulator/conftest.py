"""What tests of the commands share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rigs.cluster import Lab
from tests.rigs.live import LiveNode, live_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[LiveNode]:
    """A node of a cluster in mixed mode, with TFTP and TVS."""
    async with live_node(Lab(mixed=True).authority(), tmp_path) as running:
        yield running
