"""`tokenless rehearse plan`: the shortest order of steps that locks no phone out."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec

from tokenless.command_line import complain
from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.cli.options import (
    gathered,
    models_option,
    parse_models,
    parse_release,
)
from tokenless.phone_emulator.cli.saving import save_script
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.goal import parse_goal
from tokenless.phone_emulator.planner.model import Site
from tokenless.phone_emulator.planner.phones import Group
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.report import in_words, to_json
from tokenless.phone_emulator.planner.task import Task
from tokenless.phone_emulator.rehearsal.line_check import check_file
from tokenless.phone_emulator.rehearsal.planned import script_of
from tokenless.phone_emulator.rehearsal.planned_from import continued, task_for
from tokenless.phone_emulator.rehearsal.script import Script, load_script
from tokenless.phone_emulator.rehearsal.script_text import write_script

_MAX_NODES: Final = 5


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a person wants planned, and for which cluster."""

    goal: str
    version: str
    task: Task
    script: Script | None
    """The rehearsal that ends with that cluster, where one was named."""

    def played(self, made: Plan, name: str) -> Script:
        """Return the plan as a rehearsal."""
        if self.script is None:
            return script_of(made, name=name, version=self.version)
        return msgspec.structs.replace(continued(self.script, made), name=name)


def _asked(
    *,
    goal: str,
    version: str,
    mode: str,
    models: str,
    nodes: str,
    rehearsal: Path | None,
    strict: bool,
) -> _Asked:
    if rehearsal is not None:
        script = load_script(rehearsal, check_file)
        return _Asked(goal, version, task_for(script, goal, strict=strict), script)
    site = _site(version, nodes, is_mixed=mode == "mixed")
    task = Task(site, _groups(models, site), parse_goal(goal, site), strict)
    return _Asked(goal, version, task, None)


_task_options = gathered(
    "asked",
    _asked,
    click.option(
        "--goal",
        required=True,
        help='What is to be done: "regenerate CallManager, TVS, CAPF". A unit is '
        "replaced on every node that has it; CallManager@NODE names one.",
    ),
    click.option(
        "--version",
        "version",
        default="10.5(1)",
        help="The cluster's release.",
    ),
    click.option(
        "--mode",
        type=click.Choice(["mixed", "non-secure"]),
        default="mixed",
        help="The cluster's security mode.",
    ),
    models_option,
    click.option(
        "--nodes",
        default="cucm-1051-a-pub,cucm-1051-a-sub1",
        metavar="NODE[,NODE…]",
        help="The nodes, the publisher first; all are TVS members of the phones.",
    ),
    click.option(
        "--for",
        "rehearsal",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Plan for the cluster and the phones that this rehearsal ends with (made "
        "by `rehearse import`), whatever --version, --mode, --models and --nodes say.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Let phones be able to change nodes after every step.",
    ),
)


@click.command("plan")
@_task_options
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan as a rehearsal: `tokenless rehearse run FILE`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(*, asked: _Asked, save: Path | None, as_json: bool) -> None:
    """Search orders of steps on a model of the cluster and its phones.

    Says what the change does when it is made in one go, the shortest order that locks
    no phone out, the anchors that survive each step, and what must not be done next.
    Exit status 1 when no order is safe.
    """
    made = make_plan(asked.task)
    if as_json:
        click.echo(json.dumps(to_json(made)))
    else:
        for line in in_words(made):
            click.echo(line)
    if made.steps is None:
        error = PhoneError("no order is safe for these phones", hint=_what_to_do(made))
        complain(error.explain())
        sys.exit(1)
    if save is not None:
        comment = (
            f"Made by `tokenless rehearse plan --goal {asked.goal!r}`.\n"
            "What is expected is what the model predicts; playing it is the proof."
        )
        save_script(save, write_script(asked.played(made, save.stem), comment=comment))


def _site(version: str, nodes: str, *, is_mixed: bool) -> Site:
    names = tuple(name.strip() for name in nodes.split(",") if name.strip())
    are_names = all(HOST.fullmatch(name) for name in names)
    if not are_names or not 1 <= len(names) == len(set(names)) <= _MAX_NODES:
        raise PhoneError(
            f"{nodes!r} are no nodes to plan for",
            hint=f"name 1 to {_MAX_NODES} different ones, the publisher first",
        )
    return Site(parse_release(version), names, is_mixed)


def _groups(models: str, site: Site) -> tuple[Group, ...]:
    return tuple(
        Group(f"{model}-at-{name}", model, number)
        for model in parse_models(models)
        for number, name in enumerate(site.nodes)
    )


def _what_to_do(made: Plan) -> str:
    if made.gave_up:
        return "plan for fewer units at a time"
    return (
        "delete the CTL on each phone after the change, or keep tokens that sign the "
        "CTL"
    )
