"""What a node may announce is counted as phones come and go; who has a number."""

import pytest

from tests.rigs.registrations import CLEAR, SECURE
from tokenless.protocol.cluster_link import PhoneEntry
from tokenless.services.callmanager import directory as module
from tokenless.services.callmanager.directory import Directory, Elsewhere


def entry(device: str, number: str, *, at_ms: int = 5) -> PhoneEntry:
    return PhoneEntry(device, number, 1, False, False, "127.0.0.1", at_ms)


def found(known: Directory, *names: str) -> list[str]:
    return [name for name in names if known.find(name) is not None]


def test_room_that_a_phone_leaves_is_another_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_PHONES", 2)
    known = Directory()
    known.put("a", [entry("X1", "1"), entry("X2", "2")])
    known.put("a", [entry("X3", "3"), entry("X1", "1", at_ms=6)])
    assert found(known, "X1", "X2", "X3") == ["X1", "X2"]
    assert known.find("X1") == Elsewhere("a", entry("X1", "1", at_ms=6))
    known.remove("a", ["X9", "X2"])
    known.put("a", [entry("X3", "3"), entry("X4", "4")])
    assert found(known, "X1", "X2", "X3", "X4") == ["X1", "X3"]
    known.forget("a")
    known.put("a", [entry("X5", "5"), entry("X6", "6"), entry("X7", "7")])
    assert found(known, "X1", "X5", "X6", "X7") == ["X5", "X6"]
    assert len(known) == 2


def test_of_phones_with_one_number_the_latest_is_called() -> None:
    known = Directory()
    old, new = entry(SECURE, "1000", at_ms=5), entry(CLEAR, "1000", at_ms=6)
    for first, second in ((old, new), (new, old)):
        known.forget("a")
        known.put("a", [first, second])
        assert known.find_number("1000") == Elsewhere("a", new)
    known.remove("a", [CLEAR])
    assert known.find_number("1000") == Elsewhere("a", old)
    known.remove("a", [SECURE])
    assert known.find_number("1000") is None


def test_a_number_that_one_node_still_names_is_kept() -> None:
    known = Directory()
    known.put("a", [entry(CLEAR, "1000")])
    known.put("b", [entry(CLEAR, "1000", at_ms=6)])
    known.remove("b", [CLEAR])
    assert known.find_number("1000") == Elsewhere("a", entry(CLEAR, "1000"))
    known.remove("a", [CLEAR])
    assert (known.find_number("1000"), known.find(CLEAR)) == (None, None)
