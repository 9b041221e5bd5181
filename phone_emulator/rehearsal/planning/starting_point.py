"""Plan for the cluster of a rehearsal: its steps, carried out on the model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model.cluster import (
    ClusterLayout,
    ClusterState,
    first_cluster,
    serve_all,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup, PhoneLists
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    World,
    apply,
)
from tokenless.phone_emulator.planner.model.task import Task, parse_goal, regeneration
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    LineAction,
    Phones,
    PhoneVerb,
    SignCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Group as ScriptGroup
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import UNITS, Digest, TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.release import Release
from tokenless.protocol.trust.signing import ItlReset
from tokenless.services.changes.certificates import find_store
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.store.parameters import SHA512

_SET_MIXED: Final = "utils ctl set-cluster mixed-mode"
_SET_NON_SECURE: Final = "utils ctl set-cluster non-secure-mode"
_REGENERATE: Final = "set cert regen "
_ON_PUBLISHER: Final[dict[str, PlanStep]] = {
    # A cluster's first CTL holds what an updated one does; back in non-secure mode it
    # is rebuilt, with its servers emptied.
    _SET_MIXED: UpdateCtl(),
    _SET_NON_SECURE: UpdateCtl(),
    "utils ctl update CTLFile": UpdateCtl(),
    "utils ctl reset localkey": ResetCtl(),
    "utils itl reset localkey": ResetItl(),
}
_RESTART_TFTP: Final = "utils service restart Cisco Tftp"
_EVERYWHERE: Final[dict[str, PlanStep]] = {
    _RESTART_TFTP: RestartTftp(),
    "utils service restart Cisco Trust Verification Service": RestartTvs(),
}
_RESTART_CALLMANAGER: Final = "utils service restart Cisco CallManager"


def task_for(script: Script, goal: str, *, strict: bool = False) -> Task:
    """Return the task of changing the cluster that a rehearsal ends with.

    Args:
        script: The rehearsal, such as `rehearse import` makes.
        goal: What is to be done.
        strict: Whether phones must be able to change nodes at any moment.

    Raises:
        PhoneError: When the goal is none, the rehearsal has steps or settings that the
            model does not know, or phones that cannot verify the cluster's signatures.
        ConfigurationError: When the rehearsal's settings cannot be used.
    """
    config = load_config(None, script.cluster)
    if unable := unable_to_verify(script):
        names = ", ".join(printable(group.name) for group in unable)
        raise PhoneError(
            f"phones of {names} cannot verify {SHA512}, with which the cluster signs "
            "its files: no order of steps helps them",
            hint="set TFTP File Signature Algorithm to SHA-1 there first and import "
            "again, or take these groups out of the file",
        )
    if config.tftp.reload == "automatic":
        raise PhoneError(
            "the planner's model does not know files that are served without a restart "
            "of Cisco Tftp (tftp.reload is 'automatic')",
            hint="plan for a rehearsal in which it is 'restart'",
        )
    layout = _layout(script, config)
    members = _members(layout, config)
    groups = tuple(
        _group(layout, config, each, members[each.pool]) for each in script.groups
    )
    start = _world_after(script, layout, groups)
    return Task(layout, groups, parse_goal(goal, layout), strict=strict, start=start)


def unable_to_verify(script: Script) -> tuple[ScriptGroup, ...]:
    """Return the groups whose model cannot verify what the cluster signs with.

    Raises:
        ConfigurationError: When the rehearsal's settings cannot be used.
    """
    config = load_config(None, script.cluster)
    if config.parameters.tftp_file_signature_algorithm != SHA512:
        return ()
    return tuple(
        group
        for group in script.groups
        if Digest.SHA512 not in PHONE_MODELS[group.played].digests
    )


def continued(script: Script, plan: Plan) -> Script:
    """Return the rehearsal with the plan's rounds after its own steps.

    Raises:
        ValueError: When the plan has no steps (a caller's mistake).
    """
    return msgspec.structs.replace(script, steps=(*script.steps, *rounds(plan)))


def _layout(script: Script, config: ClusterConfig) -> ClusterLayout:
    release = Release.parse(config.cluster.version)
    ordered = sorted(config.nodes, key=lambda node: not node.publisher)
    shared = {TrustStore(name) for name in config.certificates.multi_server}
    signed = {}
    for action in _actions(script):
        if isinstance(action, SignCertificate):
            unit = find_store(action.unit)
            signed[unit] = shared.add if action.node is None else shared.discard
            signed[unit](unit)
    return ClusterLayout(
        release,
        tuple(node.name for node in ordered),
        is_mixed=_is_mixed(script),
        interaction=(
            PhoneInteraction.default_of(release)
            if config.cluster.phone_interaction is None
            else PhoneInteraction(config.cluster.phone_interaction)
        ),
        roles=tuple(node.activated for node in ordered),
        shared=frozenset(shared).intersection(UNITS),
        signed=frozenset(signed).intersection(UNITS),
        itl_reset=ItlReset(config.tftp.itl_reset),
    )


def _actions(script: Script) -> list[LineAction]:
    return [parse_action(line) for step in script.steps for line in step.run]


def _is_mixed(script: Script) -> bool:
    """Return whether the rehearsal ends in mixed mode."""
    typed = [each.line for each in _actions(script) if isinstance(each, Admin)]
    modes = [line for line in typed if line in (_SET_MIXED, _SET_NON_SECURE)]
    return bool(modes) and modes[-1] == _SET_MIXED


def _group(
    layout: ClusterLayout,
    config: ClusterConfig,
    group: ScriptGroup,
    members: tuple[int, ...],
) -> PhoneGroup:
    home = group.tftp[0] if group.tftp else layout.nodes[0]
    if home not in layout.nodes:
        raise PhoneError(
            f"phones of the group {group.name} ask {home}, which is not in the cluster",
            hint=f"nodes are {', '.join(layout.nodes)}",
        )
    newest_tls = PHONE_MODELS[group.played].tls[1]
    return PhoneGroup(
        group.name,
        group.played,
        layout.nodes.index(home),
        members,
        speaks_tls=newest_tls >= config.tvs.tls_minimum,
    )


def _members(
    layout: ClusterLayout, config: ClusterConfig
) -> dict[str | None, tuple[int, ...]]:
    """Return the CallManager group of each device pool; of the default one under None.

    Groups of phones belong to that where they name no pool.
    """
    named = {group.name: group.members for group in config.callmanager_groups}
    pools: dict[str | None, tuple[int, ...]] = {None: ()}
    for pool in config.device_pools:
        members = named.get(pool.callmanager_group, ())
        pools[pool.name] = tuple(layout.nodes.index(node) for node in members)
        if pool.default:
            pools[None] = pools[pool.name]
    return pools


def _world_after(
    script: Script, layout: ClusterLayout, groups: tuple[PhoneGroup, ...]
) -> World:
    """Carry the rehearsal's steps out on the model."""
    cluster = serve_all(layout, first_cluster(layout)._replace(ctl=None))
    world = World(cluster, tuple(PhoneLists() for _ in groups))
    at_first = replace(layout, is_mixed=False)
    for text, steps in _steps(script, layout):
        # ITLs and CTLs are made in the mode that the cluster has at that moment.
        if text in (_SET_MIXED, _SET_NON_SECURE):
            at_first = replace(layout, is_mixed=text == _SET_MIXED)
        had_no_ctl = text == _SET_NON_SECURE and world.cluster.ctl is None
        for step in () if had_no_ctl else steps:
            world = (
                world._replace(cluster=_restarted(at_first, world.cluster, step.node))
                if isinstance(step, _RestartOneTftp)
                else apply(at_first, groups, world, step)
            )
    return world


@dataclass(frozen=True, slots=True)
class _RestartOneTftp:
    """Restart Cisco Tftp on one node only: no step of a plan, but what has happened."""

    node: int


def _restarted(layout: ClusterLayout, cluster: ClusterState, node: int) -> ClusterState:
    """Return the cluster after a restart of TFTP on one node."""
    now = serve_all(layout, cluster).served
    served = (*cluster.served[:node], now[node], *cluster.served[node + 1 :])
    return cluster._replace(served=served)


def _steps(
    script: Script, layout: ClusterLayout
) -> Iterator[tuple[str, tuple[PlanStep | _RestartOneTftp, ...]]]:
    """Return the model's steps for a line that is typed in the shell."""
    for each in script.steps:
        for line in each.run:
            action = parse_action(line)
            text = action.line if isinstance(action, Admin) else ""
            yield text, _modelled(action, line, layout)


def _modelled(
    action: LineAction, line: str, layout: ClusterLayout
) -> tuple[PlanStep | _RestartOneTftp, ...]:
    match action:
        case Admin(text, node, None, everywhere=False) if text == _RESTART_TFTP:
            return (_RestartOneTftp(_number_of(node, line, layout)),)
        case Admin(text, None, None, everywhere=True) if text.startswith(_REGENERATE):
            unit = regeneration(text.removeprefix(_REGENERATE), layout.nodes[0], layout)
            if unit.unit in layout.signed:
                return (_step(replace(action, everywhere=False), line, layout),)
            return tuple(
                Regenerate(unit.unit, node) for node in layout.holders(unit.unit)
            )
        case SignCertificate():
            return _sign(action, line, layout)
        case Admin(text, None, None, everywhere=True) if text == _RESTART_CALLMANAGER:
            return ()  # saved plans have it; it changes no file and no answer of TVS
        case _:
            return (_step(action, line, layout),)


def _number_of(node: str | None, line: str, layout: ClusterLayout) -> int:
    """Return the number of the node that a line is typed on: the publisher, if none."""
    names = [each.casefold() for each in layout.nodes]
    if node is not None and node.casefold() not in names:
        raise PhoneError(
            f"the planner's model does not know the step {line!r}: no such node",
            hint=f"nodes are {', '.join(layout.nodes)}",
        )
    return 0 if node is None else names.index(node.casefold())


def _sign(
    action: SignCertificate, line: str, layout: ClusterLayout
) -> tuple[PlanStep, ...]:
    """Return what a CA's new certificate is to the model.

    Raises:
        PhoneError: When the same unit is one certificate for all in another line.
    """
    unit = find_store(action.unit)
    if unit not in UNITS:
        return ()  # no phone acts on it
    if (action.node is None) != (unit in layout.shared):
        raise PhoneError(
            f"the planner's model does not know the step {line!r}: {unit} has "
            "one certificate for all nodes in one step, and one for a node in another",
            hint="plan for a rehearsal that keeps to one of them",
        )
    return (regeneration(action.unit, action.node or layout.nodes[0], layout),)


def _step(action: LineAction, line: str, layout: ClusterLayout) -> PlanStep:
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
            if find_store(unit) in layout.signed:
                raise PhoneError(
                    f"{unknown}: a CA signs {unit} there, and this makes it "
                    "self-signed",
                    hint=f"write `cert sign {unit}`",
                )
            try:
                return regeneration(unit, node or layout.nodes[0], layout)
            except PhoneError as error:
                raise PhoneError(f"{unknown}: {error}", hint=error.hint) from None
        case _:
            raise PhoneError(
                unknown,
                hint="plan for a rehearsal made by `tokenless rehearse import`, of a "
                "cluster without tokens",
            )
