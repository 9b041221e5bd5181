"""A study as a file: opened as it was, names replaced, hostile ones refused."""

from typing import Any

import msgspec
import pytest

from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.script import Step
from tokenless.phone_emulator.studio.board import board_of
from tokenless.phone_emulator.studio.sharing import read_study, write_study
from tokenless.phone_emulator.studio.study import Change


def test_a_study_is_opened_as_it_was_but_for_the_confirmation() -> None:
    study = played_study()
    opened = read_study(write_study(study, is_anonymous=False))
    assert study.is_confirmed
    assert opened == msgspec.structs.replace(study, is_confirmed=False)


def test_no_name_and_no_address_is_left_in_an_anonymous_one() -> None:
    study = played_study()
    plain, hidden = (
        write_study(study, is_anonymous=each).decode() for each in (False, True)
    )
    for name in ("pub-voice", "sub-voice", "10.48.47.155", "Example AG", "CHG77"):
        assert name in plain
        assert name.casefold() not in hidden.casefold()
    opened = read_study(hidden.encode())
    assert opened.cluster is not None
    assert [node.name for node in opened.cluster.nodes] == ["node-1", "node-2"]
    (run,) = opened.runs
    assert "node-1" in run.steps[0].transcript
    assert not board_of(opened, run).is_old


def wrong(**changes: object) -> bytes:
    plain: Any = msgspec.to_builtins(played_study())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = plain
        for each in parents:
            place = place[int(each) if each.isdigit() else each]
        place[last] = value
    return msgspec.json.encode(plain)


SETTINGS = "cluster__script__cluster"


def test_an_organisation_that_is_a_word_leaves_sentences_alone() -> None:
    said = ["step it, IT is; OU=IT;O=x"]
    book = {"columns": ["step"] * 8, "rows": [], "remarks": said}
    subject = {"organizational_unit": "IT"}
    study = read_study(
        wrong(
            **{
                f"{SETTINGS}__certificates": {"subject": subject},
                "runs__0__subject__runbook": book,
                "runs__0__steps__0__transcript": "it is IT",
            }
        )
    )
    (run,) = read_study(write_study(study, is_anonymous=True)).runs
    assert run.subject.runbook is not None
    assert run.subject.runbook.remarks == (
        "step it, IT is; OU=organizational_unit-1;O=x",
    )
    assert run.steps[0].transcript == "it is organizational_unit-1"


HOSTILE = {
    "another program's": (b'{"a": 1}', "not a study"),
    "no JSON": (b"\x00\xff", "not a study"),
    "deep": (b'{"name":' + b"[" * 100_000, "not a study"),
    "an unknown key": (wrong(more=1), "unknown field"),
    "a port": (wrong(**{f"{SETTINGS}__tftp": {"port": 69}}), "cannot be set"),
    "files of the machine": (
        wrong(**{f"{SETTINGS}__tftp": {"static_files": "/"}}),
        "cannot be set",
    ),
    "another address": (
        wrong(**{f"{SETTINGS}__nodes__0__address": "10.0.0.1"}),
        "cannot listen",
    ),
    "many phones": (
        wrong(cluster__script__groups__0__count=99_999, phones=2),
        None,
    ),
    "too many phones": (
        wrong(cluster__script__groups__0__count=100_001),
        "<= 100000",
    ),
    "more guesses than a page holds": (
        wrong(cluster__guesses=[{"topic": "x", "what": "x", "why": "x"}] * 1001),
        "length <= 1000",
    ),
    "a runbook of another shape": (
        wrong(
            runs__0__subject__runbook={"columns": [], "rows": [[]], "remarks": []},
        ),
        "other columns",
    ),
    "an unknown command": (
        wrong(change={"kind": "typed", "steps": [{"title": "x", "run": ["rm -r /"]}]}),
        "not understood",
    ),
    "a run of another address": (
        wrong(
            runs__0__subject__script__cluster__nodes__0__address="10.0.0.1",
        ),
        "cannot listen",
    ),
    "no node": (wrong(cluster__nodes=[]), "another cluster than it plays"),
    "another release": (wrong(cluster__version="15"), "another cluster than it plays"),
    "a unit that is none": (
        wrong(change={"kind": "ticked", "units": ["root@pub-voice"]}),
        "cannot be played",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_study_is_refused_with_one_sentence(what: str) -> None:
    data, reason = HOSTILE[what]
    if reason is None:
        read_study(data)
        return
    with pytest.raises(PhoneError) as caught:
        read_study(data)
    assert reason in caught.value.explain()
    assert "\n" not in caught.value.explain()


def test_too_many_lines_are_refused() -> None:
    study = played_study()
    step = Step("many", ("phones boot",))
    steps = tuple(msgspec.structs.replace(step, title=str(n)) for n in range(1001))
    big = msgspec.structs.replace(study, change=Change("typed", steps=steps))
    with pytest.raises(PhoneError, match="lines"):
        read_study(msgspec.json.encode(big))


def test_a_name_that_is_a_command_is_not_replaced_in_secret() -> None:
    with pytest.raises(PhoneError, match="admin is a word"):
        write_study(played_study(publisher="admin"), is_anonymous=True)
