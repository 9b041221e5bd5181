"""The planner predicts what real services and real phones do, after every command.

`test_against_secd` gives real phones the model's lists; here the lists, the answers of
TVS and the verdicts are those of a rehearsal. TOKENLESS_PREDICTIONS=20 plays twenty
walks for each release, in place of one, through all settings in both modes.
"""

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout, ClusterState
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    anchors,
    boot,
    is_reachable,
    tvs_members,
    tvs_of,
)
from tokenless.phone_emulator.planner.model.race import moments, with_new_certificate
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    change,
    commands,
    resets_phones,
)
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.remedy import LAST_RESORTS, RemedyKind
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import KNOWN_RELEASES, Release
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import FileKind

WALKS = int(os.environ.get("TOKENLESS_PREDICTIONS", "1"))
PUB, SUB, FAR = "cucm-1051-a-pub", "cucm-1051-a-sub1", "cucm-1051-a-sub2"
MODELS = ("8861", "7975", "Jabber")
MIXED = ("admin utils ctl set-cluster mixed-mode",)
DELETE = ("phones delete-trust",)
AUTOMATIC = "automatic"
"""Where the release can, phones are reset by themselves, each at its own moment."""
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "two-nodes": {},
    "tftp-apart": {
        "nodes": [
            {
                "name": name,
                "address": f"127.0.47.{155 + number}",
                "publisher": number == 0,
                "roles": roles,
            }
            for number, (name, roles) in enumerate(
                [
                    (PUB, ["callmanager", "capf"]),
                    (SUB, ["tftp", "callmanager"]),
                    (FAR, ["tftp"]),
                ]
            )
        ],
        "callmanager_groups": [{"name": "Lab-CMG", "members": [SUB, PUB]}],
    },
    "reset-each-node": {"tftp": {"itl_reset": "each-node"}},
    AUTOMATIC: {},
    "tls-1.2": {"tvs": {"tls_minimum": "1.2"}},
}
"""Settings of clusters."""


def script_of(version: str, shape: str, *, is_mixed: bool) -> Script:
    """Return a rehearsal of a cluster whose phones hold what it serves."""
    release = Release.parse(version)
    serving = (SUB, FAR) if shape == "tftp-apart" else (PUB, SUB)
    interaction = {}
    if release.has_phone_interaction:
        interaction["phone_interaction"] = AUTOMATIC if shape == AUTOMATIC else "manual"
    restart = commands(ClusterLayout(release), RestartTftp())
    first = (*MIXED, *restart) if is_mixed else ()
    return Script(
        name="walk",
        lesson="The planner knows what comes of it.",
        groups=tuple(
            Group(name=f"{model}-at-{node}", model=model, tftp=(node,), count=1)
            for model in MODELS
            for node in serving
        ),
        steps=(Step(title="", run=(*first, "phones boot", "phones boot")),),
        cluster={"cluster": {"version": version, **interaction}, **SHAPES[shape]},
    )


Refusals = frozenset[tuple[FileKind, Reason | None]]
Held = tuple[PhoneLists, Refusals]


@dataclass(frozen=True)
class Verdict:
    """What there is to say of the phones of a group after a command."""

    is_empty: bool
    anchors: frozenset[str]
    tvs: frozenset[str]
    """The nodes whose TVS they can ask."""
    refused: Refusals
    """At their last boot."""
    would_refuse: Refusals
    """Of phones that refused nothing: what they would now."""
    is_lost: bool
    """They refuse something, and nothing that is done on servers helps."""


