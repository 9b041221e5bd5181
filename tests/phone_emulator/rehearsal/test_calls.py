"""Calls in rehearsals: real lines of two groups, and what is expected of them."""

from pathlib import Path

from tokenless.phone_emulator.registration.call import (
    CallFailure,
    CallLevel,
    CallReport,
    CallSide,
)
from tokenless.phone_emulator.rehearsal.outcome.call_losses import (
    CallHistory,
    CallLosses,
)
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.html_report import render_report
from tokenless.phone_emulator.rehearsal.reports.verdict import run_verdicts
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

SCRIPT = """
name = "calls"
lesson = "Who hears whom."

[[groups]]
name = "desks"

[[groups]]
name = "lobby"
model = "7965"
count = 1
"""


def play(folder: Path, *steps: str) -> Played:
    file = folder / "calls.toml"
    titled = (f'[[steps]]\ntitle = "step {n}"\n{s}' for n, s in enumerate(steps))
    file.write_text(SCRIPT + "\n".join(titled))
    return play_alone(Rehearsal(load_script(file), 2))


def test_phones_of_two_groups_and_of_one_hear_each_other(tmp_path: Path) -> None:
    calls = '["phones boot", "phones call lobby --to desks", '
    calls += '"phones call desks --to desks"]'
    played = play(tmp_path, f'run = {calls}\ncall = "not-secure"')
    assert played.ok, played.first_difference
    (step,) = played.steps
    assert [each.outcome for each in step.calls] == [CallOutcome.NOT_SECURE] * 2
    assert [each.words for each in step.calls] == ["call: Not Secure"] * 2
    caller, called = step.calls[1].report.sides
    assert caller.device != called.device
    assert "a phone of lobby calls one of desks: Not Secure" in step.transcript
    (first, _) = step.to_json()["observed"]["calls"]
    assert (first["from"], first["to"], first["heard"]) == ("lobby", "desks", True)
    assert step.to_json()["expected"]["call"] == "not-secure"


def test_another_level_than_expected_fails_the_step(tmp_path: Path) -> None:
    played = play(
        tmp_path,
        'run = ["phones boot", "phones call lobby --to desks"]\ncall = "encrypted"',
        'run = ["phones boot"]\ncall = "encrypted"',
    )
    first, second = played.steps
    (said,) = first.differences
    assert said.startswith("a phone of lobby calls one of desks: Not Secure")
    assert said.endswith("; expected: encrypted")
    assert second.differences == (
        "the step has no call, and encrypted is expected of one",
    )


def test_a_phone_that_is_off_cannot_be_called(tmp_path: Path) -> None:
    played = play(
        tmp_path,
        'run = ["phones boot", "phones off lobby", "phones call desks --to lobby"]',
        'run = ["phones call lobby --to desks"]\ncall = "none"',
    )
    first, second = played.steps
    why = (
        "a phone of desks calls one of lobby: no call: one of the phones is not "
        "registered"
    )
    assert first.differences == (why,)
    assert [each.words for each in first.calls] == ["call: none"]
    assert second.ok
    # Both verdicts: what a script foresees is lost all the same.
    assert str(first.impact).startswith("CALLS FAILED: 1: ")
    assert str(played.impact).startswith("CALLS FAILED: 2: ")
    assert run_verdicts(played)[0].short == "CALLS FAILED: 2"
    assert first.to_json()["impact"]["failed_calls"] == 1
    assert first.to_json()["observed"]["failed_calls"] == [why]
    page = render_report(played)
    assert f"<p>{why}.</p>" in page
    assert "2 calls failed" in page


def played_call(level: CallLevel | None, caller: str = "a") -> PlayedCall:
    if level is None:
        return PlayedCall(caller, "b", CallReport(failure=CallFailure.NOT_RINGING))
    sides = (CallSide("SEP001122334455", "1001", level, 10, 10, 0),) * 2
    return PlayedCall(caller, "b", CallReport(sides))


def test_a_call_is_lost_until_one_of_the_same_groups_is_as_good_as_before() -> None:
    history = CallHistory()
    encrypted = played_call(CallLevel.ENCRYPTED)
    assert history.after([encrypted]) == CallLosses()
    shield = played_call(CallLevel.AUTHENTICATED)
    weaker = history.after([shield]).weaker
    assert weaker == (f"{shield}; before: Encrypted",)
    # Others cannot make it good, and neither can a step without a call.
    other = played_call(CallLevel.NOT_SECURE, "c")
    assert history.after([other]) == CallLosses(weaker=weaker)
    assert history.after([]) == CallLosses(weaker=weaker)
    none = played_call(None)
    assert history.after([none]) == CallLosses(failed=(str(none),))
    assert history.after([encrypted]) == CallLosses()
    assert CallHistory().after([shield, encrypted]) == CallLosses()


def test_a_group_of_one_phone_cannot_call_itself(tmp_path: Path) -> None:
    played = play(tmp_path, 'run = ["phones boot", "phones call lobby --to lobby"]')
    (step,) = played.steps
    assert step.refusal is not None
    assert step.refusal.startswith("the group lobby has one phone")


def test_a_call_that_nobody_heard_is_no_call() -> None:
    deaf = CallSide("SEP001122334455", "1001", CallLevel.ENCRYPTED, 10, 0, 0)
    fine = CallSide("SEP001122334466", "1002", CallLevel.ENCRYPTED, 10, 10, 0)
    silent = PlayedCall("a", "b", CallReport((deaf, fine)))
    assert silent.outcome is CallOutcome.NONE
    assert str(silent).endswith("no call: the phones did not hear each other")
    for failure in CallFailure:
        failed = PlayedCall("a", "b", CallReport(failure=failure))
        assert "no call: " in str(failed)
        assert failed.outcome is CallOutcome.NONE
