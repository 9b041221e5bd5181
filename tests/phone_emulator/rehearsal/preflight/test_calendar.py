"""What expires when, and what each renewal does to phones."""

from datetime import UTC, datetime

import pytest

from tests.phone_emulator.rehearsal.preflight.subjects import (
    PUB,
    SUB,
    WELL,
    known,
    script,
    subject,
)
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.rehearsal.preflight.calendar import (
    calendar,
    effect_of,
    public_days,
    renewals_a_year,
)
from tokenless.protocol.release import Release


def test_the_calendar_has_each_certificate_once_with_its_effect() -> None:
    shared = tuple(
        known("CallManager", node, source="itl", serial="07", ca_signed=True)
        for node in (PUB, SUB)
    )
    entries = calendar(subject(script(certificates=(*WELL, *shared))))
    units = [each.certificate.unit for each in entries]
    assert units.count("CallManager") == 1
    entry = next(each for each in entries if each.certificate.unit == "CallManager")
    assert entry.certificate.serial == "07"
    assert entry.public_days == 47
    assert "signer of configurations" in entry.effect
    assert [each.days_left for each in entries] == sorted(e.days_left for e in entries)


@pytest.mark.parametrize(
    ("version", "callmanager", "recovery"),
    [
        ("11.5(1)", "a new signer of lists and configurations", "no signer of lists"),
        ("12.5(1)", "a new signer of configurations", "the signer of lists changes"),
    ],
)
def test_the_signer_of_lists_is_another_one_from_12_0_on(
    version: str, callmanager: str, recovery: str
) -> None:
    layout = ClusterLayout(Release.parse(version))
    assert effect_of("CallManager", layout).startswith(f"{callmanager}: ")
    assert effect_of("ITLRecovery", layout).startswith(recovery)


def test_the_calendar_tells_that_callmanager_reuses_tomcat() -> None:
    both = tuple(
        known(unit, source="in-use", serial="0A", ca_signed=True)
        for unit in ("tomcat", "CallManager")
    )
    own = known("tomcat", SUB, source="in-use", serial="0B")
    entries = calendar(subject(script(certificates=(*WELL, *both, own))))
    effects = {
        each.certificate.serial: each.effect
        for each in entries
        if each.certificate.unit == "tomcat"
    }
    assert effects["0A"].startswith("CallManager reuses it: a new signer")
    assert effects["0B"] == "no phone acts on it"
    assert [renewals_a_year(days) for days in (200, 100, 47)] == [2, 4, 8]


@pytest.mark.parametrize(
    ("day", "granted"),
    [("2026-03-14", 398), ("2026-03-15", 200), ("2027-03-15", 100), ("2029-03-15", 47)],
)
def test_public_lifetimes(day: str, granted: int) -> None:
    assert public_days(datetime.fromisoformat(day).replace(tzinfo=UTC)) == granted
