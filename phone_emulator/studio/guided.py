"""The guided first visit: the lab's cluster and one wrong change."""

from datetime import datetime
from typing import Final

from tokenless.phone_emulator.planner.model.steps import RESTART_TFTP
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.studio.study import (
    Change,
    Event,
    NodeFact,
    PhoneFact,
    Study,
    Understood,
)
from tokenless.protocol.codes import UNITS, UNITS_OF_PUBLISHER, NodeRole, TrustStore
from tokenless.services.config import NodeSection, load_config

_MODELS: Final = (("office", "7975"), ("branch", "8861"))
_PHONES: Final = 20
_CHANGED: Final = (TrustStore.CALLMANAGER, TrustStore.TVS)


def guided_study(now: datetime) -> Study:
    """Return the study of the first visit."""
    cluster = _lab()
    changed = (each for each in cluster.units if each.partition("@")[0] in _CHANGED)
    return Study(
        name="A first visit",
        made=now,
        cluster=cluster,
        is_confirmed=True,
        change=Change("ticked", tuple(changed)),
        phones=_PHONES,
        is_guided=True,
        history=(Event(now, "The guided visit was begun."),),
    )


def _lab() -> Understood:
    """Return the lab's cluster as an imported one is understood."""
    config = load_config(None, {})
    nodes = sorted(config.nodes, key=lambda node: not node.publisher)
    names = tuple(node.name for node in nodes)
    script = _script(names)
    members = config.callmanager_groups[0]
    return Understood(
        script=script,
        version=config.cluster.version,
        version_why="the lab's",
        is_mixed=True,
        tokens=0,
        group=members.name,
        members=tuple(members.members),
        tftp_nodes=names,
        nodes=tuple(_fact_of(node) for node in nodes),
        phones=tuple(
            PhoneFact(group.name, group.model, group.model, None)
            for group in script.groups
        ),
        guesses=(),
        units=tuple(
            unit.value if unit in UNITS_OF_PUBLISHER else f"{unit.value}@{name}"
            for unit in UNITS
            for name in (names[:1] if unit in UNITS_OF_PUBLISHER else names)
        ),
    )


def _script(names: tuple[str, ...]) -> Script:
    """Return the rehearsal that makes it, with a group of phones a model."""
    groups = tuple(
        Group(name=name, model=model, tftp=names[at:] + names[:at])
        for at, (name, model) in enumerate(_MODELS)
    )
    mixed = ("admin utils ctl set-cluster mixed-mode", RESTART_TFTP, "phones boot")
    return Script(
        name="first-visit",
        lesson="CallManager and TVS are never both new to a phone.",
        groups=groups,
        steps=(Step("Current state", mixed, "Every phone holds what is served."),),
    )


def _fact_of(node: NodeSection) -> NodeFact:
    roles = tuple(role.value for role in NodeRole if role in node.activated)
    return NodeFact(node.name, node.address, roles, node.publisher)
