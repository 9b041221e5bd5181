"""Guesses of an import: no check passes by them."""

from typing import Any

import pytest

from tests.phone_emulator.rehearsal.preflight.subjects import (
    OURS,
    PUB,
    SUB,
    script,
    subject,
)
from tokenless.phone_emulator.rehearsal.preflight.checks import all_checks
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Outcome,
    PreflightCode,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Approximated, Group

GROUP = Approximated(
    "the CallManager group is a guess: a, b", "lists do not tell", "callmanager-group"
)
POOL = Approximated("the order is a guess", "the export does not tell", "device-pools")


def with_groups(*members: str, pool: str | None) -> dict[str, Any]:
    return {
        "cluster": {
            **OURS,
            "callmanager_groups": [
                {"name": "Lab-CMG", "members": [PUB, SUB]},
                {"name": "HQ-CMG", "members": list(members)},
            ],
            "device_pools": [
                {"name": "Default", "callmanager_group": "Lab-CMG", "default": True},
                {"name": "HQ", "callmanager_group": "HQ-CMG"},
            ],
        },
        "groups": (Group(name="g", model="8861", count=3, pool=pool, tftp=(PUB,)),),
        "approximations": (GROUP, POOL),
    }


@pytest.mark.parametrize(
    ("of_script", "expected"),
    [
        ({"approximations": (GROUP,)}, ["not-told"]),
        (
            {"approximations": (Approximated("the group is a guess", "why"),)},
            ["not-told"],
        ),
        (
            {"approximations": (Approximated("one is signed", "why", "ca-signed"),)},
            ["ok"],
        ),
        (with_groups(PUB, SUB, pool="HQ"), ["ok"]),
        (with_groups(PUB, pool="HQ"), ["warning"]),
        (with_groups(PUB, pool=None), ["warning", "not-told"]),
    ],
)
def test_a_guessed_group_is_not_called_well(
    of_script: dict[str, Any], expected: list[str]
) -> None:
    checks = all_checks(subject(script(**of_script)))
    tvs = [c.outcome.value for c in checks if c.code is PreflightCode.TVS_SINGLE]
    assert tvs == expected


@pytest.mark.parametrize(
    "topic",
    [
        *("release", "tftp-nodes", "lists-not-given", "shared-certificate"),
        *("callmanager-group", "tvs-members", "device-pools", "itls-disagree"),
    ],
)
def test_a_change_is_not_called_safe_by_a_guess(topic: str) -> None:
    guess = Approximated("it is a guess", "nothing tells it", topic)
    checks = all_checks(subject(script(approximations=(guess,))))
    (goal,) = [each for each in checks if each.code is PreflightCode.GOAL]
    assert goal.outcome is Outcome.NOT_TOLD
    assert goal.message.endswith("made in one go, if true: it is a guess")