class Walk:
    """A cluster of the model and its phones, and the same as lines of a rehearsal."""

    def __init__(self, script: Script) -> None:
        self.task = task_for(script, "TVS")
        self.script = script
        world = self.task.first_world()
        self.cluster = world.cluster
        self.held = {
            group: {self._booted(group, phone)}
            for group, phone in zip(self.task.groups, world.phones, strict=True)
        }
        """What phones of each group may hold, and have refused at their last boot."""
        self.steps = list(script.steps)
        self.predicted = [self._verdicts()]

    def take(self, step: PlanStep) -> None:
        """Do a step."""
        layout = self.task.layout
        if isinstance(step, ResetPhones):
            for group, held in self.held.items():
                self.held[group] = {self._booted(group, phone) for phone, _ in held}
        elif isinstance(step, Regenerate) and resets_phones(layout, step):
            for group in self.held:
                self.held[group] |= self._raced(group, step)
        self.cluster = change(layout, self.cluster, step)
        self._add(commands(layout, step))

    def delete_lists(self) -> None:
        """Delete the lists on every phone by hand."""
        for group, held in self.held.items():
            self.held[group] = {
                (PhoneLists(is_configured=phone.is_configured), refused)
                for phone, refused in held
            }
        self._add(DELETE)

    def _booted(
        self, group: PhoneGroup, phone: PhoneLists, at: ClusterState | None = None
    ) -> Held:
        booted = boot(self.task.layout, at or self.cluster, group, phone)
        return booted.phone, _refused(booted)

    def _raced(self, group: PhoneGroup, step: Regenerate) -> set[Held]:
        """Return what phones may hold that were reset at some moment of a change."""
        layout = self.task.layout
        new = with_new_certificate(layout, self.cluster, step.unit, step.node)
        when = moments(layout, new, step.unit, step.node, group.node)
        return {
            self._booted(group, phone, at)
            for phone, _ in self.held[group]
            for at in when
        }

    def _add(self, lines: tuple[str, ...]) -> None:
        self.steps.append(Step(title=lines[0], run=lines))
        self.predicted.append(self._verdicts())

    def _verdicts(self) -> dict[str, set[Verdict]]:
        """Return what may be said of each group."""
        return {
            group.name: {self._verdict(group, *each) for each in held}
            for group, held in self.held.items()
        }

    def _verdict(
        self, group: PhoneGroup, phone: PhoneLists, refused: Refusals
    ) -> Verdict:
        layout, cluster = self.task.layout, self.cluster
        now = _refused(boot(layout, cluster, group, phone))
        asked = group.members_of(layout)
        can_ask = tvs_members(layout, cluster, group, phone)
        shown = zip(asked, tvs_of(layout, cluster, asked).shown, strict=True)
        return Verdict(
            is_empty=phone.is_empty,
            anchors=frozenset(
                str(who.unit)
                if who.unit is TrustStore.ITLRECOVERY
                else f"{who.unit} of {layout.nodes[who.node]}"
                for who in anchors(layout, cluster, group, phone)
            ),
            tvs=frozenset(layout.nodes[node] for node, who in shown if who in can_ask),
            refused=refused,
            would_refuse=frozenset() if refused else now,
            is_lost=bool(now) and not is_reachable(layout, cluster, group, phone),
        )


def _refused(booted: PredictedBoot) -> Refusals:
    return frozenset((kind, outcome.reason) for kind, outcome in booted.refusals)


def verdict_on(status: GroupStatus) -> Verdict:
    """Return what was found out of a group that was played."""
    fewest = status.fewest
    # No step of a plan lowers the TLS version.
    kinds = {each.kind for each in status.remedies} - LAST_RESORTS
    is_lost = kinds == {RemedyKind.LOWER_TLS} and not (fewest and fewest.signers)
    return Verdict(
        is_empty=fewest is None,
        anchors=frozenset(() if fewest is None else fewest.signers),
        tvs=frozenset(() if fewest is None else fewest.tvs),
        refused=frozenset((each.file, each.code) for each in status.refusals),
        would_refuse=frozenset((each.file, each.code) for each in status.prospects),
        is_lost=status.impact.locked_out > 0 or is_lost,
    )


def change_of(layout: ClusterLayout, chance: random.Random) -> Iterator[PlanStep]:
    """Yield a change of certificates and what follows it, some of it left out."""
    units = chance.sample([TrustStore.CALLMANAGER, TrustStore.TVS], 2)
    units += chance.sample([TrustStore.ITLRECOVERY, TrustStore.CAPF], 2)
    for unit in chance.sample(units, chance.randint(1, 3)):
        holders = list(layout.holders(unit))
        for node in chance.sample(holders, chance.randint(1, len(holders))):
            yield Regenerate(unit, node)
    lists: list[PlanStep] = [UpdateCtl()] if layout.is_mixed else []
    lists += [RestartTvs(), RestartTftp()]
    for step in lists:
        if chance.random() < 0.8:
            yield step
    yield ResetPhones()
    if layout.is_mixed and chance.random() < 0.5:
        yield ResetCtl()
        yield RestartTftp()
    else:
        yield ResetItl()
    yield ResetPhones()


def walk(script: Script, chance: random.Random) -> Walk:
    """Return a walk through a change; at its end phones have no list."""
    taken = Walk(script)
    for step in change_of(taken.task.layout, chance):
        taken.take(step)
    taken.delete_lists()
    taken.take(ResetPhones())
    return taken


@pytest.mark.parametrize("number", range(WALKS))
@pytest.mark.parametrize("release", KNOWN_RELEASES, ids=str)
def test_every_prediction_comes_true(release: tuple[int, int], number: int) -> None:
    version = Release(*release, 0, 0).written
    place = KNOWN_RELEASES.index(release)
    shape = list(SHAPES)[(3 * place + number // 2) % len(SHAPES)]
    is_mixed = (place + number) % 2 == 0
    chance = random.Random(f"{version}{number}")
    taken = walk(script_of(version, shape, is_mixed=is_mixed), chance)
    script = msgspec.structs.replace(taken.script, steps=tuple(taken.steps))
    played = play_alone(Rehearsal(script, len(script.groups), seed=number))
    assert [step.refusal for step in played.steps if step.refusal] == []
    for step, predicted in zip(played.steps, taken.predicted, strict=True):
        before = [line for each in taken.steps[: step.number] for line in each.run]
        seen = {each.group: verdict_on(each) for each in step.statuses}
        for name, verdicts in predicted.items():
            assert seen[name] in verdicts, (shape, name, before)
