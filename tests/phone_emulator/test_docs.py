"""docs/phone.md says what the code does."""

import re
from pathlib import Path

import pytest

from phone_emulator.secd.diagram import renew

DOCUMENT = Path(__file__).parents[2] / "docs" / "phone.md"
TEXT = DOCUMENT.read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_drawings_are_those_of_the_code() -> None:
    hint = f"run: python -m phone_emulator.secd.diagram {DOCUMENT.name}"
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
