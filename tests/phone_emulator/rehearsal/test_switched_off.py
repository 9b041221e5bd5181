"""Nothing is typed on a node that is off: refused before anything is played."""

from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.explore.catalogue import single_faults
from tokenless.phone_emulator.rehearsal.explore.faults import with_faults
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
AT_SUB = (
    f"admin --node {SUB} set cert regen CallManager",
    f"admin --node {SUB} show ctl",
    f"admin --node {SUB} utils service restart Cisco Tftp",
    f"cert sign CallManager --node {SUB}",
    f"node rename {SUB} cucm-new",
    "backup take late",
    "backup restore early",
)
AT_PUBLISHER = (
    "admin utils ctl update CTLFile",
    f"admin --node {PUB} show itl",
    "admin --cluster lab set cert regen TVS",
    "ctl-client update --token A",
    f"cert upload CallManager-trust {SUB}:TVS",
    "cert delete CallManager-trust 'Some CA'",
    "cert import new",
    "cert sign CallManager",
    "cert reuse CallManager",
    "recovery-key export kept",
    "recovery-key sign early",
    "node add cucm-3 127.0.47.157",
    f"node remove {SUB}",
)
BEFORE = ("token create A", "backup take early", "recovery-key export early")
NEW = {
    "nodes": [{"name": "new-pub", "address": "127.0.49.1", "publisher": True}],
    "callmanager_groups": [{"name": "Lab-CMG", "members": ["new-pub"]}],
}


def script(*lines: str, refused: bool = False) -> Script:
    return Script(
        name="off",
        lesson="none",
        groups=(Group(name="desk", count=1),),
        steps=(
            Step(title="first", run=BEFORE),
            Step(title="dark", run=lines, refused=refused),
        ),
        others={"new": NEW},
    )


@pytest.mark.parametrize(
    ("node", "line"),
    [*((SUB, line) for line in AT_SUB), *((PUB, line) for line in AT_PUBLISHER)],
)
def test_what_is_typed_on_a_node_that_is_off_is_refused(node: str, line: str) -> None:
    with pytest.raises(PhoneError) as refused:
        check_lines(script(f"node stop {node}", line))
    said = str(refused.value)
    assert said.startswith(f"step 2 (dark), run line 2 `{line}`: ")
    assert said.endswith(f"node {node} is off, and nothing can be typed there")
    assert f"node start {node}" in (refused.value.hint or "")
    check_lines(script(f"node stop {node}", f"node start {node}", line))


def test_other_nodes_are_at_work_meanwhile() -> None:
    """What is typed on all nodes is typed on those that are on (REFERENCE 6)."""
    check_lines(script(f"node stop {PUB}", *AT_SUB[:4], "admin --all show itl"))
    check_lines(script(f"node stop {SUB}", *AT_PUBLISHER[:-1], "phones boot"))
    check_lines(
        script(f"node stop {PUB}", "token create B", "cert import lab --cluster new")
    )
    with pytest.raises(PhoneError, match=f"node {PUB} is off"):
        check_lines(
            script(*(f"node stop {n}" for n in (PUB, SUB)), "admin --all show itl")
        )


def test_a_node_stays_off_in_later_steps_and_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "change.toml"
    file.write_text(
        'name = "change"\nlesson = "x"\n[[groups]]\nname = "desk"\n[[steps]]\n'
        f'title = "one"\nrun = ["node stop {SUB}"]\n[[steps]]\ntitle = "two"\nrun = [\n'
        f'    "phones boot",\n    "admin --node {SUB} set cert regen CallManager",\n]\n'
    )
    status, out, err = run_cli("rehearse", "run", str(file))
    assert (status, out) == (1, "")
    assert err.startswith(f"tokenless: {file}:12: step 2 (two), run line 2 ")
    assert f"node {SUB} is off" in err


def test_a_refusal_that_is_expected_comes_when_it_is_played() -> None:
    lines = (f"node stop {SUB}", f"admin --node {SUB} set cert regen CallManager")
    last = play_alone(Rehearsal(script(*lines, refused=True), 1)).steps[-1]
    assert last.refusal is not None
    assert last.refusal.startswith(f"node {SUB} is off")
    assert last.ok


def test_of_a_change_nothing_is_typed_on_a_node_that_fails() -> None:
    change = script(f"cert sign TVS --node {SUB}", "cert upload CAPF-trust token:A")
    lines = {
        fault.name: with_faults(change, [fault]).steps[1].run
        for fault in single_faults(change, 2)
    }
    assert lines[f"node-down:2:{SUB}"] == (
        f"node stop {SUB}",
        "cert upload CAPF-trust token:A",
    )
    assert lines[f"node-down:2:{PUB}"] == (
        f"node stop {PUB}",
        f"cert sign TVS --node {SUB}",
    )
