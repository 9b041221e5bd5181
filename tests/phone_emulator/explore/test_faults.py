"""Faults are edits of a script: which there are, and what they make of it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from tokenless.phone_emulator.cli.rehearsals import rehearse
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.explore.catalogue import (
    named_faults,
    sampled_pairs,
    single_faults,
)
from tokenless.phone_emulator.rehearsal.explore.faults import (
    AFTERWARDS,
    Fault,
    with_faults,
)
from tokenless.phone_emulator.rehearsal.scripts.actions import Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
TFTP = "utils service restart Cisco Tftp"

CHANGE = Script(
    name="change",
    lesson="A CallManager certificate is made anew.",
    groups=(Group(name="at-pub", tftp=(PUB, SUB)), Group(name="at-sub", tftp=(SUB,))),
    steps=(
        Step(
            title="as it is",
            run=("admin utils ctl set-cluster mixed-mode", f"admin --all {TFTP}"),
        ),
        Step(
            title="change",
            run=(
                "admin set cert regen CallManager",
                "admin utils ctl update CTLFile",
                f"admin --all {TFTP}",
                "phones boot at-pub at-sub",
            ),
        ),
        Step(title="later", run=("phones boot",)),
    ),
)


def all_faults() -> dict[str, Fault]:
    return {fault.name: fault for fault in single_faults(CHANGE, 2)}


def lines(*names: str) -> list[tuple[str, ...]]:
    known = all_faults()
    script = with_faults(CHANGE, [known[name] for name in names])
    check_lines(script)
    return [step.run for step in script.steps]


def test_every_kind_of_fault_is_in_the_catalogue() -> None:
    assert sorted(all_faults()) == sorted(
        [
            *(f"twice:2.{line}" for line in (1, 2, 3)),
            *(f"early-reset:2.{line}" for line in (1, 2)),
            f"wrong-node:2.1:{SUB}",
            "ctl-update-forgotten:2.2",
            "restart-forgotten:2.3",
            f"restart-forgotten:2.3:{PUB}",
            f"restart-forgotten:2.3:{SUB}",
            "reset-forgotten:2.4",
            "reset-forgotten:3.1",
            *(f"database-away:2.{line}" for line in (1, 2)),
            *(
                f"{kind}:{step}:{node}"
                for kind in ("node-down", "tvs-down", "link-cut")
                for step in (2, 3)
                for node in (PUB, SUB)
            ),
            *(
                f"group-off:{steps}:{group}"
                for group in ("at-pub", "at-sub")
                for steps in ("2-2", "2-3", "3-3")
            ),
        ]
    )


def test_the_first_step_may_fail_too_when_asked() -> None:
    names = {fault.name for fault in single_faults(CHANGE, 1)}
    assert f"restart-forgotten:1.2:{SUB}" in names
    assert f"node-down:1:{PUB}" in names


def test_without_faults_only_the_last_restart_is_added() -> None:
    script = with_faults(CHANGE, ())
    assert [step.run for step in script.steps[:-1]] == [s.run for s in CHANGE.steps]
    assert script.steps[-1].title == AFTERWARDS
    assert script.steps[-1].run == ("phones boot",)


def test_a_refusal_that_the_change_foresees_is_no_fault() -> None:
    first, refused, last = CHANGE.steps
    change = replace(CHANGE, steps=(first, replace(refused, refused=True), last))
    assert [step.refused for step in with_faults(change, ()).steps] == [
        False,
        True,
        False,
        False,
    ]


def test_nothing_is_typed_on_a_node_that_is_down() -> None:
    _, change, later, _ = lines(f"node-down:2:{SUB}")
    assert change == (
        f"node stop {SUB}",
        "admin set cert regen CallManager",
        "admin utils ctl update CTLFile",
        f"admin --node {PUB} {TFTP}",
        "phones boot at-pub at-sub",
    )
    assert later[0] == f"node start {SUB}"
    _, change, _, _ = lines(f"node-down:2:{PUB}")
    assert change == (
        f"node stop {PUB}",
        f"admin --node {SUB} {TFTP}",
        "phones boot at-pub at-sub",
    )


def test_phones_that_are_off_restart_when_they_are_back() -> None:
    _, change, later, last = lines("group-off:2-3:at-sub")
    assert change[0] == "phones off at-sub"
    assert change[-1] == "phones boot at-pub"
    assert later == ("phones boot",)
    assert last == ("phones on at-sub", "phones boot")


def test_a_restart_is_forgotten_on_one_node() -> None:
    _, change, _, _ = lines(f"restart-forgotten:2.3:{PUB}")
    assert change[2] == f"admin --node {SUB} {TFTP}"
    _, change, _, _ = lines("restart-forgotten:2.3")
    assert TFTP not in " ".join(change)


def test_two_faults_are_laid_over_one_script() -> None:
    _, change, later, last = lines("ctl-update-forgotten:2.2", f"tvs-down:3:{SUB}")
    assert "admin utils ctl update CTLFile" not in change
    assert later[0].endswith("stop Cisco Trust Verification Service")
    assert last[0].endswith("start Cisco Trust Verification Service")


def test_a_command_is_refused_while_the_database_is_away() -> None:
    _, change, later, _ = lines("database-away:2.2")
    assert change[1:3] == ("database away", "admin utils ctl update CTLFile")
    assert later[0] == "database back"
    _, change, later, _ = lines(f"link-cut:2:{SUB}")
    assert change[0] == f"database away {SUB}"
    assert later[0] == f"database back {SUB}"


def test_calls_are_made_again_when_all_is_repaired() -> None:
    """Between groups that are on; they are not typed, so no command goes wrong."""
    there, back = "phones call at-pub --to at-sub", "phones call at-sub --to at-pub"
    calls = Step(title="calls", run=(there, back, there))
    change = replace(CHANGE, steps=(*CHANGE.steps, calls))
    assert with_faults(change, ()).steps[-1].run == ("phones boot", there, back)
    kinds = {each.kind for each in single_faults(change, 4)}
    assert kinds == {"node-down", "tvs-down", "link-cut", "group-off"}
    off = Step(title="off", run=("phones off at-sub",))
    dark = replace(change, steps=(*change.steps, off))
    assert with_faults(dark, ()).steps[-1].run == ("phones boot",)


def test_pairs_are_repeatable_and_never_about_one_line() -> None:
    faults = list(all_faults().values())
    pairs = sampled_pairs(CHANGE, faults, 40, seed=7)
    assert len(pairs) == 40
    assert pairs == sampled_pairs(CHANGE, faults, 40, seed=7)
    assert pairs != sampled_pairs(CHANGE, faults, 40, seed=8)
    for one, other in pairs:
        assert not set(one.replaced) & set(other.replaced)
        check_lines(with_faults(CHANGE, (one, other)))
    assert len(sampled_pairs(CHANGE, faults, 10_000, seed=7)) < 10_000


def test_a_run_is_known_by_its_name() -> None:
    faults = list(all_faults().values())
    chosen = named_faults(faults, "twice:2.1+reset-forgotten:3.1")
    assert [each.name for each in chosen] == ["twice:2.1", "reset-forgotten:3.1"]
    with pytest.raises(PhoneError, match=r"no fault 'twice:9\.9'") as caught:
        named_faults(faults, "twice:2.1+twice:9.9")
    assert "--list" in caught.value.explain()
    for pair in ("twice:2.1+twice:2.1", f"twice:2.1+wrong-node:2.1:{SUB}"):
        with pytest.raises(PhoneError, match="cannot be played together"):
            named_faults(faults, pair)
    with pytest.raises(PhoneError, match="no fault ''"):
        named_faults(faults, "twice:2.1+")


def test_names_of_groups_may_have_any_character() -> None:
    group = Group(name="lobby + 'roof': all", tftp=(PUB,))
    boots = Step(title="later", run=("phones boot at-pub \"lobby + 'roof': all\"",))
    change = replace(
        CHANGE, groups=(*CHANGE.groups, group), steps=(*CHANGE.steps, boots)
    )
    faults = single_faults(change, 4)
    name = f"group-off:4-4:{group.name}"
    (off, twice) = named_faults(faults, f"{name}+node-down:4:{SUB}")
    assert (off.name, twice.name) == (name, f"node-down:4:{SUB}")
    script = with_faults(change, [off])
    check_lines(script)
    assert parse_action(script.steps[3].run[0]) == Phones(PhoneVerb.OFF, (group.name,))
    assert parse_action(script.steps[3].run[1]) == Phones(PhoneVerb.BOOT, ("at-pub",))


def test_what_the_change_itself_switches_is_left_alone() -> None:
    dark = Step(
        title="dark",
        run=(f"node stop {SUB}", "phones off at-sub", f"database away {PUB}"),
    )
    still, light = (
        Step(title="still dark", run=("phones boot",)),
        Step(
            title="light",
            run=(f"node start {SUB}", "phones on", f"database back {PUB}"),
        ),
    )
    last = Step(title="last", run=("admin show itl",))
    change = replace(CHANGE, steps=(dark, still, light, last))
    names = {fault.name for fault in single_faults(change, 1)}
    touching = {n for n in names if n.split(":")[1][0] in "123"} - {
        "reset-forgotten:2.1"
    }
    assert touching == {
        *(f"node-down:{step}:{PUB}" for step in (1, 2, 3)),
        *(f"tvs-down:{step}:{PUB}" for step in (1, 2, 3)),
        *(f"group-off:{steps}:at-pub" for steps in ("1-1", "2-2", "1-2")),
    }
    assert {f"node-down:4:{SUB}", "group-off:4-4:at-sub", f"link-cut:4:{PUB}"} < names


def test_a_service_is_restarted_where_it_is_activated() -> None:
    nodes = [
        {"name": PUB, "address": "127.0.47.155", "publisher": True},
        {"name": SUB, "address": "127.0.47.156", "roles": ["callmanager"]},
        {"name": "sub2", "address": "127.0.47.157"},
    ]
    group = Group(name="phones", tftp=(PUB,))
    settings = {
        "nodes": nodes,
        "callmanager_groups": [{"name": "Lab-CMG", "members": [PUB]}],
    }
    change = replace(CHANGE, groups=(group,), cluster=settings, steps=CHANGE.steps[:1])
    names = {fault.name: fault for fault in single_faults(change, 1)}
    assert f"restart-forgotten:1.2:{SUB}" not in names
    forgotten = names[f"restart-forgotten:1.2:{PUB}"]
    assert with_faults(change, [forgotten]).steps[0].run[1:] == (
        f"admin --node sub2 {TFTP}",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--least", "nan"), "'nan' is not a number"),
        (("--list", "--report", "page.html"), "--list and --report cannot be combined"),
        (("--list", "--replay", "no-fault"), "cannot be combined"),
        (("--keep", "kept"), "--keep is for --replay"),
        (
            ("--only", "ctl-update-forgotten", "--from-step", "5"),
            "has no such fault from step 5 on",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    words: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(rehearse, ["explore", "tvs-down", *words])
    assert said in f"{done.output}{done.exception}"
    assert done.exit_code != 0


def test_a_change_without_phones_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "change.toml"
    file.write_text(
        'name = "change"\nlesson = "none"\ngroups = []\n'
        '[[steps]]\ntitle = "one"\nrun = ["admin show itl"]\n'
    )
    done = CliRunner().invoke(rehearse, ["explore", str(file)])
    assert "change has no phones" in str(done.exception)


def test_faults_are_listed_for_programs_too() -> None:
    done = CliRunner().invoke(rehearse, ["explore", "tvs-down", "--list", "--json"])
    listed = [json.loads(line) for line in done.output.splitlines()]
    assert len(listed) > 1
    assert all({"name", "words"} == set(each) for each in listed)


def test_a_command_that_only_the_publisher_has_is_not_typed_elsewhere() -> None:
    names = all_faults()
    assert not any(name.startswith("wrong-node:2.2") for name in names)


@pytest.mark.parametrize(("present", "first"), [(1, 2), (2, 3), (3, 1)])
def test_steps_that_make_the_present_state_have_no_faults(
    tmp_path: Path, present: int, first: int
) -> None:
    """An import writes those of earlier regenerations; without a change, all count."""
    path = tmp_path / "change.toml"
    path.write_text(write_script(replace(CHANGE, present_steps=present)))
    done = CliRunner().invoke(rehearse, ["explore", str(path), "--list", "--json"])
    assert done.exit_code == 0, done.output
    names = [json.loads(line)["name"] for line in done.stdout.splitlines()]
    assert min(int(name.split(":")[1][0]) for name in names) == first
