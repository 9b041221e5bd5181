"""The blocks of docs/containers.md, and whether an output is what the page shows."""

import re
from typing import Final

from tests.system.image.engine import ROOT

_FENCE: Final = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_BORDER: Final = re.compile(r"[┏┡└┃│━┳╇┴┩┓┘─ ]+")
_DIFFERS: Final = re.compile(r"MD5|SHA1|phones in|│ rate|^…$")
"""Lines that are of one run: checksums, times."""


def section(title: str) -> str:
    """Return the text of a section of the page, with its parts."""
    page = (ROOT / "docs/containers.md").read_text()
    found = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page)
    assert found is not None
    return found[1]


def blocks(text: str) -> list[tuple[str, str]]:
    """Return each block of commands, with the output that the page shows after it."""
    found: list[tuple[str, str]] = []
    for language, content in _FENCE.findall(text):
        if language == "sh":
            found.append((content, ""))
        elif language == "" and found:
            found[-1] = (found[-1][0], content)
    return found


def not_told(shown: str, told: str) -> list[str]:
    """Return the lines that the page shows and an output lacks."""
    lines = [_bare(line) for line in told.splitlines()]
    return [
        line
        for line in shown.splitlines()
        if not _DIFFERS.search(line)
        and _bare(line)
        and not any(_bare(line) in each for each in lines)
    ]


def _bare(line: str) -> str:
    """Return a line without borders, widths and revisions of the database."""
    return re.sub(r"revision \d+", "revision N", _BORDER.sub(" ", line)).strip()
