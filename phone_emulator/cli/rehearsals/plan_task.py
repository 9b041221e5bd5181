"""The task of `rehearse plan`: a goal and a cluster, as options describe them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import msgspec

from tokenless.command_line import gathered
from tokenless.inputs import INPUT_FILE
from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.cli.options import (
    models_option,
    names_in,
    parse_models,
    parse_release,
)
from tokenless.phone_emulator.errors import PhoneError, naming_by_hand
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.task import Task, node_number, parse_goal
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.rehearsal.planning.script import script_of
from tokenless.phone_emulator.rehearsal.planning.starting_point import (
    continued,
    task_for,
)
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.script import Approximated, Script
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.codes import (
    EVERY_ROLE,
    MULTI_SERVER_UNITS,
    UNITS,
    NodeRole,
    TrustStore,
)
from tokenless.protocol.phone_interaction import PhoneInteraction

_MAX_NODES: Final = 21
"""So many servers a cluster has at most."""
_MAX_MEMBERS: Final = 5


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """A request for a plan: the goal and the cluster."""

    goal: str
    version: str
    task: Task
    script: Script | None
    """The rehearsal that ends with that cluster, where one was named."""

    @property
    def guesses(self) -> Sequence[Approximated]:
        """What `rehearse import` guessed of the cluster: the plan rests on it."""
        return () if self.script is None else self.script.approximations

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
    tftp: str | None,
    callmanager_groups: tuple[str, ...],
    multi_server: str | None,
    ca_signed: str | None,
    rehearsal: Path | None,
    strict: bool,
    phone_interaction: str | None,
) -> AskedPlan:
    if rehearsal is not None:
        script = load_script(rehearsal, check_file)
        return AskedPlan(goal, version, task_for(script, goal, strict=strict), script)
    with naming_by_hand():
        layout = _issued(
            _layout(version, nodes, phone_interaction, is_mixed=mode == "mixed"),
            multi_server,
            ca_signed,
        )
        if tftp:
            layout = replace(layout, roles=_roles(layout, _numbers(tftp, layout)))
        groups = _groups(models, layout, tftp, callmanager_groups)
        task = Task(layout, groups, parse_goal(goal, layout), strict)
    return AskedPlan(goal, version, task, None)


task_options = gathered(
    "asked",
    _asked,
    click.option(
        "--goal",
        required=True,
        help='The change to plan: "regenerate CallManager, TVS, CAPF". A unit is '
        "replaced on every node that has it; CallManager@NODE means one node.",
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
    click.option(
        "--phone-interaction",
        type=click.Choice(list(map(str, PhoneInteraction))),
        help="Resets of phones when a certificate changes: automatic, or manual (by "
        "hand); default: automatic from 14 on.",
    ),
    models_option,
    click.option(
        "--nodes",
        default="cucm-1051-a-pub,cucm-1051-a-sub1",
        metavar="NODE[,NODE…]",
        help="The nodes, the publisher first; at most 21.",
    ),
    click.option(
        "--tftp",
        metavar="NODE[,NODE…]",
        help="The nodes that serve phones; default: all. Every model has a group of "
        "phones at each of them.",
    ),
    click.option(
        "--callmanager-group",
        "callmanager_groups",
        multiple=True,
        metavar="NODE[,NODE…]",
        help="A CallManager group: the TVS members of its phones. Repeat the option "
        "for more groups; default: one group of the first five nodes.",
    ),
    click.option(
        "--multi-server",
        metavar="UNIT[,UNIT…]",
        help="Units of which one certificate serves all nodes: CallManager, TVS (from "
        "14 on). Before 14 they must be in --ca-signed, too.",
    ),
    click.option(
        "--ca-signed",
        metavar="UNIT[,UNIT…]",
        help="Units whose certificates a CA signs.",
    ),
    click.option(
        "--for",
        "rehearsal",
        type=INPUT_FILE,
        metavar="FILE",
        help="Plan for the cluster and the phones at the end of this rehearsal (as "
        "`rehearse import` makes it); replaces --version, --mode, --models, "
        "--nodes, --tftp, --callmanager-group and --phone-interaction.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Require that phones can fail over to another node after every step.",
    ),
)


def _roles(
    layout: ClusterLayout, serving: Sequence[int]
) -> tuple[frozenset[NodeRole], ...]:
    """Return the roles of nodes of which only some serve TFTP."""
    return tuple(
        EVERY_ROLE if node in serving else EVERY_ROLE - {NodeRole.TFTP}
        for node in range(len(layout.nodes))
    )


def _issued(
    layout: ClusterLayout, multi_server: str | None, ca_signed: str | None
) -> ClusterLayout:
    """Return the layout with the units that are shared, and that a CA signs.

    Raises:
        PhoneError: When there is no such unit, or the release shares none.
    """
    shared, signed = _units(multi_server), _units(ca_signed)
    release = layout.release
    for unit in shared:
        if unit is TrustStore.TVS and not release.shares_tvs:
            raise PhoneError(
                "before 14 each node has its own TVS certificate", hint="leave it out"
            )
        if unit not in MULTI_SERVER_UNITS:
            raise PhoneError(f"{unit} is never multi-server", hint="leave it out")
        if unit not in signed and not release.shares_self_signed:
            raise PhoneError(
                f"before 14 a self-signed {unit} certificate is for one node only",
                hint=f"add --ca-signed {unit}",
            )
    if TrustStore.ITLRECOVERY in signed:
        raise PhoneError("no CA signs ITLRecovery", hint="leave it out")
    return replace(layout, shared=frozenset(shared), signed=frozenset(signed))


def _units(text: str | None) -> tuple[TrustStore, ...]:
    by_name = {unit.lower(): unit for unit in UNITS}
    names = names_in(text or "")
    wrong = [name for name in names if name.lower() not in by_name]
    if wrong:
        known = ", ".join(UNITS)
        raise PhoneError(f"there is no unit {wrong[0]!r}", hint=f"units are {known}")
    return tuple(by_name[name.lower()] for name in names)


def _layout(
    version: str, nodes: str, interaction: str | None, *, is_mixed: bool
) -> ClusterLayout:
    names = names_in(nodes)
    wrong = [name for name in names if not HOST.fullmatch(name)]
    if wrong:
        raise PhoneError(
            f"{wrong[0]!r} is not a valid node name", hint="use a host name"
        )
    if len(set(names)) != len(names):
        raise PhoneError(f"a node is named twice in {nodes}", hint="name each once")
    if not 1 <= len(names) <= _MAX_NODES:
        raise PhoneError(
            f"plan takes 1 to {_MAX_NODES} nodes, not {len(names)}",
            hint="a cluster has no more; name the publisher first",
        )
    release = parse_release(version)
    wanted = PhoneInteraction(interaction or PhoneInteraction.default_of(release))
    if wanted is PhoneInteraction.AUTOMATIC and not release.has_phone_interaction:
        raise PhoneError(
            f"{version} does not reset phones automatically",
            hint="releases from 12.5 on can",
        )
    return ClusterLayout(release, names, is_mixed, interaction=wanted)


def _numbers(text: str, layout: ClusterLayout) -> tuple[int, ...]:
    """Return nodes by number. Raises PhoneError when one is none of the cluster."""
    return tuple(node_number(name, layout) for name in names_in(text))


def _groups(
    models: str,
    layout: ClusterLayout,
    tftp: str | None,
    callmanager_groups: tuple[str, ...],
) -> tuple[PhoneGroup, ...]:
    serving = _numbers(tftp, layout) if tftp else tuple(layout.tftp_nodes)
    members = [_numbers(text, layout) for text in callmanager_groups]
    if any(not 1 <= len(each) <= _MAX_MEMBERS for each in members):
        raise PhoneError(
            f"a CallManager group has 1 to {_MAX_MEMBERS} nodes",
            hint="repeat --callmanager-group for more groups",
        )
    members = members or [tuple(range(len(layout.nodes)))[:_MAX_MEMBERS]]
    return tuple(
        PhoneGroup(
            _group_name(model, layout.nodes[node], number, members), model, node, each
        )
        for model in parse_models(models)
        for node in serving
        for number, each in enumerate(members, 1)
    )


def _group_name(
    model: str, node: str, number: int, members: list[tuple[int, ...]]
) -> str:
    name = f"{model}-at-{node}"
    return name if len(members) == 1 else f"{name}-in-group-{number}"
