"""The model decides as phones do: random walks, each boot compared with a real SECD."""

import json
import random
from pathlib import Path

import pytest

from tests.phone_emulator.planner.real import boot_for_real, key_of
from tests.phone_emulator.planner.tasks import layout_of
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.planner.model.cluster import (
    ClusterLayout,
    first_cluster,
    identity,
)
from tokenless.phone_emulator.planner.model.phones import (
    FileOutcome,
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    boot,
)
from tokenless.phone_emulator.planner.model.race import moments, with_new_certificate
from tokenless.phone_emulator.planner.model.registration import secure_nodes, shown_now
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
    resets_phones,
)
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.planner.search.solve import solve
from tokenless.phone_emulator.registration.group import callmanagers_believed
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.protocol.codes import EVERY_ROLE, NodeRole, TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.protocol.trust.anchors import FileKind

MODELS = ("7975", "8861", "7960", "Jabber")
WALKS, STEPS = 4, 14


def steps_of(layout: ClusterLayout) -> list[PlanStep]:
    return [
        *(Regenerate(unit, node) for unit, node in layout.slots),
        *((UpdateCtl(), ResetCtl()) if layout.is_mixed else ()),
        ResetItl(),
        RestartTvs(),
        *[RestartTftp()] * 4,
        *[ResetPhones()] * 4,
    ]


def fate_of(report: BootReport, kind: FileKind) -> tuple[str, str | None, str | None]:
    file = report.files[kind]
    by = None if file.verified_by is None else file.verified_by.value
    return file.action.value, by, None if file.code is None else file.code.value


def predicted(outcome: FileOutcome) -> tuple[str, str | None, str | None]:
    by = None if outcome.verified_by is None else outcome.verified_by.value
    return (
        outcome.action.value,
        by,
        None if outcome.reason is None else outcome.reason.value,
    )


def compare(boot_: PredictedBoot, report: BootReport, where: str) -> None:
    assert predicted(boot_.ctl) == fate_of(report, FileKind.CTL), where
    if boot_.itl is not None:
        assert predicted(boot_.itl) == fate_of(report, FileKind.ITL), where
    configuration = report.files[FileKind.CONFIGURATION]
    refused = configuration.action is FileAction.REJECTED
    assert (boot_.configuration.action is FileAction.REJECTED) == refused, where
    if refused:
        assert boot_.configuration.reason is configuration.code, where


class Walk:
    """Phones of the model and real ones, through the same steps."""

    def __init__(
        self,
        layout: ClusterLayout,
        groups: tuple[PhoneGroup, ...],
        chance: random.Random | None,
    ) -> None:
        """Begin; without chance phones boot at their own nodes."""
        self.layout = layout
        self.groups = groups
        self.world = World(first_cluster(layout), tuple(PhoneLists() for _ in groups))
        self.flashes = [FlashContents() for _ in groups]
        self.chance = chance
        self.starts = random.Random(0)
        """When each node's CallManager last started."""
        self.taken: list[PlanStep] = []
        self.refused = 0

    def take(self, step: PlanStep) -> None:
        self.taken.append(step)
        if isinstance(step, Regenerate) and resets_phones(self.layout, step):
            self._race(step)
            return
        if not isinstance(step, ResetPhones):
            self.world = apply(self.layout, self.groups, self.world, step)
            return
        for index, group in enumerate(self.groups):
            self._boot(index, group)

    def _race(self, step: Regenerate) -> None:
        """Boot both at a moment of the race; the model has to have thought of it."""
        assert self.chance is not None
        expected = apply(self.layout, self.groups, self.world, step)
        new = with_new_certificate(
            self.layout, self.world.cluster, step.unit, step.node
        )
        phones = []
        for index, group in enumerate(self.groups):
            when = moments(self.layout, new, step.unit, step.node, group.node)
            phone, cluster = self.world.phones[index], self.chance.choice(when)
            result = boot(self.layout, cluster, group, phone)
            report, self.flashes[index] = boot_for_real(
                self.layout, cluster, group, self.flashes[index], group.node
            )
            compare(result, report, f"{group.name} in a race: {self.taken}")
            self.refused += bool(result.refusals)
            assert (group, result.phone) in expected.held(self.groups)
            assert not result.refusals or group in expected.refused
            phones.append(result.phone)
        self.world = World(expected.cluster, tuple(phones))

    def _boot(self, index: int, group: PhoneGroup) -> None:
        """Boot both; at any node where there is chance."""
        cluster, at = self.world.cluster, group.node
        if self.chance is not None:
            at = self.chance.choice(list(self.layout.tftp_nodes))
        phones = list(self.world.phones)
        result = boot(self.layout, cluster, group, phones[index], at)
        report, self.flashes[index] = boot_for_real(
            self.layout, cluster, group, self.flashes[index], at
        )
        compare(result, report, f"{group.name} at {at}: {self.taken}")
        self.refused += bool(result.refusals)
        phones[index] = result.phone
        self.world = self.world._replace(phones=tuple(phones))
        self._register(group, result.phone, self.flashes[index])

    def _register(
        self, group: PhoneGroup, phone: PhoneLists, flash: FlashContents
    ) -> None:
        """Compare where the phone would register over TLS; services started anywhen."""
        newest = shown_now(self.layout, self.world.cluster)
        shown = newest
        if self.chance is not None:
            shown = tuple(
                identity(who.unit, who.node, self.starts.randint(0, who.generation))
                for who in newest
            )
        believed = callmanagers_believed(flash)
        expected = tuple(
            node
            for node in group.members_of(self.layout)
            if key_of(shown[node]).certificate.der in believed
        )
        assert secure_nodes(self.layout, shown, group, phone) == expected


