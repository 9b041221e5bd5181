"""Damaged `show` texts: read as the whole text is, or refused with the true reason.

`TOKENLESS_SHOW_EXAMPLES=10000` runs that many.
"""

import os
import re
from collections.abc import Sequence
from copy import copy
from functools import cache
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.rigs.pasting import ENCODINGS, INSIDE_LINES, LOSSES, MAY_BE_UNDONE, UNDONE
from tests.rigs.shown_texts import made_up, text_of
from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.parse import parse_shown_lists
from tokenless.protocol.show_output.paste import decode_pasted
from tokenless.protocol.show_output.shown_list import ShownList

EXAMPLES = int(os.environ.get("TOKENLESS_SHOW_EXAMPLES", "400"))
CLOSING = re.compile(r"The[CI]TLfile(wasverifiedsuccessfully|couldnotbeverified)")


def essence(shown: ShownList) -> tuple[object, ...]:
    """Return all that an import takes from a list."""
    return (
        shown.kind,
        shown.length,
        shown.header_length,
        shown.signer_name,
        shown.signer_serial,
        shown.issuer_name,
        shown.verified,
        tuple(
            (
                record.number,
                record.length,
                record.role,
                record.dns_name,
                record.subject_name,
                record.issuer_name,
                record.serial_number,
                tuple(sorted(record.lengths.items())),
            )
            for record in shown.records
        ),
    )


@cache
def genuine(seed: int) -> tuple[str, tuple[object, ...], Random]:
    """Return a whole text, its essence, and the source of chance as it is then."""
    chance = Random(seed)
    whole = text_of(made_up(chance))
    (shown,) = parse_shown_lists(whole)
    return whole, essence(shown), chance


@pytest.mark.parametrize("name", UNDONE)
def test_what_pasting_does_is_undone(name: str) -> None:
    for seed in range(60):
        whole, expected, chance = genuine(seed)
        (shown,) = parse_shown_lists(UNDONE[name](whole, copy(chance)))
        assert essence(shown) == expected, seed


@pytest.mark.parametrize("width", range(18, 120))
def test_wrapping_at_any_width_is_undone(width: int) -> None:
    whole = text_of(made_up(Random(width)))
    (expected,) = parse_shown_lists(whole)
    wrapped = re.sub(f"(.{{{width}}})(?=.)", r"\1\n", whole)
    (shown,) = parse_shown_lists(wrapped)
    assert essence(shown) == essence(expected)


def damaged(whole: str, names: Sequence[str], chance: Random) -> str:
    has_one = False
    for name in names:
        if name in INSIDE_LINES and has_one:
            continue
        has_one = has_one or name in INSIDE_LINES
        change = LOSSES.get(name) or UNDONE.get(name) or MAY_BE_UNDONE[name]
        if whole:
            whole = change(whole, chance)
    return whole


def is_true(error: ShowTextError, text: str) -> bool:
    """Whether a reason is true, as far as a plain look at the text tells."""
    dense = "".join(text.split())
    lines = len(re.split("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]", text))
    if not 1 <= error.line <= lines:
        return False
    is_begun = "LengthofCTL" in dense or "LengthofITL" in dense
    ends = CLOSING.search(dense, max(dense.rfind("Lengthof"), 0)) is not None
    plain_looks = {
        ShowFault.END_MISSING: not ends or dense.count("Lengthof") > 1,
        ShowFault.NOT_A_LIST: not is_begun,
        ShowFault.BEGINNING_MISSING: bool(error.found),
        ShowFault.STRANGE_TEXT: bool(error.found),
        ShowFault.NODE_CANNOT_PARSE: "Errorparsing" in dense,
        ShowFault.TWICE: not error.name or dense.count(error.name) > 1,
        ShowFault.RECORD_LENGTH: error.expected != error.found,
        ShowFault.FILE_LENGTH: error.expected != error.found,
        ShowFault.NUMBERS: error.expected != error.found,
    }
    return plain_looks.get(error.fault, True)


@pytest.mark.timeout(300 + EXAMPLES)
@given(
    seed=st.integers(0, 2**32),
    before=st.lists(st.sampled_from(sorted(LOSSES)), max_size=2),
    pasting=st.lists(st.sampled_from(sorted({*UNDONE, *MAY_BE_UNDONE})), max_size=3),
    after=st.lists(st.sampled_from(sorted(LOSSES)), max_size=1),
    encoding=st.sampled_from(ENCODINGS),
)
@example(1, [], [], [], "utf-8")
@example(18965, ["a line"], ["fold -s"], ["swapped"], "utf-8")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
def test_a_damaged_text_is_the_whole_one_or_refused(
    seed: int, before: list[str], pasting: list[str], after: list[str], encoding: str
) -> None:
    chance = Random(seed)
    whole = text_of(made_up(chance))
    (expected,) = parse_shown_lists(whole)
    try:
        text = damaged(whole, [*before, *pasting, *after], chance)
    except UnicodeDecodeError:
        return  # a text that Windows has no letters for
    text = decode_pasted(text.encode(encoding, errors="replace"))
    found, refusal = outcome(text)
    if refusal is not None:
        assert before or pasting or after or encoding == "cp1252"
        assert is_true(refusal, text), (refusal, refusal.fault)
    else:
        assert {essence(shown) for shown in found} == {essence(expected)}


def test_a_name_whose_parts_were_moved_is_refused() -> None:
    """Lengths add up; the same name stands elsewhere in the list as it is."""
    chance = Random(18965)
    whole = text_of(made_up(chance))
    text = damaged(whole, ["a line", "fold -s", "swapped"], chance)
    _, refusal = outcome(text)
    assert refusal is not None
    assert refusal.fault is ShowFault.PARTS_MOVED
    assert "ITLRECOVERY_cucm-pub0" in str(refusal)


def outcome(text: str) -> tuple[Sequence[ShownList], ShowTextError | None]:
    try:
        return parse_shown_lists(text), None
    except ShowTextError as error:
        return (), error
