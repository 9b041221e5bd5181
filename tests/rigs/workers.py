"""Which tests of a run with several workers one of them takes: files, and these groups.

What a worker makes once takes seconds for some files: hosts with a database, a cluster
of the pytest plugin's fixtures. Where each of them went to another worker, each worker
would make it anew.
"""

from typing import Final

from xdist.scheduler import LoadFileScheduling

TOGETHER: Final = (
    ("tests/system/hosts/",),
    tuple(
        f"tests/phone_emulator/test_{name}.py"
        for name in ("cluster_elsewhere", "docs", "in_your_tests", "library")
    ),
)
"""By group, how the names of its files begin."""


class Together(LoadFileScheduling):  # type: ignore[misc]
    """Give a file to one worker, and so all files of a group."""

    def _split_scope(self, nodeid: str) -> str:
        for group in TOGETHER:
            if nodeid.startswith(group):
                return group[0]
        return str(super()._split_scope(nodeid))
