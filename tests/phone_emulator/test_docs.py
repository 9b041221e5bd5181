"""docs/phone.md says what the code does."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.rigs.live import LiveNode
from tools.phone_page import renew

if TYPE_CHECKING:
    from tokenless.phone_emulator.pytest_plugin.lab import (
        LabCluster,
        LabFleet,
        LabPhone,
    )

DOCUMENT = Path(__file__).parents[2] / "docs" / "phone.md"
TEXT = DOCUMENT.read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_drawings_are_those_of_the_code() -> None:
    hint = f"run: python -m tools.phone_page docs/{DOCUMENT.name}"
    assert renew(TEXT) == TEXT, hint


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        renew("nothing")


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_are_python_and_import_what_exists(number: int) -> None:
    code = compile(EXAMPLES[number], DOCUMENT.name, "exec")
    imports = [
        line
        for line in EXAMPLES[number].splitlines()
        if line.startswith(("from phone_emulator", "import phone_emulator"))
    ]
    exec("\n".join(imports), {})  # noqa: S102
    assert code.co_consts


async def test_the_examples_of_the_library_do_what_they_say(
    node: LiveNode, tmp_path: Path
) -> None:
    """The second goes on where the first ends; elsewhere than at the lab's port."""
    code = "\n".join(EXAMPLES[:2])
    where = f'Server("{node.tftp.address}", {node.tftp.port})'
    code = code.replace('Server("127.0.47.155", 6969)', where)
    code = code.replace("count=500", "count=20")
    assert where in code
    assert "count=20" in code
    done = await trio.run_process(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(DOCUMENT.parents[1])},
        capture_stdout=True,
    )
    first, *phones, last = done.stdout.decode().splitlines()
    assert first.startswith("ok ")
    assert "'action': 'installed'" in first
    assert sorted(int(line.split()[1]) for line in phones) == list(range(1, 21))
    assert last == "Counter({'ok': 20}) []"


def test_the_example_of_the_fixtures_passes(
    tokenless_cluster: "LabCluster",
    tokenless_phone: "Callable[..., LabPhone]",
    tokenless_fleet: "Callable[..., LabFleet]",
) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[2], names)  # noqa: S102
    names["test_our_change_window"](tokenless_cluster, tokenless_phone, tokenless_fleet)
