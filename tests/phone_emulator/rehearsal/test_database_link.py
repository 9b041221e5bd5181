"""The database of a rehearsal is away: from everybody, or from one node."""

from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
MIXED = "admin utils ctl set-cluster mixed-mode"
RESTART = "admin --all utils service restart Cisco Tftp"


def play(*steps: Step) -> Played:
    groups = (Group(name="at-sub", tftp=(SUB,)),)
    script = Script(name="away", lesson="none", groups=groups, steps=steps)
    return play_alone(Rehearsal(script, 1))


def lengths(played: Played, step: int) -> dict[str, int | None]:
    return {node.name: node.ctl_length for node in played.steps[step].nodes}


def test_a_change_is_refused_and_phones_are_served_all_the_same() -> None:
    played = play(
        Step(title="as it is", run=("phones boot",)),
        Step(title="away", run=("database away", MIXED), refused=True),
        Step(title="phones", run=("phones boot",)),
        Step(title="back", run=("database back", MIXED, RESTART, "phones boot")),
    )
    assert "the database does not answer" in (played.steps[1].refusal or "")
    assert played.steps[2].impact.is_safe
    assert not any(lengths(played, 2).values())
    assert all(lengths(played, 3).values())
    assert played.ok


def test_a_node_that_is_cut_off_keeps_what_it_has() -> None:
    played = play(
        Step(title="as it is", run=("phones boot",)),
        Step(title="cut", run=(f"database away {SUB}", MIXED, "phones boot")),
        Step(title="back", run=(f"database back {SUB}", RESTART, "phones boot")),
    )
    assert lengths(played, 1)[PUB]
    assert not lengths(played, 1)[SUB]
    assert "cannot apply the new state" in played.steps[1].transcript
    assert all(lengths(played, 2).values())
    assert played.impact.is_safe
