"""A cluster with a fault, and its copy: the same change has the same verdict.

Cisco Tftp of one node was not restarted after ITLRecovery and the CTL were made new. A
copy in which all nodes have the newest lists would call the change safe.
"""

from pathlib import Path

import msgspec

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import Played, run_script
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
TFTP = "utils service restart Cisco Tftp"
CHANGE = Step(
    title="CallManager and TVS in one go",
    run=(
        "admin --all set cert regen CallManager",
        "admin --all set cert regen TVS",
        "admin utils ctl update CTLFile",
        "admin --all utils service restart Cisco Trust Verification Service",
        f"admin --all {TFTP}",
        "phones boot",
    ),
)
REAL = Script(
    name="real",
    lesson="The cluster that is imported.",
    cluster={"cluster": {"version": "12.5(1)"}},
    groups=tuple(
        Group(name=f"8861-at-{node}", model="8861", tftp=(node, other), count=1)
        for node, other in ((PUB, SUB), (SUB, PUB))
    ),
    steps=(
        Step(
            title="TFTP of the subscriber is not restarted",
            run=(
                "admin utils ctl set-cluster mixed-mode",
                f"admin --all {TFTP}",
                "phones boot",
                "time pass 1",  # two certificates of one second have no order
                "admin set cert regen ITLRecovery",
                "admin utils ctl update CTLFile",
                "admin --all utils service restart Cisco Trust Verification Service",
                f"admin {TFTP}",
                "phones boot",
            ),
        ),
    ),
)


def play(script: Script, folder: Path) -> Played:
    folder.mkdir()
    return run_script(script, 2, folder, ProgressListener())


def changed(script: Script) -> Script:
    return msgspec.structs.replace(script, steps=(*script.steps, CHANGE))


def verdicts(played: Played) -> list[dict[str, object]]:
    """Return what becomes of each group in the last two steps, and what it holds."""
    groups = [step.to_json()["observed"]["groups"] for step in played.steps[-2:]]
    keys = ("states", "anchors", "tvs", "rule", "impact")
    return [
        {
            name: {key: each[key] for key in keys} | {"anchors": set(each["anchors"])}
            for name, each in step.items()
        }
        for step in groups
    ]


def test_the_copy_of_a_faulty_cluster_has_its_verdict(tmp_path: Path) -> None:
    play(REAL, tmp_path / "real")
    nodes = tmp_path / "real" / "cluster" / "nodes"
    words = ["--ctl", str(nodes / PUB / "tftp" / "CTLFile.tlv")]
    for node in (PUB, SUB):
        words += ["--itl", str(nodes / node / "tftp" / "ITLFile.tlv")]
    ours = tmp_path / "ours.toml"
    words += ["--version", "12.5(1)", "--models", "8861", "--output", str(ours)]
    status, _, err = run_cli("rehearse", "import", *words)
    assert status == 0, err
    copy = play(changed(load_script(ours)), tmp_path / "copy")
    there = play(changed(REAL), tmp_path / "there")
    assert verdicts(copy) == verdicts(there)
    assert there.impact.locked_out == 1
