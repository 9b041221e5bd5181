"""A study of a small cluster with everything in it, without playing anything."""

from datetime import UTC, datetime

from msgspec.structs import replace

from tokenless.phone_emulator.planner.model.steps import RESTART_TFTP
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.studio.orders import (
    AT_ONCE,
    digest_of,
    order_of,
    subject_of,
)
from tokenless.phone_emulator.studio.study import (
    Change,
    Event,
    Face,
    GroupResult,
    Guess,
    NodeFact,
    NodeResult,
    PhoneFact,
    PhoneLog,
    RunResult,
    RunSubject,
    StepResult,
    Study,
    Understood,
    Verdict,
)

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SUBSCRIBER = "sub-voice"


def run_result(publisher: str, subject: RunSubject) -> RunResult:
    """Return a run of one step that left half of the phones stuck."""
    face = Face(
        "SEP001122000000",
        "7975",
        "SCCP75.9-4-2",
        publisher,
        "lock",
        {"CTL": ("MD5 00", "", "SAST one"), "ITL": ("Not Installed",)},
        ("Security Mode  Encrypted", "LSC            Installed"),
        ("Trust List update failed",),
        "call: Encrypted",
    )
    step = StepResult(
        number=1,
        title="Everything at once",
        why="`utils ctl update CTLFile` was not run.",
        lines=("admin set cert regen TVS", "phones boot"),
        transcript=f"$ admin set cert regen TVS\nITLRECOVERY_{publisher}",
        refusal=None,
        left_out=(),
        injected=("before line 2: phones off office-7975",),
        verdict="STUCK 1 of 2 phones",
        impact="STUCK 1 of 2 phones",
        tone="bad",
        groups=(
            GroupResult(
                "office-7975",
                "7975",
                {"ok": 1, "stuck": 1},
                "1: ITLRecovery",
                "0: none",
                "registered",
                is_safe=False,
                causes=("neither the phone nor TVS knows the signer",),
                reasons=("ITLFile.tlv: refused",),
                remedies=("`utils itl reset localkey`",),
            ),
        ),
        nodes=(NodeResult(publisher, True, 4947, "aa", "bb"),),
        calls=(),
        logs=(PhoneLog("office-7975", face, "phone's line", f"{publisher} said"),),
        seconds=1.0,
    )
    return RunResult(
        id="0123456789abcdef",
        order="All at once",
        began=NOW,
        state="done",
        version="1.0",
        seed=0,
        phones=2,
        steps=(step,),
        total=1,
        verdicts=(Verdict("STUCK 1 of 2 phones", "bad", ""),),
        subject=subject,
        digest=digest_of(subject.script),
    )


def played_study(publisher: str = "pub-voice") -> Study:
    """Return a study with a cluster, a change and a run."""
    nodes = (
        (publisher, "127.48.47.155", "10.48.47.155"),
        (SUBSCRIBER, "127.48.47.156", "10.48.47.156"),
    )
    script = Script(
        name="CHG77",
        lesson="Example AG's change",
        groups=(Group("office-7975", "7975", tftp=(publisher, SUBSCRIBER), count=2),),
        steps=(Step("Current state", (RESTART_TFTP, "phones boot")),),
        cluster={
            "cluster": {"version": "10.5(1)", "domain": "voice.example"},
            "certificates": {"subject": {"organization": "Example AG"}},
            "nodes": [
                {"name": name, "address": address, "publisher": not number}
                for number, (name, address, _) in enumerate(nodes)
            ],
            "callmanager_groups": [
                {"name": "Voice-CMG", "members": [publisher, SUBSCRIBER]}
            ],
            "device_pools": [
                {"name": "Default", "callmanager_group": "Voice-CMG", "default": True}
            ],
        },
    )
    cluster = Understood(
        script=script,
        version="10.5(1)",
        version_why="given",
        is_mixed=False,
        tokens=0,
        group="Voice-CMG",
        members=(publisher, SUBSCRIBER),
        tftp_nodes=(publisher, SUBSCRIBER),
        nodes=tuple(
            NodeFact(name, real, ("tftp", "callmanager"), not number)
            for number, (name, _, real) in enumerate(nodes)
        ),
        phones=(PhoneFact("office-7975", "7975", "7975", 2),),
        guesses=(Guess("digest", "lists are signed with SHA1 here", "not told"),),
        units=(f"TVS@{publisher}", f"TVS@{SUBSCRIBER}", "CAPF"),
    )
    study = Study(
        name="CHG77",
        made=NOW,
        cluster=cluster,
        is_confirmed=True,
        change=Change("ticked", (f"TVS@{publisher}", f"TVS@{SUBSCRIBER}")),
        history=(Event(NOW, "The study was begun."),),
    )
    subject = subject_of(study, order_of(study, AT_ONCE))
    return replace(study, runs=(run_result(publisher, subject),))
