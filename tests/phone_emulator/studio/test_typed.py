"""The ticket's commands: understood, or with a reason beside the wrong line."""

from datetime import UTC, datetime

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.guided import guided_study
from tokenless.phone_emulator.studio.study import Understood
from tokenless.phone_emulator.studio.typed import MAX_LINES, Typed, read_typed

SUBSCRIBER = "cucm-1051-a-sub1"
TICKET = f"""# CHG0012345
1. admin:set cert regen TVS
{SUBSCRIBER}: set cert regen TVS
all nodes: utils service restart Cisco Trust Verification Service

- all nodes: utils service restart Cisco Tftp
phones boot
utils ctl update CTLFile
"""


def lab() -> Understood:
    cluster = guided_study(datetime.now(UTC)).cluster
    assert cluster is not None
    return cluster


def typed(text: str, *, ends: bool = True) -> Typed:
    cluster = lab()
    return read_typed(
        text, cluster.script, [node.name for node in cluster.nodes], ends=ends
    )


def test_a_ticket_becomes_steps_that_end_when_phones_restart() -> None:
    first, last = typed(TICKET).steps
    assert first.run == (
        "admin set cert regen TVS",
        f"admin --node {SUBSCRIBER} set cert regen TVS",
        "admin --all utils service restart Cisco Trust Verification Service",
        "admin --all utils service restart Cisco Tftp",
        "phones boot",
    )
    assert last.run == ("admin utils ctl update CTLFile", "phones boot")
    assert typed(TICKET, ends=False).steps[-1].run == last.run[:1]


@pytest.mark.parametrize(
    "line", ["reset all phones", "Phones reset", "4. Reset phones"]
)
def test_a_reset_in_the_words_of_tickets_is_one(line: str) -> None:
    (step,) = typed(line).steps
    assert step.run == ("phones boot",)


@pytest.mark.parametrize(
    ("line", "reason", "hint"),
    [
        ("set cert regn TVS", "no such command", "regen"),
        ("sub9: show ctl", "sub9 is not a node", SUBSCRIBER),
        ("set cert regen TSV", "TSV", "TVS"),
        ("phones bot", "not understood", "phones boot"),
        ("node stop sub9", "there is no node sub9", SUBSCRIBER),
        ("x" * 500, "too long", "split"),
    ],
)
def test_a_wrong_line_has_its_reason_beside_it(
    line: str, reason: str, hint: str
) -> None:
    read = typed(f"show ctl\n{line}\nshow itl\n")
    (wrong,) = read.wrong
    assert (wrong.number, read.steps) == (2, ())
    assert reason in wrong.reason
    assert hint in wrong.hint


def test_every_wrong_line_is_told_at_once() -> None:
    read = typed("show clt\nphones boot\nphones bot\nsub9: show ctl\n")
    assert [each.number for each in read.wrong] == [1, 3, 4]


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(PhoneError, match="no command"):
        typed("# only words\n\n")
    with pytest.raises(PhoneError, match="over"):
        typed("show ctl\n" * (MAX_LINES + 1))
