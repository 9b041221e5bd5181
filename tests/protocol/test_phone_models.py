"""Models that are not known name the nearest one that is."""

import pytest

from tokenless.protocol.phones.models import hint_for_unknown_models, stand_in_for


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CP-8851", "8851"),
        ("Cisco 7841", "7841"),
        ("8899", "8861"),
        ("7899", "7821"),
        ("9999", "7975"),
        ("7937", "7975"),
        ("7912", "7960"),
        ("6999", "7975"),
        ("ATA191", "7960"),
        ("CSF", "Jabber"),
        ("jabber", "Jabber"),
        ("fridge", None),
        ("3905", None),
    ],
)
def test_the_nearest_model(name: str, nearest: str | None) -> None:
    assert stand_in_for(name) == nearest
    hint = hint_for_unknown_models(name)
    assert (f"the nearest to {name} is {nearest}" in hint) == (nearest is not None)
    assert "`tokenless phone models` lists all" in hint


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("3905", "3905: not known how it judges trust lists"),
        ("ATA 192", "ATA 192: not known how it judges trust lists"),
        ("Room 70", "Room 70: not known how it judges trust lists"),
        ("7936", "7936: checks no trust list"),
        ("7905", "7905: checks no trust list"),
        ("ATA 186", "ATA 186: checks no trust list"),
        ("VG410", "VG410: checks no trust list"),
        ("CTI Port", "CTI Port: an application, which fetches the CTL for it"),
    ],
)
def test_why_a_known_model_is_not_emulated(name: str, why: str) -> None:
    assert hint_for_unknown_models(name).startswith(why)
