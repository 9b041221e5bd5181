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
from tokenless.services.config import load_config

_MODELS: Final = (("office", "7975"), ("branch", "8861"))
_PHONES: Final = 20
_CHANGED: Final = (TrustStore.CALLMANAGER, TrustStore.TVS)


def guided_study(now: datetime) -> Study:
    """Return the study of the first visit."""
    config = load_config(None, {})
    ordered = sorted(config.nodes, key=lambda node: not node.publisher)
    names = tuple(node.name for node in ordered)
    groups = tuple(
        Group(name=name, model=model, tftp=names[at:] + names[:at])
        for at, (name, model) in enumerate(_MODELS)
    )
    mixed = ("admin utils ctl set-cluster mixed-mode", RESTART_TFTP, "phones boot")
    script = Script(
        name="first-visit",
        lesson="CallManager and TVS are never both new to a phone.",
        groups=groups,
        steps=(Step("Current state", mixed, "Every phone holds what is served."),),
    )
    members = config.callmanager_groups[0]
    units = [
        unit.value if unit in UNITS_OF_PUBLISHER else f"{unit.value}@{name}"
        for unit in UNITS
        for name in (names[:1] if unit in UNITS_OF_PUBLISHER else names)
    ]
    cluster = Understood(
        script=script,
        version=config.cluster.version,
        version_why="the lab's",
        is_mixed=True,
        tokens=0,
        group=members.name,
        members=tuple(members.members),
        tftp_nodes=names,
        nodes=tuple(
            NodeFact(
                node.name,
                node.address,
                tuple(role.value for role in NodeRole if role in node.activated),
                node.publisher,
            )
            for node in ordered
        ),
        phones=tuple(
            PhoneFact(group.name, group.model, group.model, None) for group in groups
        ),
        guesses=(),
        units=tuple(units),
    )
    ticked = [unit for unit in units if unit.partition("@")[0] in _CHANGED]
    return Study(
        name="A first visit",
        made=now,
        cluster=cluster,
        is_confirmed=True,
        change=Change("ticked", tuple(ticked)),
        phones=_PHONES,
        is_guided=True,
        history=(Event(now, "The guided visit was begun."),),
    )
