"""What is found, and said, of clusters that are odd rather than broken."""

from dataclasses import replace

import pytest
from rich.console import Console

from tests.phone_emulator.check.observed import observation, with_group, without_tvs
from tests.rigs.cluster import PUB, SIGNED_AT, SUB, Authority, Lab
from tokenless.phone_emulator.check.findings.finding import Finding, Severity
from tokenless.phone_emulator.check.inspect import inspect, to_json, why_unknown
from tokenless.phone_emulator.check.observing.observation import Missing, Observation
from tokenless.phone_emulator.check.view import check_view

MODELS = ("7975", "8861")
PLAIN = Lab()
MIXED = replace(PLAIN, mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
CTL = "CTLSEP001122334455.tlv"


def nodes(lab: Lab, other: Lab | None = None) -> dict[str, Authority]:
    those = {PUB: lab.authority("pub"), SUB: (other or lab).authority("sub")}
    return with_group(those)


def by_code(seen: Observation, code: str) -> list[Finding]:
    return [each for each in inspect(seen, MODELS) if each.code == code]


def printed(seen: Observation) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(check_view(seen, inspect(seen, MODELS)), soft_wrap=True)
    return capture.get()


def with_file(seen: Observation, name: str, found: bytes | Missing) -> Observation:
    """Return what is seen when the publisher served something else by one name."""
    first, *others = seen.nodes
    changed = replace(first, files={**first.files, name: found})
    return replace(seen, nodes=[changed, *others])


def test_an_older_ctl_with_the_same_records_is_stale_and_would_be_taken() -> None:
    those = nodes(MIXED)
    those[SUB].ctl = replace(MIXED.ctl(), timestamp=SIGNED_AT - 3600)
    seen = observation(those)

    (stale,) = by_code(seen, "ctl-stale")
    assert stale.where == "cucm-sub1"
    assert "hold a file of which only the signature differs" in stale.consequence
    older = by_code(seen, "older-list-accepted")
    assert [each.where for each in older] == ["cucm-sub1"]
    assert "a phone that holds the lists of cucm-pub (7975, 8861)" in older[0].message
    assert older[0].severity is Severity.WARNING


def test_itls_of_two_modes() -> None:
    (finding,) = by_code(observation(nodes(MIXED, PLAIN)), "itl-modes-differ")
    assert finding.severity is Severity.WARNING
    assert finding.where == ""


def test_a_broken_off_download_is_not_a_missing_file() -> None:
    """Phones try the second name only where there is no file of the first."""
    refused = Missing("access violation", is_absent=False)
    seen = with_file(observation(nodes(MIXED)), CTL, refused)

    assert by_code(seen, "ctl-missing") == []
    (failed,) = by_code(seen, "download-failed")
    assert failed.where == "cucm-pub"
    assert "access violation" in failed.message
    assert "unreachable" in printed(seen)


def test_a_member_that_was_not_asked_vouches_for_nobody() -> None:
    """The phone that knew the CTL before the regeneration meets an unknown signer."""
    seen = observation(nodes(REGENERATED, MIXED))
    unasked = replace(seen, members=without_tvs(seen, 0).members[:1])
    (locked, *_) = by_code(unasked, "phone-locked-out")
    assert "no TVS server can be used: the server was not asked" in locked.message


def test_a_member_that_fell_silent_in_between_vouches_for_nobody() -> None:
    seen = observation(nodes(REGENERATED, MIXED))
    reason = "no answer within 10 s"
    members = [
        replace(member, answers=dict.fromkeys(member.answers, reason))
        for member in seen.members
    ]
    seen = replace(seen, members=members)
    (locked, *_) = by_code(seen, "phone-locked-out")
    assert f"no TVS server can be used: {reason}" in locked.message
    answers = to_json(seen, [])["tvs"][0]["answers"]
    assert {answer["reason"] for answer in answers} == {reason}


@pytest.mark.parametrize(
    ("lab", "name", "data", "words"),
    [
        (MIXED, "nothing", b"", "No findings; "),
        (MIXED, CTL, b"\x01\x00", "malformed"),
        (MIXED, CTL, b"\x01\x00", "Phones are locked out: "),
    ],
)
def test_the_table_and_the_last_line(
    lab: Lab, name: str, data: bytes, words: str
) -> None:
    those = nodes(lab)
    for each in those.values():
        each.know(lab.tvs_pub, 21)
        each.know(lab.tvs_sub, 21)
    assert words in printed(with_file(observation(those), name, data))


def test_servers_without_any_file_tell_nothing() -> None:
    """Those of another product, perhaps: no verdict about phones is known."""
    seen = observation(nodes(MIXED))
    absent = Missing("File not found", is_absent=True)
    none = [replace(n, files=dict.fromkeys(n.files, absent)) for n in seen.nodes]
    seen = replace(seen, nodes=none)

    assert "No phone is locked out" not in printed(seen)
    assert "Nothing was checked: no TFTP node serves" in printed(seen)
    assert not to_json(seen, inspect(seen, MODELS))["ok"]
    assert why_unknown(seen)


def test_a_configuration_alone_is_enough_for_a_verdict() -> None:
    seen = observation(nodes(MIXED))
    absent = Missing("File not found", is_absent=True)
    kept = "SEP001122334455.cnf.xml"
    those = [
        replace(n, files=dict.fromkeys(n.files, absent) | {kept: n.files[kept]})
        for n in seen.nodes
    ]
    assert why_unknown(replace(seen, nodes=those)) is None


def test_warnings_alone_lock_nobody_out() -> None:
    those = nodes(MIXED)
    for each in those.values():
        each.know(MIXED.tvs_pub, 21)
        each.know(MIXED.tvs_sub, 21)
    seen = observation(those)
    one = replace(seen, members=seen.members[:1])
    assert "No phone is locked out; 1 warning, " in printed(one)
