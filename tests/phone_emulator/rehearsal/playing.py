"""Rehearsals of a few phones whose remedies are played."""

from pathlib import Path

from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.remedy import RemedyKind
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
TFTP = "utils service restart Cisco Tftp"
TVS = "utils service restart Cisco Trust Verification Service"
HEAD = """
name = "remedies"
lesson = "A remedy is played."

[cluster.cluster]
version = "VERSION"

[[groups]]
name = "far"
count = 1
tftp = ["cucm-1051-a-sub1", "cucm-1051-a-pub"]
"""
MIXED = [
    "admin utils ctl set-cluster mixed-mode",
    f"admin --all {TFTP}",
    "phones boot",
]
NEW = """
[others.new.cluster]
version = "15"

[[others.new.nodes]]
name = "new-pub"
address = "127.0.47.165"
publisher = true

[[others.new.callmanager_groups]]
name = "new"
members = ["new-pub"]

[[others.new.device_pools]]
name = "Default"
callmanager_group = "new"
default = true
"""
BOOT_TWICE = ["phones boot", "phones boot"]


def play(folder: Path, version: str, *steps: list[str], groups: str = "") -> Played:
    file = folder / "remedies.toml"
    text = HEAD.replace("VERSION", version) + groups
    for number, lines in enumerate(steps, 1):
        text += f'[[steps]]\ntitle = "step {number}"\nrun = {lines!r}\n'
    file.write_text(text)
    return play_alone(Rehearsal(load_script(file), 1))


def statuses(played: Played, group: str = "far") -> list[GroupStatus]:
    """Return the status of a group after each step."""
    refused = [step.refusal for step in played.steps if step.refusal]
    assert not refused
    return [
        next(each for each in step.statuses if each.group == group)
        for step in played.steps
    ]


def kinds(status: GroupStatus) -> list[RemedyKind]:
    return [remedy.kind for remedy in status.remedies]


def is_stuck(status: GroupStatus) -> bool:
    return status.impact.stuck > 0