RELEASES = ["10.5(1)", "10.5(2)", "11.5(1)", "12.0(1)", "12.5(1)", "14", "15"]
AUTOMATIC = ["12.5(1)", "14", "14SU3", "15"]


@pytest.mark.parametrize(
    ("version", "interaction"),
    [
        *((version, PhoneInteraction.MANUAL) for version in RELEASES),
        *((version, PhoneInteraction.AUTOMATIC) for version in AUTOMATIC),
    ],
)
@pytest.mark.parametrize("is_mixed", [True, False], ids=["mixed", "non-secure"])
@pytest.mark.parametrize("nodes", [("pub",), ("pub", "sub")], ids=["one", "two"])
def test_random_walks(
    version: str,
    interaction: PhoneInteraction,
    is_mixed: bool,
    nodes: tuple[str, ...],
) -> None:
    layout = ClusterLayout(
        Release.parse(version), nodes, is_mixed, interaction=interaction
    )
    groups = tuple(
        PhoneGroup(f"{model}-{node}", model, node)
        for model in MODELS
        for node in range(len(nodes))
    )
    seed = f"{version}{is_mixed}{nodes}"
    if interaction is PhoneInteraction.AUTOMATIC:
        seed += interaction
    chance = random.Random(seed)
    refused = 0
    for _ in range(WALKS):
        walk = Walk(layout, groups, chance)
        steps = chance.choices(steps_of(layout), k=STEPS)
        for step in (ResetPhones(), *steps, ResetPhones()):
            walk.take(step)
        refused += walk.refused
    assert refused or not is_mixed, "walks that nobody minds prove little"


@pytest.mark.parametrize("version", ["10.5(2)", "12.5(1)", "14", "15"])
def test_a_random_walk_at_full_size(version: str) -> None:
    """21 nodes, TFTP nodes apart, three CallManager groups."""
    layout = layout_of(version, tuple(f"n{number}" for number in range(21)))
    members = ((0, 3, 4), (5, 6, 7, 8), tuple(range(9, 14)))
    groups = tuple(
        PhoneGroup(f"{model}-{node}-{number}", model, node, each)
        for number, each in enumerate(members)
        for model in MODELS
        for node in (1, 2)
    )
    chance = random.Random(version)
    walk = Walk(layout, groups, chance)
    units = [chance.choice(layout.slots) for _ in range(30)]
    steps = [step for step in steps_of(layout) if not isinstance(step, Regenerate)]
    mixed = [*(Regenerate(*slot) for slot in units), *chance.choices(steps, k=8)]
    chance.shuffle(mixed)
    for step in (ResetPhones(), *mixed, ResetPhones()):
        walk.take(step)


def test_a_plan_at_full_size_is_what_phones_make_of_it() -> None:
    """Every reset of the shortest plan, as real SECDs see it: nobody is refused."""
    layout = ClusterLayout(
        Release.parse("11.5(1)"), tuple(f"n{number}" for number in range(21))
    )
    groups = tuple(
        PhoneGroup(f"{model}-{node}-{each}", model, node, each)
        for each in ((0, 3, 4), (5, 6, 7, 8))
        for model, node in (("7975", 1), ("8861", 2))
    )
    wanted = Task(layout, groups, parse_goal("CallManager, TVS", layout))
    solved = solve(wanted)
    assert solved.proven
    assert solved.steps is not None
    walk = Walk(layout, groups, None)
    for step in (ResetPhones(), ResetPhones(), *solved.steps):
        walk.take(step)
    assert walk.refused == 0


