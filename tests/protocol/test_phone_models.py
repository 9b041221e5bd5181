"""Models that are not known name the nearest one that is."""

import pytest

from tokenless.protocol.phones.models import (
    PHONE_MODELS,
    hint_for_unknown_models,
    stand_in_for,
)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("8845", "8861"),
        ("CP-8851", "8861"),
        ("Cisco 7841", "7821"),
        ("7832", "7821"),
        ("7962", "7975"),
        ("9971", "7975"),
        ("7937", "7975"),
        ("7912", "7960"),
        ("6911", "7960"),
        ("6921", "7975"),
        ("ATA191", "7960"),
        ("CSF", "Jabber"),
        ("jabber", "Jabber"),
        ("DX80", None),
        ("fridge", None),
    ],
)
def test_the_nearest_model(name: str, nearest: str | None) -> None:
    assert stand_in_for(name) == nearest
    hint = hint_for_unknown_models(name)
    assert (f"the nearest to {name} is {nearest}" in hint) == (nearest is not None)
    assert ", ".join(PHONE_MODELS) in hint
