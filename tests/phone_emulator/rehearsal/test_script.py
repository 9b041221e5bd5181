"""Scripts: what is refused, how variants unfold, how phones are divided."""

from pathlib import Path

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.script import sizes
from tokenless.phone_emulator.rehearsal.scripts.script_files import (
    load_script,
    load_scripts,
)

_HEAD = 'name = "x"\nlesson = "y"\n'
_BODY = """
[[groups]]
name = "phones"

[[steps]]
title = "boot"
run = ["phones boot"]
"""
_MANY_PHONES = "".join(
    f'[[groups]]\nname = "g{number}"\ncount = 50_001\n' for number in range(2)
)
_MANY_VARIANTS = "[variants]\n" + "".join(
    f'v{number} = "14"\n' for number in range(201)
)


def _write(folder: Path, text: str) -> Path:
    file = folder / "x.toml"
    file.write_text(text)
    return file


def test_a_small_script_is_read(tmp_path: Path) -> None:
    script = load_script(_write(tmp_path, _HEAD + _BODY))

    assert script.name == "x"
    assert script.steps[0].run == ("phones boot",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "x.toml"),
        (_HEAD + "wrong = 1\n" + _BODY, "wrong"),
        (_HEAD + _BODY + 'why_for = { "12.5" = "x" }', "12.5"),
        ('lesson_for = { "9.9" = "x" }\n' + _HEAD + _BODY, "9.9"),
        (_HEAD + _BODY + 'expect = [{ group = "nobody" }]', "nobody"),
        (_HEAD + _BODY + 'expect = [{ group = "phones", clt = "ok" }]', "clt"),
        (_HEAD + _BODY + "[others.lab]", "lab is the name of the first cluster"),
        (_HEAD + _BODY + 'only = ["12.5"]', "12.5"),
        (_HEAD + _BODY.replace('name = "phones"', 'name = "phones"\nmodel = "1"'), "1"),
        (_HEAD + _BODY + '[[groups]]\nname = "phones"', "same name"),
        (_HEAD + _BODY + "#" * (1 << 20), "over 1 MB"),
        (_HEAD + _MANY_PHONES + _BODY, "at most 100000"),
        (_HEAD + _BODY + _MANY_VARIANTS, "length <= 200"),
    ],
)
def test_a_script_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(PhoneError, match=r"x\.toml") as refused:
        load_scripts(_write(tmp_path, text))

    assert words in refused.value.explain()
    assert refused.value.hint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match="cannot be read"):
        load_scripts(tmp_path / "nothing.toml")


def test_variants_unfold_into_a_script_for_each_release(tmp_path: Path) -> None:
    text = (
        _HEAD
        + '[variants]\n"11.5" = "11.5(1)"\n"12.5" = "12.5(1)"\n'
        + _BODY
        + """
expect = [
    { group = "phones", ctl = "rejected", only = ["11.5"] },
    { group = "phones", ctl = "updated", only = ["12.5"] },
    { group = "phones", stuck = false },
]

[[steps]]
title = "once more"
run = []
only = ["11.5"]
"""
    )
    text = text.replace("lesson =", 'lesson_for = { "12.5" = "new" }\nlesson =')
    text += 'why = "old"\nwhy_for = { "11.5" = "older" }\n'
    old, new = load_scripts(_write(tmp_path, text))

    assert (old.name, new.name) == ("x@11.5", "x@12.5")
    assert old.cluster["cluster"]["version"] == "11.5(1)"
    assert [step.title for step in old.steps] == ["boot", "once more"]
    assert [step.title for step in new.steps] == ["boot"]
    assert (old.lesson, new.lesson) == ("y", "new")
    assert old.steps[1].why == "older"
    assert [each.ctl for each in old.steps[0].expect] == ["rejected", None]
    assert [each.ctl for each in new.steps[0].expect] == ["updated", None]


@pytest.mark.parametrize(
    ("phones", "expected"),
    [
        (20, {"half": 10, "rest": 10, "one": 1}),
        (3, {"half": 2, "rest": 1, "one": 1}),
        (1, {"half": 1, "rest": 1, "one": 1}),
    ],
)
def test_phones_are_divided_among_groups(
    tmp_path: Path, phones: int, expected: dict[str, int]
) -> None:
    groups = """
[[groups]]
name = "half"
share = 0.5

[[groups]]
name = "rest"

[[groups]]
name = "one"
count = 1

[[steps]]
title = "boot"
run = ["phones boot"]
"""
    script = load_script(_write(tmp_path, _HEAD + groups))

    assert sizes(script, phones) == expected
