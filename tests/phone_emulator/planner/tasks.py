"""Changes of small clusters that are planned for."""

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import Regenerate, ResetPhones
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release

NODES = ("pub", "sub1")


def layout_of(
    version: str, nodes: tuple[str, ...] = NODES, mixed: bool = True
) -> ClusterLayout:
    """Return a cluster whose phones are reset as its release does by default."""
    release = Release.parse(version)
    default = PhoneInteraction.default_of(release)
    return ClusterLayout(release, nodes, mixed, interaction=default)


def task(
    goal: str,
    *,
    version: str = "10.5(1)",
    models: tuple[str, ...] = ("7975",),
    nodes: tuple[str, ...] = NODES,
    mixed: bool = True,
    strict: bool = False,
) -> Task:
    layout = layout_of(version, nodes, mixed)
    groups = tuple(
        PhoneGroup(f"{model}-{name}", model, number)
        for model in models
        for number, name in enumerate(nodes)
    )
    return Task(layout, groups, parse_goal(goal, layout), strict)


def rounds(plan: Plan) -> list[list[TrustStore]]:
    """Return the units of each round."""
    found: list[list[TrustStore]] = [[]]
    for planned in plan.steps or ():
        match planned.step:
            case Regenerate(unit=unit):
                found[-1].append(unit)
            case ResetPhones():
                found.append([])
            case _:
                pass
    return found[:-1]
