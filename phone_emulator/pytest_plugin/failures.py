"""The sections of a failed test's report on the cluster and the phones."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.pytest_plugin.cluster import ClusterUnderTest

_PHONES: Final = 5
_PHONE_LINES: Final = 20
_KEPT: Final = "tokenless-cluster"
PHONES_FOLDER: Final = "tokenless-phones"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The places of one test's logs and folders."""

    cluster: ClusterUnderTest
    folder: Path
    """The test's own, with the phones' flash."""

    def sections(self) -> list[tuple[str, str]]:
        """Return titles and texts for a report: logs of nodes and phones, the folder.

        The lab's folder is copied beside the phones' flash; pytest keeps that of its
        last runs. When a test fails in its teardown, a lab of its own is gone already.
        """
        try:
            return self._sections()
        except OSError as error:
            return [("tokenless", f"logs and folder cannot be read: {error}")]

    def _sections(self) -> list[tuple[str, str]]:
        found = [
            (f"tokenless: log of {node}", text) for node, text in self.cluster.logs()
        ]
        logs = sorted((self.folder / PHONES_FOLDER).glob("*/console.log"))
        for log in logs[:_PHONES]:
            lines = log.read_text(errors="replace").splitlines()[-_PHONE_LINES:]
            found.append(
                (f"tokenless: console log of {log.parent.name}", "\n".join(lines))
            )
        data = self.cluster.evidence
        if data is not None and data.is_dir():
            kept = self.folder / _KEPT
            said = _copy(data, kept)
            found.append(("tokenless: the cluster's data folder", said))
        return [(title, text) for title, text in found if text]


def _copy(data: Path, kept: Path) -> str:
    """Copy a folder whose services may be writing; say where the copy is.

    Sockets cannot be copied.
    """
    ignored = shutil.ignore_patterns("*.sock", "*.lock")
    try:
        shutil.copytree(data, kept, ignore=ignored, dirs_exist_ok=True)
    except (OSError, shutil.Error):
        # What is there is better than no report of the test.
        return f"{kept} (incomplete: its services were writing)"
    return str(kept)
