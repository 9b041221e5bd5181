"""docs/check.md names every finding that the code has, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "check.md").read_text()
SOURCES = [*(ROOT / "phone_emulator" / "check").glob("*.py")]
SOURCES.remove(ROOT / "phone_emulator" / "check" / "view.py")
LINT = (ROOT / "protocol" / "trust" / "lint.py").read_text()
CODE = re.compile(
    r'(?:Severity\.(?:ERROR|WARNING|NOTE)[^,]*,\s*|UNREACHABLE: Final = )"([a-z0-9-]+)"'
)


def test_every_code_is_documented() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    names = " ".join(row.split("|")[1] for row in rows)
    documented = set(re.findall(r"`([a-z0-9-]+)`", names))
    ours = {code for path in SOURCES for code in CODE.findall(path.read_text())}
    assert len(ours) > 20
    assert ours <= documented
    known = ours | set(re.findall(r'"([a-z-]+)"', LINT))
    assert documented <= known
