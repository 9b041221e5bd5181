"""Plan for the cluster of a rehearsal: its steps, carried out on the model."""

from collections.abc import Iterator
from typing import Final

import msgspec

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.goal import parse_goal, regeneration
from tokenless.phone_emulator.planner.model import Site, first_cluster, serve_all
from tokenless.phone_emulator.planner.phones import Group, Phone
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.planner.steps import (
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    Step,
    UpdateCtl,
    World,
    apply,
)
from tokenless.phone_emulator.planner.task import Task
from tokenless.phone_emulator.rehearsal.actions import Action, Admin, Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.lines import parse_action
from tokenless.phone_emulator.rehearsal.planned import rounds
from tokenless.phone_emulator.rehearsal.script import Group as ScriptGroup
from tokenless.phone_emulator.rehearsal.script import Script
from tokenless.protocol.release import Release
from tokenless.services.config import ClusterConfig, load_config

_SET_MIXED: Final = "utils ctl set-cluster mixed-mode"
_REGENERATE: Final = "set cert regen "
_ON_PUBLISHER: Final[dict[str, Step]] = {
    # A cluster's first CTL holds what an updated one does.
    _SET_MIXED: UpdateCtl(),
    "utils ctl update CTLFile": UpdateCtl(),
    "utils ctl reset localkey": ResetCtl(),
    "utils itl reset localkey": ResetItl(),
}
_EVERYWHERE: Final[dict[str, Step]] = {
    "utils service restart Cisco Tftp": RestartTftp(),
    "utils service restart Cisco Trust Verification Service": RestartTvs(),
}


def task_for(script: Script, goal: str, *, strict: bool = False) -> Task:
    """Return the task of changing the cluster that a rehearsal ends with.

    Args:
        script: The rehearsal, such as `rehearse import` makes.
        goal: What is to be done.
        strict: Whether phones must be able to change nodes at any moment.

    Raises:
        PhoneError: When the goal is none, or the rehearsal has steps that the model
            does not know.
        ConfigurationError: When the rehearsal's settings cannot be used.
    """
    site = _site(script, load_config(None, script.cluster))
    groups = tuple(_group(site, each) for each in script.groups)
    start = _world_after(script, site, groups)
    return Task(site, groups, parse_goal(goal, site), strict=strict, start=start)


def continued(script: Script, plan: Plan) -> Script:
    """Return the rehearsal with the plan's rounds after its own steps.

    Raises:
        ValueError: When the plan has no steps (a caller's mistake).
    """
    return msgspec.structs.replace(script, steps=(*script.steps, *rounds(plan)))


def _site(script: Script, config: ClusterConfig) -> Site:
    ordered = sorted(config.nodes, key=lambda node: not node.publisher)
    lines = [line for step in script.steps for line in step.run]
    return Site(
        Release.parse(config.cluster.version),
        tuple(node.name for node in ordered),
        is_mixed=any(_SET_MIXED in line for line in lines),
    )


def _group(site: Site, group: ScriptGroup) -> Group:
    home = group.tftp[0] if group.tftp else site.nodes[0]
    if home not in site.nodes:
        raise PhoneError(
            f"phones of the group {group.name} ask {home}, which is not in the cluster",
            hint=f"nodes are {', '.join(site.nodes)}",
        )
    return Group(group.name, group.model, site.nodes.index(home))


def _world_after(script: Script, site: Site, groups: tuple[Group, ...]) -> World:
    """Carry the rehearsal's steps out on the model."""
    cluster = serve_all(site, first_cluster(site)._replace(ctl=None))
    world = World(cluster, tuple(Phone() for _ in groups))
    for step in _steps(script, site):
        world = apply(site, groups, world, step)
    return world


def _steps(script: Script, site: Site) -> Iterator[Step]:
    for each in script.steps:
        for line in each.run:
            yield _step(parse_action(line), line, site)


def _step(action: Action, line: str, site: Site) -> Step:
    unknown = f"the planner's model does not know the step {line!r}"
    match action:
        case Phones(verb=PhoneVerb.BOOT, groups=()):
            return ResetPhones()
        case Admin(text, None, None, everywhere=True) if text in _EVERYWHERE:
            return _EVERYWHERE[text]
        case Admin(text, None, None, everywhere=False) if text in _ON_PUBLISHER:
            return _ON_PUBLISHER[text]
        case Admin(text, node, None, everywhere=False) if text.startswith(_REGENERATE):
            unit = text.removeprefix(_REGENERATE)
            try:
                return regeneration(unit, node or site.nodes[0], site)
            except PhoneError as error:
                raise PhoneError(f"{unknown}: {error}", hint=error.hint) from None
        case _:
            raise PhoneError(
                unknown,
                hint="plan for a rehearsal made by `tokenless rehearse import`, of a "
                "cluster without tokens",
            )
