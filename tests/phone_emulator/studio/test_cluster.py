"""What was given: recognised by its content, and each guess a value of the study."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.rigs.studio_rig import FIELD, field_lists
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.archive import GivenSource
from tokenless.phone_emulator.studio.orders import order_of, subject_of
from tokenless.phone_emulator.studio.sources import recognise
from tokenless.phone_emulator.studio.study import Change, Corrections, Study, Understood
from tokenless.phone_emulator.studio.understanding import understand

CSV = b"Device Name,Device Pool,Device Type\nSEP000000000001,DP-1,Cisco 8845\n"


def given(**more: bytes) -> list[GivenSource]:
    files = field_lists() | {name.replace("_", "."): d for name, d in more.items()}
    return [GivenSource(name, data) for name, data in files.items()]


def understood(corrections: Corrections | None = None, **more: bytes) -> Understood:
    found = recognise(given(**more))
    assert found.problems == []
    cluster = understand(found, corrections or Corrections(), name="test")
    assert cluster is not None
    return cluster


def test_sources_are_known_by_their_content() -> None:
    found = recognise([*given(), GivenSource("phones.txt", CSV)])
    assert [each.what for each in found.sources] == [
        "CTL, 4 records",
        "ITL of pub, 6 records",
        "ITL of sub1, 6 records",
        "1 phone",
    ]


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("ctl-cut.txt", 61, "the text ends early"),
        ("ctl-elided.txt", 62, "[...]"),
    ],
)
def test_a_wrong_paste_has_its_reason_and_its_line(
    name: str, line: int, reason: str
) -> None:
    (problem,) = recognise([GivenSource(name, (FIELD / name).read_bytes())]).problems
    assert reason in problem.reason
    assert [each.number for each in problem.lines if each.is_wrong] == [line]


def test_a_workbook_is_to_be_saved_as_csv() -> None:
    (problem,) = recognise([GivenSource("phones.xlsx", b"PK\x03\x04...")]).problems
    assert "workbook" in problem.reason
    assert "CSV" in problem.hint


def test_of_two_tables_of_phones_none_is_chosen() -> None:
    found = recognise([*given(), *(GivenSource(n, CSV) for n in ("a.csv", "b.csv"))])
    (problem,) = found.problems
    assert problem.reason == "a.csv and b.csv are tables of phones"
    assert understand(found, Corrections(), name="test") is None


def test_a_wrong_row_of_phones_has_its_line() -> None:
    rows = CSV + b"SEP000000000002,DP-1,\n"
    (problem,) = recognise([GivenSource("phones.csv", rows)]).problems
    assert "no model" in problem.reason
    assert [each.number for each in problem.lines if each.is_wrong] == [3]


def test_guesses_are_told_and_corrections_take_them_away() -> None:
    assert {each.topic for each in understood().guesses} >= {
        "release",
        "callmanager-group",
        "tftp-nodes",
        "models",
    }
    answers = Corrections(version="11.5(1)", serves_tftp=("sub1",), members=("sub1",))
    cluster = understood(answers)
    assert not {"release", "callmanager-group", "tftp-nodes"} & {
        each.topic for each in cluster.guesses
    }
    assert (cluster.version, cluster.tftp_nodes) == ("11.5(1)", ("sub1",))
    assert cluster.members == ("sub1",)


def test_the_share_of_each_model_and_resets_by_themselves_are_guesses() -> None:
    def topics(answers: Corrections) -> set[str]:
        found = {each.topic for each in understood(answers).guesses}
        return found & {"shares", "models", "phone-resets"}

    of_12 = Corrections(version="12.5(1)SU3", models=("7975", "8851"))
    assert topics(of_12) == {"shares", "phone-resets"}
    told = replace(of_12, phone_interaction="automatic")
    assert topics(told) == {"shares"}
    assert understood(told).script.phone_interaction == "automatic"
    older = replace(told, version="11.5(1)")
    assert understood(older).script.phone_interaction is None


def test_a_report_keeps_what_was_regenerated_before() -> None:
    cluster = understood()
    ticked = Change("ticked", ("TVS@pub",))
    study = Study("x", datetime.now(UTC), cluster=cluster, change=ticked)
    (drift,) = subject_of(study, order_of(study, "at-once")).drifts
    assert "CallManager of pub was regenerated after the CTL was made" in drift


def test_a_wrong_correction_is_refused() -> None:
    with pytest.raises(PhoneError, match="not a release"):
        understood(Corrections(version="eleven"))
    with pytest.raises(PhoneError, match="sub9 is not a node"):
        understood(Corrections(members=("sub9",)))


def test_phones_of_an_export_are_groups_of_that_size() -> None:
    cluster = understood(phones_csv=CSV * 1)
    (group,) = cluster.phones
    assert (group.model, group.count, cluster.pools) == ("8845", 1, ("DP-1",))


def test_units_that_can_be_ticked_are_those_of_the_nodes() -> None:
    assert set(understood().units) == {
        *("CallManager@pub", "CallManager@sub1", "TVS@pub", "TVS@sub1"),
        *("CAPF", "ITLRecovery"),
    }
