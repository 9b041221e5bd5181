"""The table of findings in docs/check.md, made from the catalogue of `check`.

    python -m tools.check_page

A test keeps the document and the code the same.
"""

import re
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.check.findings.catalogue import CATALOGUE
from tokenless.phone_emulator.check.findings.codes import CatalogueEntry, Code
from tools.marks import replaced

PAGE: Final = Path(__file__).parents[1] / "docs" / "check.md"
_BEGIN: Final = "<!-- findings: made by tools/check_page.py -->"
_END: Final = "<!-- end of findings -->"
_HEAD: Final = """\
| code | severity | what it means | what phones meet | what to do |
|---|---|---|---|---|"""


def renew(text: str) -> str:
    """Return the document with the table as the code has it.

    Raises:
        ValueError: When the document lacks the marks of the table.
    """
    rows = "\n".join(_row(code, entry) for code, entry in CATALOGUE.items())
    return replaced(text, _BEGIN, _END, f"\n\n{_HEAD}\n{rows}\n\n")


def _row(code: Code, entry: CatalogueEntry) -> str:
    severity = entry.severity.value
    if entry.milder is not None:
        severity += f"; {entry.milder.value} when {entry.milder_when}"
    texts = (entry.meaning, entry.consequence, entry.advice)
    cells = (f"`{code}`", severity, *map(_without_details, texts))
    return "| " + " | ".join(cells) + " |"


def _without_details(text: str) -> str:
    """Put dots where the place of a finding has words of its own."""
    return re.sub(r"\{\w+\}", "…", text)


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text()))
