"""A plan as a rehearsal: the commands as typed, the model's predictions expected."""

from collections.abc import Iterator, Mapping, Sequence

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    ClusterLayout,
    first_cluster,
)
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    boot,
)
from tokenless.phone_emulator.planner.model.registration import (
    RESTART_CALLMANAGER,
    restarts_callmanager,
)
from tokenless.phone_emulator.planner.model.steps import (
    RESTART_TFTP,
    RESTART_TVS,
    Regenerate,
    ResetPhones,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.plan import Plan, Planned
from tokenless.phone_emulator.planner.verdict import left_as
from tokenless.phone_emulator.rehearsal.scripts import script as scripts
from tokenless.phone_emulator.rehearsal.scripts.script import Expectation, Script, Step
from tokenless.protocol.codes import EVERY_ROLE, UNITS, NodeRole, TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction

_ADDRESS = "127.0.47.{}"
_FIRST_ADDRESS = 155
_MAX_MEMBERS = 5
"""Of a CallManager group, and of the TFTP servers that a phone is told."""


def script_of(plan: Plan, *, name: str, version: str) -> Script:
    """Return a rehearsal of a plan: a first step that sets it up, then its rounds.

    Raises:
        PhoneError: When its phones have several CallManager groups.
        ValueError: When the plan has no steps (a caller's mistake).
    """
    task = plan.task
    return Script(
        name=name,
        lesson=_lesson(plan),
        inferred=True,
        groups=tuple(_group(task, each) for each in task.groups),
        steps=(
            _set_up(task.layout, task.groups),
            *rounds(plan),
        ),
        cluster=_cluster(task, version),
    )


def rounds(plan: Plan) -> Iterator[Step]:
    """Return a plan's rounds as steps, and those that a person must do by hand.

    Raises:
        ValueError: When the plan has no steps (a caller's mistake).
    """
    if plan.steps is None:
        raise ValueError("the plan has no steps to save")
    yield from _rounds(plan.task.groups, plan.steps, plan.restarts)
    yield from _by_hand(plan)


def _lesson(plan: Plan) -> str:
    if not plan.is_safe:
        return "The shortest order of the plan, which is not safe for all groups."
    return "The shortest safe order of the plan."


def _cluster(task: Task, version: str) -> dict[str, object]:
    layout = task.layout
    members = {tuple(group.members_of(layout)) for group in task.groups}
    if len(members) > 1:
        raise PhoneError(
            "a rehearsal has one CallManager group only",
            hint="plan with one --callmanager-group to save the plan",
        )
    chosen = next(iter(members), range(len(layout.nodes)))[:_MAX_MEMBERS]
    nodes = [
        {
            "name": name,
            "address": _ADDRESS.format(_FIRST_ADDRESS + number),
            "publisher": number == 0,
            **_roles(layout, number),
        }
        for number, name in enumerate(layout.nodes)
    ]
    groups = [{"name": "Lab-CMG", "members": [layout.nodes[n] for n in chosen]}]
    settings: dict[str, object] = {"version": version}
    if layout.interaction is not PhoneInteraction.default_of(layout.release):
        settings["phone_interaction"] = layout.interaction.value
    shared = [unit.value for unit in UNITS if unit in layout.shared - layout.signed]
    return {
        "cluster": settings,
        **({"certificates": {"multi_server": shared}} if shared else {}),
        "nodes": nodes,
        "callmanager_groups": groups,
    }


def _roles(layout: ClusterLayout, node: int) -> dict[str, object]:
    """Return the roles of a node where it has not all; lines are typed in this order.

    CAPF serves phones on the publisher only: no subscriber is to be configured with it.
    """
    may_have = EVERY_ROLE if node == PUBLISHER else EVERY_ROLE - {NodeRole.CAPF}
    roles = layout.roles_of(node) & may_have
    if roles == may_have:
        return {}
    return {"roles": [role.value for role in NodeRole if role in roles]}


def _signed(layout: ClusterLayout) -> Iterator[str]:
    """Let a CA sign the CA-signed units."""
    for unit in UNITS:
        if unit in layout.signed & layout.shared:
            yield f"cert sign {unit}"
        elif unit in layout.signed:
            yield from (
                f"cert sign {unit} --node {layout.nodes[node]}"
                for node in layout.holders(unit)
            )
    if TrustStore.TVS in layout.signed:
        yield RESTART_TVS
    if TrustStore.CALLMANAGER in layout.signed and restarts_callmanager(layout):
        yield RESTART_CALLMANAGER


def _group(task: Task, group: PhoneGroup) -> scripts.Group:
    nodes = dict.fromkeys((group.node, *sorted({each.node for each in task.groups})))
    names = tuple(task.layout.nodes[node] for node in nodes)[:_MAX_MEMBERS]
    return scripts.Group(name=group.name, model=group.model, tftp=names)


def _set_up(layout: ClusterLayout, groups: Sequence[PhoneGroup]) -> Step:
    from_empty = _first_boots(layout, groups)
    mixed = ("admin utils ctl set-cluster mixed-mode", RESTART_TFTP)
    return Step(
        title="The cluster before the change",
        run=(
            *_signed(layout),
            *(mixed if layout.is_mixed else (RESTART_TFTP,) if layout.signed else ()),
            "phones boot",
        ),
        why="Every phone holds what its node serves.",
        expect=tuple(expectations(groups, from_empty)),
    )


def _first_boots(
    layout: ClusterLayout, groups: Sequence[PhoneGroup]
) -> dict[str, PredictedBoot]:
    cluster = first_cluster(layout)
    return {each.name: boot(layout, cluster, each, PhoneLists()) for each in groups}


def _rounds(
    groups: Sequence[PhoneGroup], steps: Sequence[Planned], restarts: Sequence[int]
) -> Iterator[Step]:
    """Put all steps up to a reset of the phones into one."""
    waiting: list[Planned] = []
    for step in steps:
        waiting.append(step)
        if isinstance(step.step, ResetPhones):
            yield _round(groups, waiting, restarts)
            waiting = []
    if waiting:
        yield _round(groups, waiting, restarts)


def _round(
    groups: Sequence[PhoneGroup], steps: Sequence[Planned], restarts: Sequence[int]
) -> Step:
    changes = [each.title for each in steps if isinstance(each.step, Regenerate)]
    return Step(
        title="; ".join(changes) or steps[0].title,
        run=tuple(
            line
            for each in steps
            for line in (
                *((RESTART_CALLMANAGER,) if each.number in restarts else ()),
                *each.commands,
            )
        ),
        expect=(
            *expectations(groups, steps[-1].boots, steps[-1].other_boots),
            *_at_risk(steps),
        ),
    )


def _at_risk(steps: Sequence[Planned]) -> Iterator[Expectation]:
    """Expect that groups may refuse something while nodes follow a change."""
    names = dict.fromkeys(name for step in steps for name in step.refused)
    for name in names:
        yield Expectation(group=name, at_risk=True)


def expectations(
    groups: Sequence[PhoneGroup],
    boots: Mapping[str, PredictedBoot],
    others: Mapping[str, Sequence[PredictedBoot]] | None = None,
) -> Iterator[Expectation]:
    """Return what the model predicts, as expectations of a step.

    Args:
        groups: The phones.
        boots: What comes of their boot, by group.
        others: What comes of it for phones of a group that hold something else; what
            differs between them is not expected of anybody.
    """
    for group in groups:
        usual = boots.get(group.name)
        if usual is not None:
            alike = [_expected(group, usual)]
            alike += [
                _expected(group, each) for each in (others or {}).get(group.name, ())
            ]
            yield _common(alike)


def _expected(group: PhoneGroup, boot: PredictedBoot) -> Expectation:
    return Expectation(
        group=group.name,
        outcome="rejected" if boot.refusals else "ok",
        ctl=str(boot.ctl.action),
        itl=None if boot.itl is None else str(boot.itl.action),
        verified_by=boot.ctl.verified_by,
        itl_verified_by=None if boot.itl is None else boot.itl.verified_by,
        stuck=bool(boot.refusals),
    )


def _common(expected: Sequence[Expectation]) -> Expectation:
    """Return what all of them expect."""
    first = expected[0]
    fields = {
        name: getattr(first, name)
        for name in first.__struct_fields__
        if all(getattr(each, name) == getattr(first, name) for each in expected)
    }
    return Expectation(**fields)


def _by_hand(plan: Plan) -> Iterator[Step]:
    if groups := plan.by_hand:
        names = " ".join(group.name for group in groups)
        yield Step(
            title="The CTL deleted by hand",
            run=(f"phones delete-trust {names}", f"phones boot {names}"),
            why=f"No order is safe for these phones: at the end they {left_as(plan)}.",
            expect=tuple(
                Expectation(group=group.name, outcome="ok", stuck=False)
                for group in groups
            ),
        )
