"""Lines of a script that cannot be done: refused with what is wrong, one step each."""

import socket

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.release import Release

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
REFUSED = {
    f"admin --node {SUB} utils ctl update CTLFile": "only be executed on the publisher",
    "admin set cert restore TVS 00": "serial",
    "admin file delete tftp nothing.tlv": "no file nothing.tlv",
    f"node start {PUB}": f"node {PUB} is already up",
}
DONE = [
    "backup take early",
    "backup restore early",
    f"node stop {SUB}",
    "admin --all utils ctl set-cluster mixed-mode",
    "phones factory-reset phones",
    f"node remove {SUB}",
    "backup restore early",
]


def _script(name: str, *steps: Step, **others: dict[str, object]) -> Script:
    return Script(
        name=name,
        lesson="none",
        groups=(Group(name="phones", count=1),),
        steps=steps,
        others=others,
    )


@pytest.fixture(scope="module")
def played() -> Played:
    steps = [Step(title=line, run=(line,), refused=True) for line in REFUSED]
    last = Step(title="done", run=tuple(DONE))
    again = Step(
        title="again", run=(f"node stop {PUB}", f"node stop {PUB}"), refused=True
    )
    script = _script("refusals", *steps, last, again)
    return play_alone(Rehearsal(script, 1))


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_cannot_be_done_says_why(played: Played, line: str) -> None:
    (step,) = [each for each in played.steps if each.step.title == line]
    assert step.refusal is not None
    assert REFUSED[line] in step.refusal
    assert step.ok


def test_what_can_be_done_is(played: Played) -> None:
    done, again = played.steps[-2:]
    assert done.ok, done.refusal
    assert f"[{PUB}]" in done.transcript
    assert f"[{SUB}]" not in done.transcript, "a node that is down"
    assert again.refusal == f"node {PUB} is already down; remove the line"


def test_no_port_is_free_on_an_address_that_is_not_ours() -> None:
    with pytest.raises(PhoneError, match=r"no port is free on 192\.0\.2\.1"):
        free_port(["192.0.2.1"], socket.SOCK_STREAM)


def test_a_plan_without_steps_is_not_played() -> None:
    site = ClusterLayout(Release.parse("10.5(1)"), ("pub", "sub"), is_mixed=True)
    groups = (PhoneGroup("7960s", "7960", 0),)
    plan = make_plan(Task(site, groups, parse_goal("regenerate CallManager", site)))
    assert plan.steps is None
    with pytest.raises(ValueError, match="no steps to save"):
        list(rounds(plan))


def test_a_script_with_what_toml_has_not_is_not_written() -> None:
    script = _script("odd", Step(title="boot", run=("phones boot",)), other={"x": {1}})
    with pytest.raises(TypeError, match="TOML has no set"):
        write_script(script, comment="none")