@pytest.mark.parametrize("version", ["10.5(1)", "12.5(1)", "15"])
@pytest.mark.parametrize(
    ("goal", "models", "is_mixed"),
    [
        ("CallManager, TVS", ("7960",), False),
        ("CallManager, TVS, CAPF, ITLRecovery", ("7940", "Jabber"), False),
        ("CallManager, TVS, ITLRecovery", ("7960", "8861"), False),
        ("CallManager, TVS", ("7960", "8861"), False),
        ("TVS, ITLRecovery", ("7960",), True),
    ],
)
def test_a_plan_for_phones_without_a_list_is_what_they_make_of_it(
    version: str, goal: str, models: tuple[str, ...], is_mixed: bool
) -> None:
    """They take nothing at a reset, and are refused nothing at any other moment."""
    layout = ClusterLayout(Release.parse(version), ("pub", "sub"), is_mixed)
    groups = tuple(
        PhoneGroup(f"{model}-{node}", model, node)
        for model in models
        for node in (0, 1)
    )
    plan = make_plan(Task(layout, groups, parse_goal(goal, layout)), timeout_s=60)
    assert plan.steps is not None
    assert (plan.unsafe, plan.by_hand, plan.proven) == ((), (), True)
    walk = Walk(layout, groups, None)
    for step in (ResetPhones(), ResetPhones(), *(each.step for each in plan.steps)):
        walk.take(step)
        if not isinstance(step, ResetPhones):
            _boot_beside(walk)
    walk.take(ResetPhones())
    assert walk.refused == 0


def _boot_beside(walk: Walk) -> None:
    """Boot the phones without a list as a power cut does, whatever the step."""
    for index, group in enumerate(walk.groups):
        if walk.world.phones[index].is_empty:
            walk._boot(index, group)


EVERY, CALLS = EVERY_ROLE, frozenset({NodeRole.CALLMANAGER})
SHARED = {
    "a-shared-callmanager": frozenset({TrustStore.CALLMANAGER}),
    "a-shared-tvs-too": frozenset({TrustStore.CALLMANAGER, TrustStore.TVS}),
}


@pytest.mark.parametrize("version", ["12.5(1)", "14", "15"])
@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED)
def test_random_walks_with_shared_certificates_and_roles(
    version: str, shared: frozenset[TrustStore]
) -> None:
    layout = ClusterLayout(
        Release.parse(version),
        ("pub", "tftp", "calls"),
        roles=(CALLS, EVERY, CALLS),
        shared=shared,
        interaction=PhoneInteraction.default_of(Release.parse(version)),
    )
    groups = tuple(PhoneGroup(model, model, 1, (2, 0)) for model in MODELS)
    chance = random.Random(f"{version}{sorted(shared)}")
    steps_there = [
        step
        for step in steps_of(layout)
        if not isinstance(step, Regenerate) or step.node in layout.holders(step.unit)
    ]
    refused = 0
    for _ in range(3 * WALKS):
        walk = Walk(layout, groups, chance)
        for step in (ResetPhones(), *chance.choices(steps_there, k=STEPS)):
            walk.take(step)
        walk.take(ResetPhones())
        refused += walk.refused
    assert refused, "walks that nobody minds prove little"


def test_a_shared_certificate_is_one_step_and_is_played(tmp_path: Path) -> None:
    saved = tmp_path / "plan.toml"
    words = ("--nodes", "pub,tftp1,tftp2", "--tftp", "tftp1,tftp2", "--models", "8861")
    issued = ("--multi-server", "CallManager", "--ca-signed", "CallManager")
    goal = ("--goal", "regenerate CallManager", "--version", "12.5(1)")
    status, out, err = run_cli(
        "rehearse", "plan", *goal, *words, *issued, "--save", str(saved), "--json"
    )
    assert status == 0, err
    typed = [line for step in json.loads(out)["steps"] for line in step["run"]]
    assert typed.count("cert sign CallManager") == 1
    assert not any("set cert regen" in line for line in typed)
    status, out, err = run_cli("rehearse", "run", str(saved), "--phones", "2", "--json")
    assert status == 0, (out, err)
    assert json.loads(out.splitlines()[-1])["expectations"] == "met"


def test_what_no_release_shares_is_refused() -> None:
    goal = ("--goal", "regenerate CallManager", "--version", "12.5(1)")
    for words, said in (
        (("--multi-server", "CallManager"), "self-signed CallManager"),
        (("--multi-server", "TVS", "--ca-signed", "TVS"), "its own TVS certificate"),
        (("--multi-server", "CAPF", "--ca-signed", "CAPF"), "never multi-server"),
        (("--ca-signed", "ITLRecovery"), "no CA signs"),
        (("--ca-signed", "nothing"), "no unit"),
    ):
        status, _, err = run_cli("rehearse", "plan", *goal, *words)
        assert status == 2
        assert said in err
