"""What is compared of a page does not depend on the day on which it was written."""

import pytest

from tests.system.transcript import Comparable

SAYS = "The CTL File was modified on"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            f"{SAYS} Tue Nov 24 12:50:19 UTC 2026",
            f"{SAYS} Sat Dec 05 09:00:00 UTC 2026",
        ),
        ("signed 2026-11-24 16:45:02Z, MD5", "signed 2027-01-31 23:59:59Z, MD5"),
        ("TVS 5:04:00p, 1.2 s", "TVS 11:59:59a, 10.0 s"),
    ],
)
def test_any_day_reads_like_any_other(one: str, other: str) -> None:
    assert Comparable().of(one) == Comparable().of(other)


def test_two_times_need_not_be_equal_where_a_page_shows_equal_ones() -> None:
    page = "2026-11-24 16:45:02Z\n2026-11-24 16:45:02Z"
    slower = "2026-11-24 16:45:02Z\n2026-11-24 16:45:03Z"
    assert Comparable().of(page) == Comparable().of(slower)


def test_a_serial_number_is_told_from_another() -> None:
    one, other = "56:03:26:11:24:12", "56:03:26:11:24:13"
    assert Comparable().of(f"{one}\n{one}") != Comparable().of(f"{one}\n{other}")
