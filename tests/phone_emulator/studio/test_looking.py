"""Looks before and after the window: what is new, and what is gone."""

from datetime import timedelta

from tests.rigs.studio_studies import NOW
from tokenless.phone_emulator.studio.looking import difference, previous
from tokenless.phone_emulator.studio.study import Look, LookFinding


def look(hour: int, *codes: str, about: str = "a:69") -> Look:
    findings = [LookFinding("warning", code, "a", code, "", "") for code in codes]
    return Look(NOW + timedelta(hours=hour), "check", about, tuple(findings))


def test_what_appeared_and_what_is_gone_is_told() -> None:
    looks = [look(0, "ctl-stale", "tls-old"), look(1, "tls-old", "itl-stale")]
    changed = difference(looks[1], previous(looks, 1))
    assert changed is not None
    assert [each.code for each in changed.appeared] == ["itl-stale"]
    assert [each.code for each in changed.gone] == ["ctl-stale"]


def test_a_look_is_compared_with_one_at_the_same_addresses() -> None:
    looks = [look(0, "ctl-stale"), look(1, about="b:69"), look(2)]
    assert previous(looks, 2) is looks[0]
    assert previous(looks, 1) is None
    assert difference(looks[1], None) is None
