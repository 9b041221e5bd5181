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
    ],
)
def test_the_worst_leads(impact: Impact, words: str, tone: Tone) -> None:
    assert str(impact) == words
    assert str(impact_verdict(impact)) == words
    assert impact_verdict(impact).tone is tone


def test_impacts_on_groups_add_up() -> None:
    parts = [Impact(of=3, stuck=1), Impact(of=2, would_be_stuck=2, locked_out=2)]
    assert Impact.total(parts) == Impact(of=5, stuck=1, would_be_stuck=2, locked_out=2)
    assert Impact.total([]).is_safe
