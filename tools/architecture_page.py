"""The table of rooms in docs/architecture.md, made from the packages themselves.

    python -m tools.architecture_page

A row is a package and the first sentence of its docstring. A test keeps the document
and the tree the same.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.marks import replaced

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
RINGS: Final = ("protocol", "src/tokenless/ground", "services", "phone_emulator")
_BEGIN: Final = "<!-- rooms: made by tools/architecture_page.py -->"
_END: Final = "<!-- end of rooms -->"
_HEAD: Final = "| room | what is in it |\n|---|---|"


def renew(text: str) -> str:
    """Return the document with the table as the tree has it.

    Raises:
        ValueError: When the document lacks the marks of the table.
    """
    rows = "\n".join(f"| `{room}/` | {words} |" for room, words in rooms())
    return replaced(text, _BEGIN, _END, f"\n\n{_HEAD}\n{rows}\n\n")


def rooms() -> Iterator[tuple[str, str]]:
    """Give each package of the rings by its path, with what its docstring says first.

    Raises:
        ValueError: When a package has no docstring.
    """
    for ring in RINGS:
        for path in sorted((ROOT / ring).rglob("__init__.py")):
            folder = path.parent.relative_to(ROOT).as_posix()
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            if not said:
                raise ValueError(f"{folder} does not say what is in it")
            yield folder, " ".join(said.partition("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text()))
