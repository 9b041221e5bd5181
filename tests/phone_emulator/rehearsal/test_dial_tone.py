"""Dial tone after each step: where phones are registered, or why they are not."""

from pathlib import Path

import pytest
from rich.console import Console

from tokenless.phone_emulator.registration.report import (
    Attempt,
    Failure,
    RegistrationReport,
)
from tokenless.phone_emulator.rehearsal.outcome.group_status import itl_file_statuses
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.html_report import render_report
from tokenless.phone_emulator.rehearsal.reports.text_report import step_story
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import ClusterFacts
from tokenless.phone_emulator.rehearsal.rig.phones.dial_tone import (
    FAILURE_WORDS,
    DialTone,
    RegistrationFailure,
    Registrations,
)
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity, Server
from tokenless.protocol.checksums import sha1_of
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.release import Release
from tokenless.services.cluster.presence import ItlStatus

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
SCRIPT = """
name = "monday"
lesson = "CallManager stops, node by node."

[[groups]]
name = "sccp"
share = 0.5

[[groups]]
name = "sip"
model = "8861"

[[steps]]
title = "As it is"
run = ["phones boot"]
expect = [
    {{ group = "sccp", registered = true, secure = false, at = "cucm-1051-a-pub" }},
    {{ group = "sip", registered = true }},
]

[[steps]]
title = "The publisher's CallManager stops"
run = ["admin utils service stop Cisco CallManager"]
expect = [{{ group = "sccp", at = "cucm-1051-a-sub1" }}]

[[steps]]
title = "The other one, too"
run = ["admin --node cucm-1051-a-sub1 utils service stop Cisco CallManager"]
{expect}

[[steps]]
title = "They are started again"
run = ["admin --all utils service start Cisco CallManager"]
expect = [{{ group = "sip", registered = true, at = "cucm-1051-a-pub" }}]
"""
SILENT = """
expect = [
    { group = "sccp", registered = false },
    { group = "sip", registered = false },
]
"""


def play(folder: Path, expect: str = "") -> Played:
    file = folder / "monday.toml"
    file.write_text(SCRIPT.format(expect=expect))
    return play_alone(Rehearsal(load_script(file), 4))


def test_phones_go_to_the_next_node_and_are_silent_without_any(tmp_path: Path) -> None:
    played = play(tmp_path)
    first, second, third, last = played.steps
    assert first.impact.unregistered == 0
    (sccp, sip) = second.statuses
    for group in (sccp, sip):
        assert group.registrations.counts == {DialTone.ELSEWHERE: 2}
        assert group.registrations.nodes == {SUB: 2}
        (cause,) = group.registrations.failures
        assert (cause.failure, cause.node) == (Failure.UNREACHABLE, PUB)
    assert str(second.impact).startswith("SAFE")
    assert third.impact.unregistered == 4
    assert str(third.impact) == (
        "WITHOUT DIAL TONE: 4 of 4 phones: none of 4 phones is stuck"
    )
    assert third.unforeseen == (
        "2 of 2 phones of sccp without dial tone (expected: none)",
        "2 of 2 phones of sip without dial tone (expected: none)",
    )
    assert last.impact.is_safe
    assert last.differences == first.differences == second.differences == ()
    assert not played.ok
    observed = third.to_json()["observed"]["groups"]["sccp"]["registration"]
    assert observed["states"] == {"not registered": 2}
    assert observed["causes"][0]["reason_code"] == "unreachable"
    assert third.to_json()["impact"]["unregistered"] == 4


def test_what_was_expected_is_no_surprise(tmp_path: Path) -> None:
    played = play(tmp_path, SILENT)
    assert played.ok
    assert played.worst is played.steps[2]


def test_an_expectation_that_is_not_met_says_why(tmp_path: Path) -> None:
    wrong = 'expect = [{ group = "sccp", secure = true, at = "cucm-1051-a-pub" }]'
    third = play(tmp_path, wrong).steps[2]
    assert any(each.startswith("2 of 2 phones of sccp") for each in third.differences)
    assert any(
        f"are registered at none, not {PUB}: {PUB}: nothing listens" in each
        for each in third.differences
    )


def report(node: str | None, priority: int = 0, **more: object) -> RegistrationReport:
    return RegistrationReport(
        "SEP001122334455",
        "7975",
        node=node,
        priority=priority,
        **more,  # type: ignore[arg-type]
    )


