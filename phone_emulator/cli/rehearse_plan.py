"""`tokenless rehearse plan`: the shortest order of steps that locks no phone out."""

import json
import re
import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from phone_emulator.errors import PhoneError
from phone_emulator.planner.goal import parse_goal
from phone_emulator.planner.model import Site
from phone_emulator.planner.phones import Group
from phone_emulator.planner.plan import Plan, make_plan
from phone_emulator.planner.report import in_words, to_json
from phone_emulator.planner.task import Task
from phone_emulator.rehearsal.planned import script_of
from phone_emulator.rehearsal.planned_from import continued, task_for
from phone_emulator.rehearsal.script import Script, load_script
from phone_emulator.rehearsal.script_text import write_script
from protocol.phone_models import PHONE_MODELS
from protocol.release import Release

_MAX_NODES: Final = 5
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@click.command("plan")
@click.option(
    "--goal",
    required=True,
    help='What is to be done: "regenerate CallManager, TVS, CAPF". A unit is replaced '
    "on every node that has it; CallManager@NODE names one.",
)
@click.option(
    "--version",
    "version",
    default="10.5(1)",
    show_default=True,
    help="The cluster's release.",
)
@click.option(
    "--mode",
    type=click.Choice(["mixed", "non-secure"]),
    default="mixed",
    show_default=True,
    help="The cluster's security mode.",
)
@click.option(
    "--models",
    default="7975",
    show_default=True,
    metavar="MODEL[,MODEL…]",
    help="Which phones there are, at every node.",
)
@click.option(
    "--nodes",
    default="cucm-1051-a-pub,cucm-1051-a-sub1",
    show_default=True,
    metavar="NODE[,NODE…]",
    help="The nodes, the publisher first; all are TVS members of the phones.",
)
@click.option(
    "--for",
    "rehearsal",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Plan for the cluster and the phones that this rehearsal ends with (made by "
    "`rehearse import`), whatever --version, --mode, --models and --nodes say.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Let phones be able to change nodes after every step.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan as a rehearsal: `tokenless rehearse run FILE`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(
    *,
    goal: str,
    version: str,
    mode: str,
    models: str,
    nodes: str,
    rehearsal: Path | None,
    strict: bool,
    save: Path | None,
    as_json: bool,
) -> None:
    """Search orders of steps on a model of the cluster and its phones.

    Says what the change does when it is made in one go, the shortest order that locks
    no phone out, the anchors that survive each step, and what must not be done next.
    Exit status 1 when no order is safe.
    """
    script = None if rehearsal is None else load_script(rehearsal)
    if script is not None:
        task = task_for(script, goal, strict=strict)
    else:
        site = _site(version, nodes, is_mixed=mode == "mixed")
        task = Task(site, _groups(models, site), parse_goal(goal, site), strict)
    made = make_plan(task)
    if as_json:
        click.echo(json.dumps(to_json(made)))
    else:
        for line in in_words(made):
            click.echo(line)
    if made.steps is None:
        error = PhoneError("no order is safe for these phones", hint=_what_to_do(made))
        click.echo(f"tokenless: {error.explain()}", err=True)
        sys.exit(1)
    if save is not None:
        whole = (
            script_of(made, name=save.stem, version=version)
            if script is None
            else msgspec.structs.replace(continued(script, made), name=save.stem)
        )
        _save(whole, save, goal)


def _site(version: str, nodes: str, *, is_mixed: bool) -> Site:
    try:
        release = Release.parse(version)
    except ValueError as error:
        raise PhoneError(str(error), hint='write it as "10.5(1)"') from None
    names = tuple(name.strip() for name in nodes.split(",") if name.strip())
    are_names = all(_HOST.fullmatch(name) for name in names)
    if not are_names or not 1 <= len(names) == len(set(names)) <= _MAX_NODES:
        raise PhoneError(
            f"{nodes!r} are no nodes to plan for",
            hint=f"name 1 to {_MAX_NODES} different ones, the publisher first",
        )
    return Site(release, names, is_mixed)


def _groups(models: str, site: Site) -> tuple[Group, ...]:
    chosen = list(dict.fromkeys(part.strip() for part in models.split(",")))
    unknown = [model for model in chosen if model not in PHONE_MODELS]
    if unknown:
        raise PhoneError(
            f"there is no phone model {', '.join(unknown)}",
            hint=f"known are {', '.join(PHONE_MODELS)}",
        )
    return tuple(
        Group(f"{model}-at-{name}", model, number)
        for model in chosen
        for number, name in enumerate(site.nodes)
    )


def _what_to_do(made: Plan) -> str:
    if made.gave_up:
        return "plan for fewer units at a time"
    return (
        "delete the CTL on each phone after the change, or keep tokens that sign the "
        "CTL"
    )


def _save(script: Script, path: Path, goal: str) -> None:
    comment = (
        f"Made by `tokenless rehearse plan --goal {goal!r}`.\n"
        "What is expected is what the model predicts; playing it is the proof."
    )
    path.write_text(write_script(script, comment=comment), encoding="utf-8")
    click.echo(
        f"{path} is a rehearsal: `tokenless rehearse run {path}` plays it", err=True
    )
