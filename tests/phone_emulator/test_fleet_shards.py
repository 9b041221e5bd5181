"""A fleet divided among machines: each phone belongs to exactly one part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.plan import (
    FleetGroup,
    FleetPlan,
    check_plan,
    parse_shard,
)
from tokenless.phone_emulator.secd.events import Server

SERVERS = (Server("127.0.0.1", 6969),)


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    parts=st.integers(1, 12),
)
def test_all_parts_together_are_the_fleet(counts: list[int], parts: int) -> None:
    groups = tuple(
        FleetGroup(count, "7975", f"{number:02X}1122000000")
        for number, count in enumerate(counts)
    )
    whole = FleetPlan(groups)
    devices = [phone.device for phone in whole.phones(SERVERS)]
    found: list[str] = []
    for number in range(1, parts + 1):
        part = replace(whole, shard=f"{number}/{parts}")
        own = [phone.device for phone in part.phones(SERVERS)]
        assert abs(len(own) - len(devices) / parts) < 1
        found += own
    assert sorted(found) == sorted(devices)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3 "])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(PhoneError, match="is not a part of a fleet"):
        parse_shard(text)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(PhoneError, match="the part 9/9 of 8 phones is empty"):
        check_plan(FleetPlan((FleetGroup(8),), shard="9/9"))


def test_the_option_is_checked() -> None:
    words = ("fleet", "boot", "--flash", "x", "--tftp", "127.0.0.1:9")
    status, _, err = run_cli(*words, "--shard", "3/2")
    assert status == 2
    assert "'3/2' is not a part of a fleet" in err
    status, _, err = run_cli(*words, "--first-mac", "FFFFFFFFFFFF")
    assert status == 2
    assert "run out" in err
