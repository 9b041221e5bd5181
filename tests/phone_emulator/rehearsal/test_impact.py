"""The headline of an impact leads with the worst, and is never greener than it."""

import pytest

from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.reports.verdict import Tone, impact_verdict


@pytest.mark.parametrize(
    ("impact", "words", "tone"),
    [
        (Impact(of=21), "SAFE: none of 21 phones is stuck", Tone.GOOD),
        (
            Impact(of=21, waiting=1),
            (
                "SAFE: none of 21 phones is stuck; 1 off or not restarted: a "
                "copy booted well"
            ),
            Tone.GOOD,
        ),
        (
            Impact(of=400, stuck=400, locked_out=400),
            "LOCKED OUT 400 of 400 phones",
            Tone.BAD,
        ),
        (
            Impact(of=9, stuck=5, would_be_stuck=3, locked_out=4, locked_out_later=1),
            (
                "LOCKED OUT 4 of 9 phones: 2 more stuck; "
                "2 more would be stuck when they next start"
            ),
            Tone.BAD,
        ),
        (
            Impact(of=8, would_be_stuck=8, locked_out=8, locked_out_later=8),
            "LOCKED OUT 8 of 8 phones when they next start",
            Tone.BAD,
        ),
        (
            Impact(of=21, stuck=1, locked_out=1, by_hand=1),
            "1 phone must be recovered by hand: the other 20 are not stuck",
            Tone.BAD,
        ),
        (
            Impact(of=5, stuck=5, locked_out=1, by_hand=1),
            "STUCK 5 of 5 phones: 1 of them must be recovered by hand",
            Tone.BAD,
        ),
        (
            Impact(of=5, stuck=2, would_be_stuck=1),
            "STUCK 2 of 5 phones: 1 more would be stuck when they next start",
            Tone.BAD,
        ),
        (
            Impact(of=1, would_be_stuck=1),
            "WOULD BE STUCK 1 of 1 phone when they next start",
            Tone.LATER,
        ),
        (
            Impact(of=4, failed_calls=1),
            "CALLS FAILED: 1: none of 4 phones is stuck",
            Tone.BAD,
        ),
        (
            Impact(of=4, failed_calls=2, weaker_calls=1),
            (
                "CALLS FAILED: 2: 1 call less secure than before; "
                "none of 4 phones is stuck"
            ),
            Tone.BAD,
        ),
        (
            Impact(of=4, weaker_calls=1),
            "CALLS LESS SECURE THAN BEFORE: 1: none of 4 phones is stuck",
            Tone.LATER,
        ),
        (
            Impact(of=4, stuck=4, unregistered=2, failed_calls=1, weaker_calls=2),
            (
                "STUCK 4 of 4 phones: 2 without dial tone; 1 call failed; "
                "2 calls less secure than before"
            ),
            Tone.BAD,
        ),
        (
            Impact(of=4, unregistered=2, failed_calls=1),
            (
                "WITHOUT DIAL TONE: 2 of 4 phones: 1 call failed; "
                "none of 4 phones is stuck"
            ),
            Tone.BAD,
        ),
    ],
)
def test_the_worst_leads(impact: Impact, words: str, tone: Tone) -> None:
    assert str(impact) == words
    assert str(impact_verdict(impact)) == words
    assert impact_verdict(impact).tone is tone


def test_a_lost_call_weighs_less_than_a_silent_phone() -> None:
    order = [
        Impact(of=4),
        Impact(of=4, weaker_calls=9),
        Impact(of=4, failed_calls=1),
        Impact(of=4, unregistered=1),
        Impact(of=4, stuck=1),
    ]
    assert sorted(order, key=lambda each: each.weight) == order
    assert [each.is_safe for each in order] == [True, False, False, False, False]


def test_impacts_on_groups_add_up() -> None:
    parts = [Impact(of=3, stuck=1), Impact(of=2, would_be_stuck=2, locked_out=2)]
    assert Impact.total(parts) == Impact(of=5, stuck=1, would_be_stuck=2, locked_out=2)
    assert Impact.total([]).is_safe
