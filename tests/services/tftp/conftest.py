"""What tests of TFTP share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """Make a folder whose file system tells what lies in the page cache.

    One in memory may not, and a server that is turned by hand would have to wait.
    """
    made = Path(tempfile.mkdtemp(prefix="tokenless-tftp-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made)
