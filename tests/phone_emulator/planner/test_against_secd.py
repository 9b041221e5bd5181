"""The model decides as phones do: random walks, each boot compared with a real SECD."""

import random

import pytest

from tests.phone_emulator.planner.real import boot_for_real
from tokenless.phone_emulator.planner.model import Site, first_cluster
from tokenless.phone_emulator.planner.phones import Boot, Fate, Group, Phone, boot
from tokenless.phone_emulator.planner.steps import (
    Regenerate,
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
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.release import Release
from tokenless.protocol.trust_anchors import FileKind

MODELS = ("7975", "8861", "7960", "Jabber")
WALKS, STEPS = 8, 14


def steps_of(site: Site) -> list[Step]:
    return [
        *(Regenerate(unit, node) for unit, node in site.slots),
        *([UpdateCtl(), ResetCtl()] if site.is_mixed else []),
        ResetItl(),
        RestartTvs(),
        *[RestartTftp()] * 4,
        *[ResetPhones()] * 4,
    ]


def fate_of(report: BootReport, kind: FileKind) -> tuple[str, str | None]:
    file = report.files[kind]
    by = None if file.verified_by is None else file.verified_by.value
    return file.action.value, by


def predicted(fate: Fate) -> tuple[str, str | None]:
    return fate.action, None if fate.verified_by is None else fate.verified_by.value


def compare(boot_: Boot, report: BootReport, where: str) -> None:
    assert predicted(boot_.ctl) == fate_of(report, FileKind.CTL), where
    if boot_.itl is not None:
        assert predicted(boot_.itl) == fate_of(report, FileKind.ITL), where
    refused = report.files[FileKind.CONFIGURATION].action.value == "rejected"
    assert (boot_.configuration.action == "rejected") == refused, where


@pytest.mark.parametrize("version", ["10.5(1)", "11.5(1)", "12.5(1)"])
@pytest.mark.parametrize("is_mixed", [True, False], ids=["mixed", "non-secure"])
@pytest.mark.parametrize("nodes", [("pub",), ("pub", "sub")], ids=["one", "two"])
def test_random_walks(version: str, is_mixed: bool, nodes: tuple[str, ...]) -> None:
    site = Site(Release.parse(version), nodes, is_mixed)
    groups = tuple(
        Group(f"{model}-{node}", model, node)
        for model in MODELS
        for node in range(len(nodes))
    )
    chance = random.Random(f"{version}{is_mixed}{nodes}")
    refused = 0
    for _ in range(WALKS):
        world = World(first_cluster(site), tuple(Phone() for _ in groups))
        flashes = [FlashContents() for _ in groups]
        walk = [ResetPhones(), *chance.choices(steps_of(site), k=STEPS), ResetPhones()]
        for number, step in enumerate(walk):
            if isinstance(step, ResetPhones):
                for index, group in enumerate(groups):
                    at = chance.randrange(len(nodes))
                    result = boot(site, world.cluster, group, world.phones[index], at)
                    report, flashes[index] = boot_for_real(
                        site, world.cluster, group, flashes[index], at
                    )
                    compare(
                        result, report, f"{group.name} at {at}: {walk[: number + 1]}"
                    )
                    refused += bool(result.refusals)
                    phones = list(world.phones)
                    phones[index] = result.phone
                    world = world._replace(phones=tuple(phones))
            else:
                world = apply(site, groups, world, step)
    assert refused or not is_mixed, "walks that nobody minds prove little"