def test_a_group_is_summed_up() -> None:
    tried = Attempt(PUB, "127.0.0.1:2443", True, Failure.NOT_IN_CTL, "unknown")
    summed = Registrations.of(
        [
            report(PUB),
            report(PUB, cipher="AES128-SHA"),
            report(SUB, 1, cipher="AES128-SHA", attempts=(tried,)),
            report(SUB, 1, attempts=(tried,)),
            report(None, attempts=(tried,)),
        ]
    )
    assert summed.counts == dict.fromkeys(DialTone, 1)
    assert (summed.phones, summed.without, summed.secure) == (5, 1, 2)
    assert summed.nodes == {PUB: 2, SUB: 2}
    (cause,) = summed.failures
    assert summed.failures[cause] == 3
    assert str(cause) == f"{PUB}: {FAILURE_WORDS[Failure.NOT_IN_CTL]}"


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_its_words(failure: Failure) -> None:
    found = RegistrationFailure(failure, "", "")
    assert str(found) == FAILURE_WORDS[failure]
    assert found.fix


ITL_SCRIPT = """
name = "itl"
lesson = "Phones report what they hold."

[cluster.cluster]
version = "{version}"
phone_interaction = "manual"

[[groups]]
name = "sip"
model = "8861"
share = 0.5

[[groups]]
name = "sccp"

[[steps]]
title = "As it is"
run = ["phones boot"]

[[steps]]
title = "Another ITL, and no reset"
run = [
    "admin --all set cert regen TVS",
    "admin --all utils service restart Cisco Trust Verification Service",
    "admin --all utils service restart Cisco Tftp",
]
"""


@pytest.mark.parametrize("version", ["14", "12.5(1)"])
def test_itl_file_status_stands_beside_the_dial_tone(
    tmp_path: Path, version: str
) -> None:
    file = tmp_path / "itl.toml"
    file.write_text(ITL_SCRIPT.format(version=version))
    played = play_alone(Rehearsal(load_script(file), 4))
    found = [
        [
            group["itl_file_status"]
            for group in step.to_json()["observed"]["groups"].values()
        ]
        for step in played.steps
    ]
    page = render_report(played)
    if version != "14":
        assert found == [[{}, {}]] * 2
        assert "ITL File Status" not in page
        return
    assert found == [
        [{"Match": 2}, {"Unknown": 2}],
        [{"Mismatch": 2}, {"Unknown": 2}],
    ]
    assert "ITL File Status" in page
    assert "<td>Mismatch</td>" in page
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(step_story(played.steps[1]))
    assert "Mismatch" in capture.get()


def test_a_phone_that_holds_no_itl_or_that_of_nobody() -> None:
    """Statuses that need a phone without an ITL, or a server that serves none."""
    phone = PhoneIdentity(
        device="SEP001122334455",
        model_name="8861",
        servers=(Server("127.0.0.1", 69),),
    )
    here = RegistrationReport(phone.device, "8861", Signalling.SIP, PUB)

    def status(
        itl: bytes | None, served: dict[str, str], registered: RegistrationReport = here
    ) -> list[ItlStatus]:
        facts = ClusterFacts(
            "lab", Release.parse("14"), True, "1.2", {}, {}, {}, frozenset(), served
        )
        contents = {phone.device: FlashContents(itl=itl)}
        counts = itl_file_statuses([phone], contents, {phone.device: registered}, facts)
        assert sum(counts.values()) == 1
        return list(counts)

    mine = sha1_of(b"mine")
    assert status(None, {"127.0.0.1": mine}) == [ItlStatus.NOT_INSTALLED]
    assert status(b"mine", {}) == [ItlStatus.UNKNOWN]
    assert status(b"mine", {"127.0.0.1": mine}) == [ItlStatus.MATCH]
    assert status(b"mine", {"127.0.0.2": mine}) == [ItlStatus.MATCH]
    other = {"127.0.0.1": sha1_of(b"other"), "127.0.0.2": mine}
    assert status(b"mine", other) == [ItlStatus.MISMATCH]
    away = RegistrationReport(phone.device, "8861", Signalling.SIP)
    assert status(b"mine", {"127.0.0.1": mine}, away) == [ItlStatus.UNKNOWN]


def test_stuck_phones_come_before_silent_ones() -> None:
    impact = Impact(stuck=2, unregistered=3, of=4)
    assert str(impact).startswith("STUCK 2 of 4 phones: 3 without dial tone")
    assert Impact(unregistered=1, of=4).weight < Impact(stuck=1, of=4).weight
